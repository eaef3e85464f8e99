/*
 * Ca_config: the file that `liftgate-ca init` writes, and what is refused in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "config/ca_config.h"

#define KEYS                                                                                       \
    "[keys]\n"                                                                                     \
    "issuing_key = file:/d/issuing.key\n"                                                          \
    "issuing_certificate = /d/issuing.pem\n"                                                       \
    "root_certificate = /d/root.pem\n"                                                             \
    "server_key = file:/d/server.key\n"                                                            \
    "server_certificate = /d/server.pem\n"                                                         \
    "nonce_secret = /d/nonce.secret\n"
#define SERVER                                                                                     \
    "[server]\n"                                                                                   \
    "listen = 0.0.0.0:8443\n"                                                                      \
    "policy = /d/policy.ini\n"
#define STORE                                                                                      \
    "[store]\n"                                                                                    \
    "url = sqlite:/d/ca.db\n"

static struct ca_config *parse(const char *text, struct err *err)
{
    return ca_config_parse("ca.ini", text, strlen(text), err);
}

static void every_setting_reaches_its_field(void **state)
{
    struct err err = {0};
    struct ca_config *config = parse(SERVER "tls_min = 1.2\n" KEYS STORE "[collateral]\n"
                                            "directory = /d/collateral\n"
                                            "kds = https://kdsintf.amd.com\n"
                                            "kds_root = /d/roots.pem\n"
                                            "kds_interval = 20s\n"
                                            "[metrics]\n"
                                            "listen = 127.0.0.1:0\n"
                                            "[limits]\n"
                                            "nonce_per_second = 1\n"
                                            "nonce_burst = 2\n"
                                            "enrol_per_second = 3\n"
                                            "enrol_burst = 4\n"
                                            "chip_per_minute = 5\n"
                                            "chip_burst = 6\n"
                                            "key_per_minute = 7\n"
                                            "key_burst = 8\n"
                                            "[log]\n"
                                            "level = warn\n",
                                     &err);

    assert_string_equal(err.msg, "");
    assert_non_null(config);
    assert_string_equal(config->server.listen, "0.0.0.0:8443");
    assert_string_equal(config->server.policy, "/d/policy.ini");
    assert_int_equal(config->server.tls_min, CA_CONFIG_TLS_1_2);
    assert_string_equal(config->keys.issuing_key, "/d/issuing.key");
    assert_string_equal(config->keys.nonce_secret, "/d/nonce.secret");
    assert_string_equal(config->store.url, "/d/ca.db");
    assert_string_equal(config->collateral.directory, "/d/collateral");
    assert_string_equal(config->collateral.kds, "https://kdsintf.amd.com");
    assert_string_equal(config->collateral.kds_root, "/d/roots.pem");
    assert_int_equal(config->collateral.kds_interval, 20000);
    assert_int_equal(ca_config_insecure(config, NULL), 0);
    assert_string_equal(config->metrics.listen, "127.0.0.1:0");
    assert_memory_equal(&config->limits, &((struct ca_config_limits){1, 2, 3, 4, 5, 6, 7, 8}),
                        sizeof(config->limits));
    assert_int_equal(config->log.level, LOG_WARN);
    ca_config_free(config);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct err err = {0};
    struct ca_config *config = parse(SERVER KEYS STORE, &err);

    assert_non_null(config);
    assert_int_equal(config->server.tls_min, CA_CONFIG_TLS_1_3);
    assert_null(config->collateral.directory);
    assert_string_equal(config->collateral.kds, "none");
    assert_int_equal(config->collateral.kds_interval, 10000);
    assert_null(config->metrics.listen);
    assert_memory_equal(&config->limits,
                        &((struct ca_config_limits){20, 100, 2, 10, 30, 30, 30, 30}),
                        sizeof(config->limits));
    assert_int_equal(config->log.level, LOG_INFO);
    ca_config_free(config);
}

/* clang-format off */
static const struct {
    const char *what;
    const char *text;
    const char *want;
} refused[] = {
    {"an HSM", "[keys]\nissuing_key = pkcs11:token=x\n", "ca.ini:2: [keys] issuing_key: need file:PATH; nothing else is in this release"},
    {"a bare path for a key", "[keys]\nissuing_key = /d/issuing.key\n", "ca.ini:2: [keys] issuing_key: need file:PATH; nothing else is in this release"},
    {"PostgreSQL", "[store]\nurl = postgresql://db/ca\n", "ca.ini:2: [store] url: need sqlite:PATH; nothing else is in this release"},
    {"a key service by http", SERVER KEYS STORE "[collateral]\nkds = http://kdsintf.amd.com\n", "ca.ini:14: [collateral] kds: http:// is only for insecure_kds_http = yes"},
    {"another scheme", "[collateral]\nkds = ftp://kds\n", "ca.ini:2: [collateral] kds: need none, https://HOST or https://HOST:PORT, or the same with http"},
    {"no scheme", "[collateral]\nkds = kdsintf.amd.com\n", "ca.ini:2: [collateral] kds: need none, https://HOST or https://HOST:PORT, or the same with http"},
    {"a path of the key service", "[collateral]\nkds = https://kds/vcek\n", "ca.ini:2: [collateral] kds: need none, https://HOST or https://HOST:PORT, or the same with http"},
    {"http for nothing", SERVER KEYS STORE "[collateral]\nkds = https://kds\ninsecure_kds_http = yes\n", "ca.ini:15: [collateral] insecure_kds_http: only for a kds that begins with http://"},
    {"roots for nothing", SERVER KEYS STORE "[collateral]\nkds_root = /r.pem\n", "ca.ini:14: [collateral] kds_root: only for a kds that begins with https://"},
    {"no pause", "[collateral]\nkds = https://kds\nkds_interval = 0ms\n", "ca.ini:3: [collateral] kds_interval: need a duration from 1ms to 10min (ms, s, min, h, d)"},
    {"an admin socket", "[server]\nadmin = unix:/run/admin.sock\n", "ca.ini:2: [server] admin: no such key"},
    {"rate limits", "[server]\nrate = 5\n", "ca.ini:2: [server] rate: no such key"},
    {"a rate above all", "[limits]\nnonce_per_second = 100001\n", "ca.ini:2: [limits] nonce_per_second: need a number from 0 to 100000"},
    {"an empty bucket", "[limits]\nenrol_burst = 0\n", "ca.ini:2: [limits] enrol_burst: need a number from 1 to 1000000"},
    {"TLS 1.1", "[server]\ntls_min = 1.1\n", "ca.ini:2: [server] tls_min: need one of 1.3, 1.2"},
    {"a policy's section", "[workload x]\n", "ca.ini:1: [workload x]: no such section"},
    {"no listener", "[server]\npolicy = p\n" KEYS STORE, "ca.ini:1: [server] listen: missing"},
    {"no policy", "[server]\nlisten = 127.0.0.1:1\n" KEYS STORE, "ca.ini:1: [server] policy: missing"},
    {"no keys", SERVER STORE, "ca.ini: [keys] issuing_key: missing"},
    {"no store", SERVER KEYS, "ca.ini: [store] url: missing"},
};
/* clang-format on */

