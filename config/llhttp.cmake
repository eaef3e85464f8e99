# Target `llhttp`: a system libllhttp >= 9, else the generated C that Debian 12 packages as
# node-llhttp (8.1), compiled here in strict mode, without which 8.1.0 is open to smuggling.
pkg_check_modules(LLHTTP IMPORTED_TARGET libllhttp>=9)
if(LLHTTP_FOUND)
    add_library(llhttp INTERFACE)
    target_link_libraries(llhttp INTERFACE PkgConfig::LLHTTP)
else()
    # config/install unpacks the package here; an installed one serves as well.
    find_path(LLHTTP_SOURCE_DIR llhttp.c
        PATHS ${PROJECT_SOURCE_DIR}/build/deps/llhttp/usr/share/llhttp /usr/share/llhttp
        NO_DEFAULT_PATH REQUIRED)
    add_library(llhttp STATIC
        ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c)
    target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_SOURCE_DIR}/../include/llhttp)
    target_compile_definitions(llhttp PRIVATE LLHTTP_STRICT_MODE=1)
    target_compile_options(llhttp PRIVATE -w)
endif()
