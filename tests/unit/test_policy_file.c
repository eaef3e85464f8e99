/*
 * Policy_file: what a policy may say, each mistake with its exact line, and the policy's name.
 */
#include "attest/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

#define MEASUREMENT                                                                                \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aa"                                                                                           \
    "aa"
#define ZEROS_24 "000000000000000000000000000000000000000000000000"
#define ZEROS_48 ZEROS_24 ZEROS_24
#define CA "[ca]\ntrust_domain = prod.example\n"
#define TCB "[tcb genoa]\nsnp = 21\n"
#define WORKLOAD "[workload app]\ntee = snp\nspiffe = snp/app\ntcb = genoa\n"
#define SOUND CA TCB WORKLOAD "measurement = " MEASUREMENT "\n"

static struct policy *parse(const char *text, struct err *err)
{
    *err = (struct err){0};
    return policy_parse("p.ini", text, strlen(text), err);
}

static void a_sound_policy_has_its_defaults(void **state)
{
    struct err err;
    struct policy *policy = parse(SOUND, &err);
    const struct policy_ca *ca = NULL;

    assert_string_equal(err.msg, "");
    assert_non_null(policy);
    ca = policy_ca(policy);
    assert_string_equal(ca->trust_domain, "prod.example");
    assert_int_equal(ca->ttl_s, 3600);
    assert_int_equal(ca->epoch, 0);
    assert_false(ca->short_ttl);
    assert_int_equal(ca->vendor_crl, VENDOR_CRL_REQUIRE);
    assert_null(ca->insecure_root);
    assert_null(ca->insecure_root_spki_sha256);
    assert_int_equal(ca->num_anchors, verify_num_vendor_anchors);
    policy_free(policy);
}