static void bad_files_are_refused_with_section_key_and_line(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct err err = {0};

        print_message("  %s\n", refused[i].what);
        assert_null(parse(refused[i].text, &err));
        assert_string_equal(err.msg, refused[i].want);
    }
}

static char *print(const struct ca_config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct err err;

    assert_non_null(out);
    assert_int_equal(ca_config_print(config, out, &err), 0);
    fclose(out);
    return text;
}

/* Limits that are off, whose bursts are printed all the same, included. */
static void what_is_printed_gives_the_same_again(void **state)
{
    struct err err = {0};
    struct ca_config *config = parse(SERVER KEYS STORE "[limits]\nnonce_per_second = 0\n", &err);
    char *once = NULL;
    char *twice = NULL;

    assert_non_null(config);
    once = print(config);
    ca_config_free(config);
    assert_non_null(strstr(once, "\nissuing_key = file:/d/issuing.key\n"));
    assert_non_null(strstr(once, "\nurl = sqlite:/d/ca.db\n"));
    assert_non_null(strstr(once, "\nkds = none\n"));
    assert_non_null(strstr(once, "[limits]\nnonce_per_second = 0\nnonce_burst = 100\n"));
    config = parse(once, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(config);
    twice = print(config);
    assert_string_equal(twice, once);
    ca_config_free(config);
    free(once);
    free(twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_reaches_its_field),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(what_is_printed_gives_the_same_again),
        cmocka_unit_test(bad_files_are_refused_with_section_key_and_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
