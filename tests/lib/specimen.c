/*
 * Specimen: made with the simulator's certificates, altered with OpenSSL.
 */
#include "tests/lib/specimen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/little_endian.h"
#include "attest/memo.h"
#include "attest/product.h"
#include "attest/sim.h"
#include "attest/simcert.h"
#include "attest/simdir.h"
#include "common/err.h"
#include "tests/lib/vendor.h"

#define SIGNATURE_LEN 512 /* bytes of an RSA-4096 signature, at the end of the certificate */
#define REPORT_DATA_BYTE 0x5a

static const uint8_t tcbs[TCB_LAYOUTS][TCB_LEN] = {
    {4, 0, 0, 0, 0, 0, 24, 219},
    {1, 1, 1, 4, 0, 0, 0, 81},
};

static void store(struct specimen_cert *cert, X509 *x509)
{
    uint8_t *der = NULL;
    int len = i2d_X509(x509, &der);

    assert_true(len > 0 && len <= SPECIMEN_DER_CAP);
    memcpy(cert->data, der, (size_t)len);
    cert->len = (size_t)len;
    OPENSSL_free(der);
}

X509 *specimen_open(const struct specimen_cert *cert)
{
    const uint8_t *next = cert->data;
    X509 *x509 = d2i_X509(NULL, &next, (long)cert->len);

    assert_non_null(x509);
    return x509;
}

void specimen_close(struct specimen_cert *cert, X509 *x509, EVP_PKEY *signer)
{
    struct err err;

    assert_int_equal(simcert_sign(x509, signer, &err), 0);
    store(cert, x509);
    X509_free(x509);
}

void specimen_sign_der(struct specimen_cert *cert, EVP_PKEY *signer)
{
    struct buf none = buf_over(NULL, 0);
    struct cert parsed;
    size_t len = SIGNATURE_LEN;
    EVP_PKEY_CTX *params = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    assert_int_equal(cert_read((struct bytes){cert->data, cert->len}, &none, &parsed), CERT_OK);
    assert_int_equal(EVP_DigestSignInit(context, &params, EVP_sha384(), NULL, signer), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, 48), 1);
    assert_int_equal(EVP_DigestSign(context, cert->data + cert->len - SIGNATURE_LEN, &len,
                                    parsed.tbs.data, parsed.tbs.len),
                     1);
    EVP_MD_CTX_free(context);
}

void specimen_sign_report(struct specimen *specimen)
{
    struct err err;

    assert_int_equal(sim_sign(specimen->vek_key, specimen->report, &err), 0);
}

void specimen_set(struct specimen *specimen, enum report_field field, uint64_t value)
{
    const struct report_field_info *info = report_field_info(field);

    memset(specimen->report + info->offset, 0, info->len);
    little_endian_write(specimen->report + info->offset, value, info->len < 8 ? info->len : 8);
}

void specimen_set_amd(struct specimen *specimen, const char *arcs, const void *content, size_t len)
{
    char text[64];
    ASN1_OBJECT *oid = NULL;
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509 *x509 = specimen_open(&specimen->vek);
    int at = -1;

    snprintf(text, sizeof(text), "1.3.6.1.4.1.3704.1.%s", arcs);
    oid = OBJ_txt2obj(text, 1);
    assert_non_null(oid);
    at = X509_get_ext_by_OBJ(x509, oid, -1);
    if (at >= 0) {
        X509_EXTENSION_free(X509_delete_ext(x509, at));
    }
    if (content != NULL) {
        X509_EXTENSION *extension = NULL;

        assert_int_equal(ASN1_OCTET_STRING_set(value, content, (int)len), 1);
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
        assert_int_equal(X509_add_ext(x509, extension, at), 1);
        X509_EXTENSION_free(extension);
    }
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    specimen_close(&specimen->vek, x509, specimen->ask_key);
}

void specimen_to_pem(struct specimen_cert *cert)
{
    X509 *x509 = specimen_open(cert);
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;

    assert_int_equal(PEM_write_bio_X509(memory, x509), 1);
    len = BIO_get_mem_data(memory, &text);
    assert_true(len > 0 && len <= SPECIMEN_DER_CAP);
    memcpy(cert->data, text, (size_t)len);
    cert->len = (size_t)len;
    BIO_free(memory);
    X509_free(x509);
}