/* clang-format off */
static const struct {
    const char *text;
    const char *message; /* a prefix, where it ends in a colon */
} mistakes[] = {
    {"", "p.ini: [ca] trust_domain: missing"},
    {"[ca]\nepoch = 1\n", "p.ini: [ca] trust_domain: missing"},
    {"[ca]\ntrust_domain = Prod\n", "p.ini:2: [ca] trust_domain: need a trust domain of [a-z0-9._-]"},
    {CA "trust_domain = b\n", "p.ini:3: [ca] trust_domain: set twice"},
    {CA "epoch = -1\n", "p.ini:3: [ca] epoch: need a number from 0 to 999999999999999999"},
    {CA "epoch = 1000000000000000000\n", "p.ini:3: [ca] epoch: need a number from 0 to 999999999999999999"},
    {CA "epoch = 01\n", "p.ini:3: [ca] epoch: need a number from 0 to 999999999999999999"},
    {CA "ttl = 0600\n", "p.ini:3: [ca] ttl: need a duration of at most 24 h, such as 3600 or 60min"},
    {CA "ttl = 299\n", "p.ini:1: [ca] ttl: under 5 min needs insecure_short_ttl = yes"},
    {CA "ttl = 25h\n", "p.ini:3: [ca] ttl: need a duration of at most 24 h, such as 3600 or 60min"},
    {CA "ttl = 1\ninsecure_short_ttl = yes\n", "p.ini:1: [ca] ttl: under 5 min needs insecure_short_ttl = yes"},
    {CA "insecure_short_ttl = true\n", "p.ini:3: [ca] insecure_short_ttl: need no or yes"},
    {CA "vendor_crl = off\n", "p.ini:3: [ca] vendor_crl: need require or use"},
    {CA "crl = on\n", "p.ini:3: [ca] crl: no such key"},
    {CA "[deny]\nchip = 00\n", "p.ini:4: [deny] chip: need 128 hex digits"},
    {CA "[deny]\nspki = 00\n", "p.ini:4: [deny] spki: no such key"},
    {CA "[deny]\nmeasurement = " ZEROS_48 "\n", "p.ini:4: [deny] measurement: zero stands for none, and would match whoever has none"},
    {CA "[deny x]\n", "p.ini:3: [deny x]: no such section"},
    {CA "[platform snp]\n", "p.ini:3:"},
    {CA "[platform sim]\n", "p.ini:3: [platform sim] insecure_root: missing"},
    {CA "[platform sim]\ninsecure_root = /none/ark.pem\n", "p.ini:3: [platform sim] insecure_root: /none/ark.pem: No such file or directory"},
    {CA "[tcb venice]\n", "p.ini:3: [tcb venice]: need a product: milan, genoa, turin or sim"},
    {CA TCB "fmc = 1\n", "p.ini:5: [tcb genoa] fmc: genoa has no such component"},
    {CA TCB "snp = 3\n", "p.ini:5: [tcb genoa] snp: set twice"},
    {CA TCB "microcode = 256\n", "p.ini:5: [tcb genoa] microcode: need a number from 0 to 255"},
    {CA TCB "firmware = 1.55\n", "p.ini:5: [tcb genoa] firmware: need a version such as 1.55.40"},
    {CA TCB "firmware = 1.55.256\n", "p.ini:5: [tcb genoa] firmware: need a version such as 1.55.40"},
    {CA TCB "firmware = 1.55.40.1\n", "p.ini:5: [tcb genoa] firmware: need a version such as 1.55.40"},
    {CA TCB "firmware = 1..40\n", "p.ini:5: [tcb genoa] firmware: need a version such as 1.55.40"},
    {CA TCB "firmware = 1.05.4\n", "p.ini:5: [tcb genoa] firmware: need a version such as 1.55.40"},
    {CA TCB "provisional = no\n", "p.ini:5: [tcb genoa] provisional: need allow or refuse"},
    {CA TCB "tcb_order = any\n", "p.ini:5: [tcb genoa] tcb_order: need loose or strict"},
    {CA TCB "min_launch_mit = 0x\n", "p.ini:5: [tcb genoa] min_launch_mit: need up to 16 hex digits"},
    {CA TCB "min_current_mit = 10000000000000000\n", "p.ini:5: [tcb genoa] min_current_mit: need up to 16 hex digits"},
    {CA TCB "min_current_mit = 1g\n", "p.ini:5: [tcb genoa] min_current_mit: need up to 16 hex digits"},
    {CA WORKLOAD, "p.ini:3: [workload app]: measurement or id_key_digest is missing"},
    {SOUND "min_abi = 1\n", "p.ini:10: [workload app] min_abi: need a version such as 1.51"},
    {SOUND "min_abi = 1.51.0\n", "p.ini:10: [workload app] min_abi: need a version such as 1.51"},
    {SOUND "min_abi = 1.51x\n", "p.ini:10: [workload app] min_abi: need a version such as 1.51"},
    {SOUND "min_guest_svn = 4294967296\n", "p.ini:10: [workload app] min_guest_svn: need a number from 0 to 4294967295"},
    {SOUND "guest_require = cxl\n", "p.ini:10: [workload app] guest_require: need one of: single-socket, xts, rapl-dis, ciphertext-hiding, page-swap-dis"},
    {SOUND "guest_forbid = xts\n", "p.ini:10: [workload app] guest_forbid: need one of: cxl"},
    {SOUND "platform_require = tsme\n", "p.ini:10: [workload app] platform_require: need one of: ecc, rapl-dis, dram-hiding, alias-check, iommu-safe"},
    {SOUND "platform_forbid = ecc\n", "p.ini:10: [workload app] platform_forbid: need one of: smt, tsme, tio"},
    {SOUND "platform_accept_bits = 1\n", "p.ini:10: [workload app] platform_accept_bits: bits 7 to 0 have names: see platform_forbid"},
    {SOUND "vek = both\n", "p.ini:10: [workload app] vek: need any, vcek or vlek"},
    {SOUND "masked_chip = yes\n", "p.ini:10: [workload app] masked_chip: need refuse or allow"},
    {SOUND "host_data = 00\n", "p.ini:10: [workload app] host_data: need 64 hex digits"},
    {SOUND "family_id = 00000000000000000000000000000000\n", "p.ini:10: [workload app] family_id: zero stands for none, and would match whoever has none"},
    {SOUND "image_id = 00000000000000000000000000000000\n", "p.ini:10: [workload app] image_id: zero stands for none, and would match whoever has none"},
    {SOUND "id_key_digest = " ZEROS_48 "\n", "p.ini:10: [workload app] id_key_digest: zero stands for none, and would match whoever has none"},
    {SOUND "author_key_digest = " ZEROS_48 "\n", "p.ini:10: [workload app] author_key_digest: zero stands for none, and would match whoever has none"},
    {CA "[workload app]\nspiffe = snp/a\nmeasurement = " MEASUREMENT "\n", "p.ini:3: [workload app]: tee is missing"},
    {CA "[workload app]\ntee = snp\nmeasurement = " MEASUREMENT "\n", "p.ini:3: [workload app]: spiffe is missing"},
    {CA WORKLOAD "measurement = " MEASUREMENT "\n", "p.ini:3: [workload app]: tcb: there is no [tcb genoa]"},
    {CA TCB WORKLOAD "measurement = abcd\n", "p.ini:9: [workload app] measurement: need 96 hex digits"},
    {SOUND "measurement = z" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "p.ini:10: [workload app] measurement: need 96 hex digits"},
    {SOUND "tee = snp\n", "p.ini:10: [workload app] tee: set twice"},
    {SOUND "tcb = rome\n", "p.ini:10: [workload app] tcb: need a product: milan, genoa, turin or sim"},
    {SOUND "vmpl = 4\n", "p.ini:10: [workload app] vmpl: need a number from 0 to 3"},
    {SOUND "debug = yes\n", "p.ini:10: [workload app] debug: need refuse or allow"},
    {SOUND "smt = yes\n", "p.ini:10: [workload app] smt: need allow or refuse"},
    {SOUND "chip = 00\n", "p.ini:10: [workload app] chip: need 128 hex digits"},
    {SOUND "dns = *.example\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = a..b\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = -a.b\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = a-.b\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = a.b.\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = 127.0.0.1\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "dns = 7\n", "p.ini:10: [workload app] dns: need a host name of [a-z0-9.-], without wildcard"},
    {SOUND "ttl = 30s\n", "p.ini:5: [workload app]: ttl under 5 min needs [ca] insecure_short_ttl = yes"},
    {SOUND "[workload b]\ntee = snp\nspiffe = snp/app\ntcb = genoa\nmeasurement = " MEASUREMENT "\n", "p.ini:10: [workload b] spiffe: same as of [workload app]"},
    {CA TCB "[workload b]\ntee = snp\nspiffe = sim/app\ntcb = genoa\nmeasurement = " MEASUREMENT "\n", "p.ini:5: [workload b]: spiffe has to begin with snp/"},
    {CA TCB "[workload b]\ntee = snp\nspiffe = snp\ntcb = genoa\nmeasurement = " MEASUREMENT "\n", "p.ini:5: [workload b]: spiffe has to begin with snp/"},
    {CA TCB "[workload b]\ntee = snp\nspiffe = snp/../x\n", "p.ini:7: [workload b] spiffe: need a path such as snp/payments/api"},
    {CA TCB "[workload b]\ntee = tdx\n", "p.ini:6: [workload b] tee: need snp or sim"},
    {CA TCB "[workload b]\ntee = sim\nspiffe = sim/a\nmeasurement = " MEASUREMENT "\n", "p.ini:5: [workload b]: tee = sim needs [platform sim] insecure_root"},
};
/* clang-format on */

static void each_mistake_is_refused_with_its_line(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const char *expected = mistakes[i].message;
        size_t len = strlen(expected);
        struct err err;

        assert_null(parse(mistakes[i].text, &err));
        if (expected[len - 1] == ':') {
            assert_true(strncmp(err.msg, expected, len) == 0);
        } else {
            assert_string_equal(err.msg, expected);
        }
        assert_int_equal(err.code, strstr(expected, "No such file") ? ERR_IO : ERR_INVALID);
    }
}

