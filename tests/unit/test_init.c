/*
 * Init: what lies in the folder afterwards, and that nothing is ever overwritten.
 */
#include "ca/init.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "attest/policy.h"
#include "ca/keys.h"
#include "common/err.h"
#include "common/file.h"
#include "config/ca_config.h"
#include "tests/lib/folder.h"

#define NOW 1790000000
#define PATH_CAP (FOLDER_PATH_CAP + 64)

static const char *const names[] = {"localhost", "127.0.0.1", "::1"};

static int create(const char *dir, struct err *err)
{
    *err = (struct err){0};
    return init_create(&(struct init_options){dir, "prod.example", names, 3, NOW}, err);
}

static int setup(void **state)
{
    char *dir = malloc(FOLDER_PATH_CAP);

    assert_non_null(dir);
    folder_make(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

static void keys_are_for_their_owner_only(void **state)
{
    static const struct {
        const char *name;
        unsigned mode;
    } files[] = {
        {"", 0700},           {"root.key", 0400},     {"issuing.key", 0400},
        {"server.key", 0400}, {"nonce.secret", 0400}, {"ca.ini", 0600},
        {"policy.ini", 0600}, {"root.pem", 0644},     {"issuing.pem", 0644},
        {"server.pem", 0644}, {"collateral", 0700},
    };
    char dir[PATH_CAP];
    struct err err;

    snprintf(dir, sizeof(dir), "%s/ca", (const char *)*state);
    umask(022);
    assert_int_equal(create(dir, &err), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[PATH_CAP + 32];
        struct stat info;

        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, files[i].mode);
    }
}

static void the_files_fit_each_other(void **state)
{
    const char *dir = *state;
    char path[PATH_CAP];
    struct ca_config *config = NULL;
    struct policy *policy = NULL;
    struct keys keys;
    struct err err;

    assert_int_equal(create(dir, &err), 0);
    snprintf(path, sizeof(path), "%s/ca.ini", dir);
    config = ca_config_load(path, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(config);
    policy = policy_load(config->server.policy, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(policy);
    assert_string_equal(policy_ca(policy)->trust_domain, "prod.example");
    assert_int_equal(
        keys_load(&(struct keys_options){config->keys.root_certificate,
                                         config->keys.issuing_certificate, config->keys.issuing_key,
                                         config->keys.server_certificate, config->keys.server_key,
                                         config->keys.nonce_secret, "prod.example"},
                  &keys, &err),
        0);
    keys_deinit(&keys);
    policy_free(policy);
    ca_config_free(config);
}

static void load(const char *dir, struct keys *out_keys)
{
    static const char *const files[] = {"root.pem",   "issuing.pem", "issuing.key",
                                        "server.pem", "server.key",  "nonce.secret"};
    char paths[6][PATH_CAP];
    struct err err = {0};

    for (unsigned i = 0; i < 6; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, files[i]);
    }
    if (keys_load(&(struct keys_options){paths[0], paths[1], paths[2], paths[3], paths[4], paths[5],
                                         "prod.example"},
                  out_keys, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

static void certificates_follow_their_profiles(void **state)
{
    const char *dir = *state;
    struct keys keys;
    struct err err;

    assert_int_equal(create(dir, &err), 0);
    load(dir, &keys);
    assert_int_equal(X509_check_ca(keys.root), 1);
    assert_int_equal(X509_get_key_usage(keys.root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_pathlen(keys.root), -1);
    assert_int_equal(X509_check_ca(keys.issuing), 1);
    assert_int_equal(X509_get_key_usage(keys.issuing), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_pathlen(keys.issuing), 0);
    assert_int_equal(keys_not_after(keys.issuing), NOW + 30 * 86400);
    assert_int_equal(X509_check_ca(keys.server), 0);
    assert_int_equal(X509_get_extended_key_usage(keys.server), XKU_SSL_SERVER);
    assert_int_equal(X509_check_host(keys.server, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(keys.server, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(keys.server, "::1", 0), 1);
    assert_int_equal(X509_check_host(keys.server, "127.0.0.1", 0, 0, NULL), 0);
    assert_int_equal(X509_verify(keys.server, X509_get0_pubkey(keys.root)), 1);
    keys_deinit(&keys);
}

static void an_existing_file_is_left_alone_and_nothing_else_is_made(void **state)
{
    static const char *const files[] = {"root.key", "server.pem", "nonce.secret", "policy.ini"};
    const char *dir = *state;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[PATH_CAP];
        char other[PATH_CAP];
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err = {0};

        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        assert_int_equal(file_create(path, 0600, "mine", 4, &err), 0);
        assert_int_equal(create(dir, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "exists; nothing was changed"));
        assert_int_equal(file_read(path, 64, &data, &len, &err), 0);
        assert_int_equal(len, 4);
        assert_memory_equal(data, "mine", 4);
        free(data);
        snprintf(other, sizeof(other), "%s/issuing.key", dir);
        assert_int_equal(access(other, F_OK), -1);
        unlink(path);
    }
}

static void bad_options_make_nothing(void **state)
{
    const char *dir = *state;
    const struct init_options cases[] = {
        {dir, "Prod.Example", names, 3, NOW},
        {dir, "", names, 3, NOW},
        {dir, "a123456789b123456789c123456789d123456789e123456789f123456789.wxyz", names, 3, NOW},
        {dir, "prod.example", names, 0, NOW},
    };
    char path[PATH_CAP];

    snprintf(path, sizeof(path), "%s/collateral", dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};

        assert_int_equal(init_create(&cases[i], &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void names_are_hosts_or_addresses(void **state)
{
    static const char *const bad[] = {"",      "two words", "*.example", "a..b",  ".a",
                                      "a.",    "-a",        "a-.b",      "a_b",   "999.1.1.1",
                                      "1.2.3", "a:b",       "[::1]",     "::1%lo"};
    const char *dir = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};

        assert_int_equal(
            init_create(&(struct init_options){dir, "prod.example", &bad[i], 1, NOW}, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "not a host name or address"));
    }
}

static void a_folder_that_settings_cannot_name_is_not_made(void **state)
{
    char too_long[180];
    const char *const bad[] = {"two words", "a ;b",     "tab\t", "new\nline",
                               "q\"",       "\xc3\xa4", too_long};

    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char dir[PATH_CAP + sizeof(too_long)];
        struct err err;

        snprintf(dir, sizeof(dir), "%s/%s", (const char *)*state, bad[i]);
        assert_int_equal(create(dir, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(access(dir, F_OK), -1);
    }
}

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
    static const unsigned modes[] = {0770, 0777, 0702, 01777};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct err err;

        assert_int_equal(chmod(*state, modes[i]), 0);
        assert_int_equal(create(*state, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "others may write to it"));
    }
    assert_int_equal(chmod(*state, 0700), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keys_are_for_their_owner_only),
        CASE(the_files_fit_each_other),
        CASE(certificates_follow_their_profiles),
        CASE(an_existing_file_is_left_alone_and_nothing_else_is_made),
        CASE(bad_options_make_nothing),
        CASE(names_are_hosts_or_addresses),
        CASE(a_folder_that_settings_cannot_name_is_not_made),
        CASE(a_folder_that_others_may_write_to_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