static void make_certs(struct specimen *specimen, const struct specimen_kind *kind, unsigned layout)
{
    struct err err = {.msg = ""};
    struct simcert_vek vek = {
        .product = kind->product,
        .layout = layout,
        .tcb = tcbs[layout],
        .hwid = kind->csp == NULL
                    ? report_bytes((struct report){specimen->report}, REPORT_CHIP_ID).data
                    : NULL,
        .csp = kind->csp,
        .not_before = SPECIMEN_NOT_BEFORE,
    };
    X509 *ark = simcert_ark(kind->product, specimen->ark_key, &err);
    X509 *ask =
        simcert_ask(kind->product, kind->csp != NULL, specimen->ask_key, specimen->ark_key, &err);
    X509 *leaf = simcert_vek(&vek, specimen->vek_key, specimen->ask_key, &err);

    if (ark == NULL || ask == NULL || leaf == NULL) {
        fail_msg("%s", err.msg);
    }
    store(&specimen->ark, ark);
    store(&specimen->ask, ask);
    store(&specimen->vek, leaf);
    X509_free(ark);
    X509_free(ask);
    X509_free(leaf);
}

static void make_report(struct specimen *specimen, const struct specimen_kind *kind,
                        enum product product, unsigned layout)
{
    static const enum report_field fields[] = {
        REPORT_CURRENT_TCB,
        REPORT_REPORTED_TCB,
        REPORT_COMMITTED_TCB,
        REPORT_LAUNCH_TCB,
    };

    specimen_set(specimen, REPORT_VERSION, kind->report_version);
    specimen_set(specimen, REPORT_POLICY, 0x30000);
    specimen_set(specimen, REPORT_SIGNATURE_ALGO, 1);
    specimen_set(specimen, REPORT_KEY_INFO, kind->csp == NULL ? 0 : 1U << 2);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        memcpy(specimen->report + report_field_info(fields[i])->offset, tcbs[layout], TCB_LEN);
    }
    memset(specimen->report + report_field_info(REPORT_REPORT_DATA)->offset, REPORT_DATA_BYTE, 64);
    memset(specimen->report_data, REPORT_DATA_BYTE, sizeof(specimen->report_data));
    if (kind->csp == NULL) {
        memset(specimen->report + report_field_info(REPORT_CHIP_ID)->offset, 0xc1,
               tcb_hwid_len(layout));
    }
    if (kind->report_version >= 3 && product != PRODUCT_SIM) {
        specimen_set(specimen, REPORT_CPUID_FAMILY, product == PRODUCT_TURIN ? 0x1a : 0x19);
        specimen_set(specimen, REPORT_CPUID_MODEL, product == PRODUCT_GENOA ? 0x11 : 0x01);
    }
    specimen->report_len = REPORT_LEN;
}

struct specimen *specimen_new(const struct specimen_kind *kind)
{
    struct specimen *specimen = calloc(1, sizeof(*specimen));
    struct buf none = buf_over(NULL, 0);
    char dir[VENDOR_PATH_CAP];
    struct err err = {.msg = ""};
    enum product product;
    unsigned layout = 0;
    struct cert ark;

    assert_non_null(specimen);
    assert_true(product_find(kind->product, &product));
    layout = product_info(product)->layout_min;
    vendor_path("Sim", dir);
    specimen->ark_key = simdir_read_key(dir, "ark.key", &err);
    specimen->ask_key = simdir_read_key(dir, "ask.key", &err);
    specimen->vek_key = simcert_new_p384(&err);
    assert_true(specimen->ark_key != NULL && specimen->ask_key != NULL &&
                specimen->vek_key != NULL);
    make_report(specimen, kind, product, layout);
    make_certs(specimen, kind, layout);
    specimen_sign_report(specimen);
    assert_int_equal(cert_read((struct bytes){specimen->ark.data, specimen->ark.len}, &none, &ark),
                     CERT_OK);
    assert_true(cert_spki_sha256(&ark, specimen->anchors[0].spki_sha256));
    specimen->anchors[0].product = product;
    specimen->anchors[0].provider = product == PRODUCT_SIM ? PROVIDER_SIM : PROVIDER_SEV_GUEST;
    specimen->provider = product == PRODUCT_SIM ? "sim" : "sev_guest";
    specimen->options = (struct verify_options){
        .report_data = specimen->report_data,
        .now = SPECIMEN_NOW,
        .anchors = specimen->anchors,
        .num_anchors = 1,
        .vendor_crl = VENDOR_CRL_USE,
    };
    return specimen;
}

void specimen_free(struct specimen *specimen)
{
    EVP_PKEY_free(specimen->ark_key);
    EVP_PKEY_free(specimen->ask_key);
    EVP_PKEY_free(specimen->vek_key);
    free(specimen);
}

static struct bytes bytes_of(const struct specimen_cert *cert)
{
    return (struct bytes){cert->len == 0 ? NULL : cert->data, cert->len};
}

static struct bytes text_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

