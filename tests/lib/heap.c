/*
 * Heap: the wrappers that the linker puts around the C library's allocator (--wrap in
 * tests/CMakeLists.txt), and the same for two libraries, through their own hooks.
 */
#include "tests/lib/heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

static struct {
    size_t live;
    size_t before; /* live at heap_begin() */
    size_t most;
} heap;

/* Names that the linker gives: __real_X is what the C library has, __wrap_X what is called. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len);
void __real_free(void *old);
void __wrap_free(void *old);

static void *count(void *made)
{
    heap.live += malloc_usable_size(made); /* 0 of NULL */
    heap.most = heap.live > heap.most ? heap.live : heap.most;
    return made;
}

/* What another library's code allocated, and ours frees, was never counted. */
static void forget(size_t size)
{
    heap.live -= size < heap.live ? size : heap.live;
}

void *__wrap_malloc(size_t size)
{
    return count(__real_malloc(size));
}

void *__wrap_calloc(size_t num, size_t size)
{
    return count(__real_calloc(num, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    size_t before = malloc_usable_size(old);
    void *made = count(__real_realloc(old, size)); /* for a moment both may be there */

    if (made != NULL) {
        forget(before);
    }
    return made;
}

char *__wrap_strdup(const char *text)
{
    return count(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t len)
{
    return count(__real_strndup(text, len));
}

void __wrap_free(void *old)
{
    forget(malloc_usable_size(old));
    __real_free(old);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    return __wrap_malloc(size);
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line)
{
    if (size == 0) {
        __wrap_free(old);
        return NULL;
    }
    return __wrap_realloc(old, size);
}

static void openssl_free(void *old, const char *file, int line)
{
    __wrap_free(old);
}

void heap_watch_libraries(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        abort(); /* something was allocated already */
    }
}

void heap_begin(void)
{
    heap.before = heap.live;
    heap.most = heap.live;
}

size_t heap_peak(void)
{
    return heap.most - heap.before;
}