static void durations_may_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        unsigned ttl_s;
    } cases[] = {
        {CA "ttl = 3600\n", 3600}, {CA "ttl = 300s\n", 300},
        {CA "ttl = 10min\n", 600}, {CA "ttl = 24h\n", 86400},
        {CA "ttl = 1d\n", 86400},  {CA "ttl = 2\ninsecure_short_ttl = yes\n", 2},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err;
        struct policy *policy = parse(cases[i].text, &err);

        assert_non_null(policy);
        assert_int_equal(policy_ca(policy)->ttl_s, cases[i].ttl_s);
        policy_free(policy);
    }
}

static void id_of(const char *text, char out_id[static POLICY_ID_LEN])
{
    struct err err;
    struct policy *policy = parse(text, &err);

    assert_string_equal(err.msg, "");
    assert_non_null(policy);
    snprintf(out_id, POLICY_ID_LEN, "%s", policy_ca(policy)->id);
    policy_free(policy);
}

static void the_name_depends_on_what_is_said_and_not_how(void **state)
{
    static const char *const same[] = {
        SOUND,
        "; a comment\n" WORKLOAD "measurement = " MEASUREMENT "\nvmpl = 0\n" TCB CA "ttl = 1h\n",
        CA "epoch = 0\nvendor_crl = require\n" TCB WORKLOAD
           "debug = refuse\nmeasurement = " MEASUREMENT "\nmeasurement = " MEASUREMENT "\n",
    };
    static const char *const different[] = {
        SOUND "vmpl = 1\n",
        SOUND "debug = allow\n",
        SOUND "dns = a.example\n",
        SOUND "ttl = 600\n",
        CA "epoch = 1\n" TCB WORKLOAD "measurement = " MEASUREMENT "\n",
        CA "vendor_crl = use\n" TCB WORKLOAD "measurement = " MEASUREMENT "\n",
        CA "[tcb genoa]\nsnp = 22\n" WORKLOAD "measurement = " MEASUREMENT "\n",
    };
    char first[POLICY_ID_LEN];
    char id[POLICY_ID_LEN];

    id_of(SOUND, first);
    assert_int_equal(strlen(first), POLICY_ID_LEN - 7);
    assert_true(strncmp(first, "ni:///sha-256;", 14) == 0);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        id_of(same[i], id);
        assert_string_equal(id, first);
    }
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        id_of(different[i], id);
        assert_string_not_equal(id, first);
    }
}