/* The rows rise, and the first that failed is the verdict's. */
static void check_rows(const struct verify_rows *rows, const struct verdict *verdict)
{
    int first_failed = 0;

    for (size_t i = 0; i < rows->num_results; i++) {
        const struct row_result *result = &rows->results[i];

        assert_true(i == 0 || result->row > rows->results[i - 1].row);
        assert_non_null(result->check);
        if (result->state == ROW_FAILED && first_failed == 0) {
            first_failed = result->row;
            assert_string_equal(result->verdict.slug, verdict->slug);
            assert_int_equal(result->verdict.code, verdict->code);
        }
    }
    assert_int_equal(first_failed, verdict->row);
}

static struct memo *memo_of_all;

static void free_memo(void)
{
    memo_free(memo_of_all);
}

static struct memo *shared_memo(void)
{
    struct err err;

    if (memo_of_all == NULL) {
        memo_of_all = memo_new(&err);
        assert_non_null(memo_of_all);
        assert_int_equal(atexit(free_memo), 0);
    }
    return memo_of_all;
}

bool specimen_verify(const struct specimen *specimen, struct claims *out_claims,
                     struct verdict *out_verdict)
{
    struct evidence evidence = {
        .provider = text_of(specimen->provider),
        .outblob = {specimen->report, specimen->report_len},
        .auxblob = {specimen->aux_len == 0 ? NULL : specimen->aux, specimen->aux_len},
        .service_provider = text_of(specimen->service_provider),
        .certs = {bytes_of(&specimen->vek), bytes_of(&specimen->ask)},
        .num_certs = 2,
    };
    struct bytes root = bytes_of(&specimen->ark);
    struct bytes crls[2];
    struct collateral collateral = {.certs = &root, .num_certs = 1, .crls = crls};
    struct verify_options remembering;
    struct verify_rows rows;
    struct claims again;
    struct verdict listed;
    bool accepted = false;

    for (size_t i = 0; i < 2 && specimen->crls[i].len > 0; i++) {
        crls[collateral.num_crls++] = bytes_of(&specimen->crls[i]);
    }
    accepted =
        verify_evidence(&evidence, &collateral, &specimen->options, out_claims, out_verdict, NULL);

    /* All the rows, and with what earlier evidence has left in the memory: the same verdict. */
    remembering = specimen->options;
    remembering.memo = shared_memo();
    assert_int_equal(verify_evidence(&evidence, &collateral, &remembering, &again, &listed, &rows),
                     accepted);
    assert_int_equal(listed.code, out_verdict->code);
    assert_int_equal(listed.row, out_verdict->row);
    check_rows(&rows, &listed);
    return accepted;
}

static void check_accepted(const struct specimen *specimen)
{
    struct claims claims;
    struct verdict verdict;

    if (!specimen_verify(specimen, &claims, &verdict)) {
        fail_msg("sound evidence refused: %d %s: %s / %s", verdict.row, verdict.slug,
                 verdict.expected, verdict.actual);
    }
}

struct trial {
    const struct specimen_case *test;
    specimen_repair *repair;
};

static void run_case(void **state)
{
    const struct trial *trial = *state;
    const struct specimen_case *test = trial->test;
    static const struct specimen_kind milan = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(test->kind.product == NULL ? &milan : &test->kind);
    struct claims claims;
    struct claims before;
    struct verdict verdict;

    check_accepted(specimen);
    test->spoil(specimen);
    memset(&claims, 0xee, sizeof(claims));
    memset(&before, 0xee, sizeof(before));
    assert_false(specimen_verify(specimen, &claims, &verdict));
    assert_string_equal(verdict.slug, test->slug);
    assert_int_equal(verdict.row, test->row);
    assert_int_equal(verdict.code, test->code);
    assert_memory_equal(&claims, &before, sizeof(claims));
    if (trial->repair != NULL) {
        trial->repair(specimen);
        check_accepted(specimen);
    }
    specimen_free(specimen);
}

int specimen_run(const char *group, const struct specimen_case *cases, size_t num_cases,
                 specimen_repair *repair)
{
    struct CMUnitTest tests[SPECIMEN_CASES_MAX];
    struct trial trials[SPECIMEN_CASES_MAX];

    if (num_cases > SPECIMEN_CASES_MAX) {
        return -1;
    }
    for (size_t i = 0; i < num_cases; i++) {
        trials[i] = (struct trial){&cases[i], repair};
        tests[i] = (struct CMUnitTest){
            .name = cases[i].slug,
            .test_func = run_case,
            .initial_state = &trials[i],
        };
    }
    return _cmocka_run_group_tests(group, tests, num_cases, NULL, NULL);
}