static struct policy *load_with_root(const char *dir, const char *root, struct err *err)
{
    char path[FOLDER_PATH_CAP + 16];
    char text[1024];

    snprintf(path, sizeof(path), "%s/policy.ini", dir);
    snprintf(text, sizeof(text), CA "[platform sim]\ninsecure_root = %s\n", root);
    *err = (struct err){0};
    assert_int_equal(file_replace(path, 0600, text, strlen(text), err), 0);
    return policy_load(path, err);
}

static void copy(const char *from, const char *second, const char *dir, const char *name)
{
    char path[FOLDER_PATH_CAP + 32];
    uint8_t text[65536];
    size_t len = 0;
    struct err err = {0};
    const char *const sources[] = {from, second};

    for (unsigned i = 0; i < 2; i++) {
        uint8_t *data = NULL;
        size_t data_len = 0;

        if (sources[i] == NULL) {
            continue;
        }
        assert_int_equal(file_read(sources[i], 32768, &data, &data_len, &err), 0);
        memcpy(text + len, data, data_len);
        len += data_len;
        free(data);
    }
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(file_create(path, 0600, text, len, &err), 0);
}

/* Writes the certificate again with a signature that is no longer its key's. */
static void break_signature(const char *from, const char *dir, const char *name)
{
    char path[FOLDER_PATH_CAP + 32];
    FILE *in = fopen(from, "r");
    FILE *out = NULL;
    X509 *cert = NULL;
    unsigned char *der = NULL;
    const unsigned char *at = NULL;
    int len = 0;

    assert_non_null(in);
    cert = PEM_read_X509(in, NULL, NULL, NULL);
    assert_non_null(cert);
    len = i2d_X509(cert, &der);
    assert_true(len > 0);
    der[len - 1] ^= 1;
    at = der;
    X509_free(cert);
    cert = d2i_X509(NULL, &at, len);
    assert_non_null(cert);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, cert), 1);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(in), 0);
    OPENSSL_free(der);
    X509_free(cert);
}

static void the_simulated_root_is_one_self_signed_certificate(void **state)
{
    char dir[FOLDER_PATH_CAP];
    char vendor[VENDOR_PATH_CAP];
    char ark[VENDOR_PATH_CAP + 16];
    char ask[VENDOR_PATH_CAP + 16];
    const struct policy_ca *ca = NULL;
    struct policy *policy = NULL;
    struct err err;

    folder_make(dir);
    vendor_path("Sim", vendor);
    snprintf(ark, sizeof(ark), "%s/ark.pem", vendor);
    snprintf(ask, sizeof(ask), "%s/ask.pem", vendor);
    policy = load_with_root(dir, ark, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(policy);
    ca = policy_ca(policy);
    assert_string_equal(ca->insecure_root, ark);
    assert_int_equal(ca->num_anchors, verify_num_vendor_anchors + 1);
    assert_int_equal(ca->anchors[ca->num_anchors - 1].provider, PROVIDER_SIM);
    assert_int_equal(ca->anchors[ca->num_anchors - 1].product, PRODUCT_SIM);
    assert_memory_equal(ca->anchors[ca->num_anchors - 1].spki_sha256, ca->insecure_root_spki_sha256,
                        32);
    assert_true(ca->insecure_root_der.len > 0);
    policy_free(policy);
    assert_null(load_with_root(dir, ask, &err));
    assert_non_null(strstr(err.msg, "ask.pem: not self-signed"));
    break_signature(ark, dir, "broken.pem");
    assert_null(load_with_root(dir, "broken.pem", &err));
    assert_non_null(strstr(err.msg, "broken.pem: not self-signed"));
    copy(ark, ask, dir, "two.pem");
    assert_null(load_with_root(dir, "two.pem", &err)); /* beside the policy */
    assert_non_null(strstr(err.msg, "two.pem: more than one certificate"));
    assert_null(load_with_root(dir, "policy.ini", &err));
    assert_non_null(strstr(err.msg, "policy.ini: no certificate"));
    folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_policy_has_its_defaults),
        cmocka_unit_test(each_mistake_is_refused_with_its_line),
        cmocka_unit_test(durations_may_have_a_unit),
        cmocka_unit_test(the_name_depends_on_what_is_said_and_not_how),
        cmocka_unit_test(the_simulated_root_is_one_self_signed_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
