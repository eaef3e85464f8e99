/*
 * Genuine evidence: what the manifest beside it says, the verifier must say too.  The folder is no
 * part of the project; where it is missing, each case is reported as skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/memo.h"
#include "attest/parcel.h"
#include "attest/policy.h"
#include "attest/report.h"
#include "attest/verify.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"

#define NOW 1780000000      /* 2026-05-28: every VCEK is valid */
#define NOW_VLEK 1740000000 /* 2025-02-19: the VLEK is */
#define FILE_MAX 65536
#define CERTS_MAX 16
#define REPORTS_MAX 32
#define NAME_CAP 64

struct fixture {
    char name[NAME_CAP]; /* "milan-v3" */
    char expect[256];
    struct bytes report; /* owned */
    struct bytes vek;    /* owned */
    bool vlek;
};

struct fixtures {
    const char *dir;
    struct bytes amd[CERTS_MAX]; /* AMD's CA certificates; owned */
    size_t num_amd;
    struct fixture reports[REPORTS_MAX];
    size_t num_reports;
    struct memo *memo; /* NULL: none */
};

static const char *fixtures_dir(void)
{
    const char *dir = getenv("LIFTGATE_FIXTURES");

    return dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
}

/* Reads DIR/NAME; false if it is not there. */
static bool load(const char *dir, const char *name, struct bytes *out_bytes)
{
    char path[512];
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (file_read(path, FILE_MAX, &data, &len, &err) != 0) {
        return false;
    }
    *out_bytes = (struct bytes){data, len};
    return true;
}

static void drop(struct bytes bytes)
{
    uint8_t *data = NULL;

    memcpy(&data, &bytes.data, sizeof(data)); /* file_read() gave it without const */
    free(data);
}

static void take_report(struct fixtures *all, const char *file, const char *expect)
{
    struct fixture *fixture = &all->reports[all->num_reports++];
    size_t len = strcspn(file, ".");
    char path[NAME_CAP + 32];

    assert_true(all->num_reports <= REPORTS_MAX && len > 4 && len < NAME_CAP);
    snprintf(fixture->name, sizeof(fixture->name), "%.*s", (int)len - 4, file + 4);
    snprintf(fixture->expect, sizeof(fixture->expect), "%s", expect);
    assert_true(load(all->dir, file, &fixture->report));
    snprintf(path, sizeof(path), "snp/%s.vcek.der", fixture->name);
    if (!load(all->dir, path, &fixture->vek)) {
        snprintf(path, sizeof(path), "snp/%s.vlek.der", fixture->name);
        assert_true(load(all->dir, path, &fixture->vek));
        fixture->vlek = true;
    }
}

/* One line of the manifest: file, kind, product, version, expectation, ... */
static void take_line(struct fixtures *all, char *line)
{
    char *column[5] = {NULL};
    char *rest = line;

    for (size_t i = 0; i < 5 && rest != NULL; i++) {
        column[i] = strsep(&rest, "\t");
    }
    if (column[4] == NULL) {
        return;
    }
    if (strcmp(column[1], "ARK") == 0 || strcmp(column[1], "ASK") == 0 ||
        strcmp(column[1], "ASVK") == 0) {
        assert_true(all->num_amd < CERTS_MAX);
        assert_true(load(all->dir, column[0], &all->amd[all->num_amd++]));
    }
    if (strcmp(column[1], "report") == 0) {
        take_report(all, column[0], column[4]);
    }
}

static int setup(void **state)
{
    static struct fixtures all;
    struct bytes manifest;
    char *text = NULL;
    char *rest = NULL;

    *state = NULL;
    all.dir = fixtures_dir();
    if (!load(all.dir, "MANIFEST.tsv", &manifest)) {
        return 0;
    }
    text = strndup((const char *)manifest.data, manifest.len);
    rest = text;
    while (rest != NULL) {
        take_line(&all, strsep(&rest, "\n"));
    }
    free(text);
    drop(manifest);
    *state = &all;
    return 0;
}

static int teardown(void **state)
{
    struct fixtures *all = *state;

    for (size_t i = 0; all != NULL && i < all->num_amd; i++) {
        drop(all->amd[i]);
    }
    for (size_t i = 0; all != NULL && i < all->num_reports; i++) {
        drop(all->reports[i].report);
        drop(all->reports[i].vek);
    }
    return 0;
}

/* The fixtures; says by name what is left out if they are not there. */
static struct fixtures *need(void **state, const char *name)
{
    if (*state == NULL) {
        printf("SKIP: fixtures: %s: no %s\n", name, fixtures_dir());
        skip();
    }
    return *state;
}

static bool verify(const struct fixtures *all, struct bytes report, const struct fixture *signer,
                   struct claims *out_claims, struct verdict *out_verdict)
{
    static const char provider[] = "sev_guest";
    struct evidence evidence = {
        .provider = {(const uint8_t *)provider, sizeof(provider) - 1},
        .outblob = report,
        .certs = {signer->vek},
        .num_certs = 1,
    };
    struct collateral collateral = {.certs = all->amd, .num_certs = all->num_amd};
    struct verify_options options = {
        .now = signer->vlek ? NOW_VLEK : NOW,
        .anchors = verify_vendor_anchors,
        .num_anchors = verify_num_vendor_anchors,
        .vendor_crl = VENDOR_CRL_USE,
        .memo = all->memo,
    };

    return verify_evidence(&evidence, &collateral, &options, out_claims, out_verdict, NULL);
}

static void every_report_gives_what_the_manifest_says(void **state)
{
    struct fixtures *all = need(state, __func__);
    size_t num_debug = 0;

    assert_true(all->num_reports >= 8);
    for (size_t i = 0; i < all->num_reports; i++) {
        const struct fixture *fixture = &all->reports[i];
        struct claims claims;
        struct verdict verdict;
        struct policy_guest_rules rules = {.vmpl = fixture->vlek ? 1 : 0};
        bool debug = strstr(fixture->expect, "DEBUG") != NULL;

        if (!verify(all, fixture->report, fixture, &claims, &verdict)) {
            fail_msg("%s: row %d: %s: %s / %s", fixture->name, verdict.row, verdict.slug,
                     verdict.expected, verdict.actual);
        }
        assert_int_equal(claims.tee, TEE_SNP);
        assert_int_equal(claims.debug, debug);
        assert_int_equal(policy_check_defaults(&claims, &rules, &verdict, NULL), !debug);
        if (debug) {
            assert_string_equal(verdict.slug, "debug-allowed");
            num_debug++;
        }
    }
    assert_true(num_debug >= 1);
}

/* What an agent would send with a report if the host had given it these two certificates. */
static size_t count_sent(const struct fixture *fixture, struct bytes vek, struct bytes ca)
{
    const struct evidence evidence = {
        .provider = {(const uint8_t *)"sev_guest", 9},
        .outblob = fixture->report,
        .certs = {vek, ca},
        .num_certs = 2,
    };
    struct err err;
    struct parcel *parcel = parcel_new(&evidence, fixture->vlek ? NOW_VLEK : NOW, &err);
    size_t num = 0;

    if (parcel == NULL) {
        fail_msg("%s: %s", fixture->name, err.msg);
    }
    num = parcel_evidence(parcel)->num_certs;
    parcel_free(parcel);
    return num;
}

static void an_agent_sends_the_certificates_that_fit_its_report(void **state)
{
    struct fixtures *all = need(state, __func__);

    for (size_t i = 0; i < all->num_reports; i++) {
        const struct fixture *fixture = &all->reports[i];
        const struct fixture *other = &all->reports[(i + 1) % all->num_reports];
        size_t num_asks = 0;

        for (size_t j = 0; j < all->num_amd; j++) {
            size_t num = count_sent(fixture, fixture->vek, all->amd[j]);

            assert_in_range(num, 1, 2);
            num_asks += num - 1;
            assert_int_equal(count_sent(fixture, other->vek, all->amd[j]), 0);
        }
        assert_in_range(num_asks, 1, 2); /* Genoa's was issued again */
    }
}

static void an_expired_vlek_is_refused(void **state)
{
    struct fixtures *all = need(state, __func__);

    for (size_t i = 0; i < all->num_reports; i++) {
        struct fixture late = all->reports[i];
        struct claims claims;
        struct verdict verdict;

        if (late.vlek) {
            late.vlek = false; /* judged now, not when it was valid */
            assert_false(verify(all, late.report, &late, &claims, &verdict));
            assert_string_equal(verdict.slug, "vek-expired");
        }
    }
}

static void a_vek_of_another_chip_is_refused(void **state)
{
    struct fixtures *all = need(state, __func__);

    for (size_t i = 0; i < all->num_reports; i++) {
        for (size_t j = 0; j < all->num_reports; j++) {
            struct report a = {all->reports[i].report.data};
            struct report b = {all->reports[j].report.data};
            struct bytes chip = report_bytes(a, REPORT_CHIP_ID);
            struct claims claims;
            struct verdict verdict;

            if (memcmp(chip.data, report_bytes(b, REPORT_CHIP_ID).data, chip.len) != 0) {
                assert_false(
                    verify(all, all->reports[i].report, &all->reports[j], &claims, &verdict));
                assert_true(verdict.row >= 43 && verdict.row <= 52);
            }
        }
    }
}

static void a_vek_issued_again_is_accepted(void **state)
{
    struct fixtures *all = need(state, __func__);
    size_t num_seen = 0;

    for (size_t i = 0; i < all->num_reports; i++) {
        struct fixture again = all->reports[i];
        char name[NAME_CAP + 32];
        struct claims claims;
        struct verdict verdict;

        snprintf(name, sizeof(name), "snp/%s.reissued.vcek.der", again.name);
        if (load(all->dir, name, &again.vek)) {
            assert_true(verify(all, again.report, &again, &claims, &verdict));
            drop(again.vek);
            num_seen++;
        }
    }
    assert_true(num_seen >= 1);
}

static void a_vek_with_a_malformed_hwid_is_refused(void **state)
{
    static const char *const names[] = {"snp/bad-hwid-new.vcek.der",
                                        "snp/bad-hwid-legacy.vcek.der"};
    struct fixtures *all = need(state, __func__);

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct fixture signer = {.name = "bad-hwid"};

        assert_true(load(all->dir, names[n], &signer.vek));
        for (size_t i = 0; i < all->num_reports; i++) {
            struct claims claims;
            struct verdict verdict;

            assert_false(verify(all, all->reports[i].report, &signer, &claims, &verdict));
            assert_int_equal(verdict.code, VERDICT_CHAIN_INVALID);
        }
        drop(signer.vek);
    }
}

static EVP_PKEY *key_of(struct bytes vek)
{
    uint8_t storage[CERT_DER_MAX];
    struct buf buf = buf_over(storage, sizeof(storage));
    struct cert cert;
    EVP_PKEY *key = NULL;

    assert_int_equal(cert_read(vek, &buf, &cert), CERT_OK);
    key = cert_key(&cert);
    assert_non_null(key);
    return key;
}

/* A report that the VEK did not sign is refused by row 65 at the latest: only the first report of
   each layout goes all the way for every byte, since a chain costs more than a signature. */
static void any_altered_byte_is_refused(void **state)
{
    struct fixtures *all = need(state, __func__);
    bool whole_done[2] = {false, false};

    print_message("%zu reports, %d alterations of each\n", all->num_reports, REPORT_LEN);
    for (size_t i = 0; i < all->num_reports; i++) {
        const struct fixture *fixture = &all->reports[i];
        EVP_PKEY *key = key_of(fixture->vek);
        bool turin = strncmp(fixture->name, "turin", 5) == 0;
        bool whole = !whole_done[turin];
        uint8_t altered[REPORT_LEN];

        whole_done[turin] = true;
        assert_int_equal(fixture->report.len, REPORT_LEN);
        memcpy(altered, fixture->report.data, REPORT_LEN);
        for (size_t at = 0; at < REPORT_LEN; at++) {
            struct report report = {altered};
            struct verified_report verified;
            struct claims claims;
            struct verdict verdict;

            altered[at] ^= 0x01;
            if ((whole || report_authenticate(report, key, &verified)) &&
                verify(all, (struct bytes){altered, REPORT_LEN}, fixture, &claims, &verdict)) {
                fail_msg("%s: byte 0x%03zx", fixture->name, at);
            }
            altered[at] ^= 0x01;
        }
        EVP_PKEY_free(key);
    }
    assert_true(whole_done[0] && whole_done[1]);
}

/* Alters each byte of `cert`, which may be the fixture's or one of the vendor's. */
static void alter_certificate(const struct fixtures *all, const struct fixture *fixture,
                              struct bytes *cert)
{
    const struct bytes whole = *cert;
    uint8_t altered[CERT_DER_MAX];

    assert_true(whole.len <= sizeof(altered));
    memcpy(altered, whole.data, whole.len);
    cert->data = altered;
    for (size_t at = 0; at < whole.len; at++) {
        struct claims claims;
        struct verdict verdict;

        altered[at] ^= 0x01;
        if (verify(all, fixture->report, fixture, &claims, &verdict)) {
            fail_msg("%s: byte 0x%03zx of a certificate", fixture->name, at);
        }
        altered[at] ^= 0x01;
    }
    *cert = whole;
}

/* A report that is accepted, and is not without this certificate of the vendor's; or NULL. */
static const struct fixture *who_needs(struct fixtures *all, struct bytes *cert)
{
    const struct bytes whole = *cert;
    const struct fixture *found = NULL;

    cert->len = 0;
    for (size_t i = 0; i < all->num_reports && found == NULL; i++) {
        struct claims claims;
        struct verdict verdict;

        if (!verify(all, all->reports[i].report, &all->reports[i], &claims, &verdict)) {
            found = &all->reports[i];
        }
    }
    *cert = whole;
    return found;
}

static void any_altered_byte_of_a_certificate_is_refused(void **state)
{
    struct fixtures *all = need(state, __func__);
    size_t num_veks = 0;
    size_t num_vendors = 0;
    size_t num_bytes = 0;
    struct err err;

    all->memo = memo_new(&err); /* the parts that are as before need not be verified again */
    assert_non_null(all->memo);
    for (; num_veks < all->num_reports; num_veks++) {
        struct fixture *fixture = &all->reports[num_veks];

        alter_certificate(all, fixture, &fixture->vek);
        num_bytes += fixture->vek.len;
    }
    for (size_t i = 0; i < all->num_amd; i++) {
        const struct fixture *fixture = who_needs(all, &all->amd[i]);

        if (fixture != NULL) {
            alter_certificate(all, fixture, &all->amd[i]);
            num_bytes += all->amd[i].len;
            num_vendors++;
        }
    }
    memo_free(all->memo);
    all->memo = NULL;
    print_message("%zu VEKs and %zu certificates of the vendor: %zu alterations\n", num_veks,
                  num_vendors, num_bytes);
    assert_true(num_veks >= 8 && num_vendors >= 7);
}

/* No genuine VEK under the revoked intermediate is known: the row shows in the list of rows. */
static void the_revoked_genoa_intermediate_is_known_without_a_crl(void **state)
{
    struct fixtures *all = need(state, __func__);
    static const char provider[] = "sev_guest";
    struct bytes certs[2];
    size_t num_seen = 0;

    assert_true(load(all->dir, "amd/ask-genoa-revoked.der", &certs[0]));
    assert_true(load(all->dir, "amd/ark-genoa.der", &certs[1]));
    for (size_t i = 0; i < all->num_reports; i++) {
        struct evidence evidence = {
            .provider = {(const uint8_t *)provider, sizeof(provider) - 1},
            .outblob = all->reports[i].report,
            .certs = {all->reports[i].vek},
            .num_certs = 1,
        };
        struct collateral collateral = {.certs = certs, .num_certs = 2};
        struct verify_options options = {
            .now = NOW,
            .anchors = verify_vendor_anchors,
            .num_anchors = verify_num_vendor_anchors,
            .vendor_crl = VENDOR_CRL_USE,
        };
        struct verify_rows rows;
        struct claims claims;
        struct verdict verdict;

        assert_false(verify_evidence(&evidence, &collateral, &options, &claims, &verdict, &rows));
        for (size_t row = 0; row < rows.num_results; row++) {
            if (rows.results[row].row == 64) {
                assert_int_equal(rows.results[row].state, ROW_FAILED);
                assert_int_equal(rows.results[row].verdict.code, VERDICT_REVOKED);
                assert_string_equal(rows.results[row].verdict.slug, "intermediate-known-revoked");
                num_seen++;
            }
        }
    }
    assert_true(num_seen >= 1);
    drop(certs[0]);
    drop(certs[1]);
}

static void genuine_revocation_lists_are_read(void **state)
{
    static const uint8_t revoked[] = {0x02, 0x00, 0x01};
    static const struct {
        const char *list;
        const char *root;
        uint8_t number;
        bool lists;
    } rows[] = {
        {"amd/crl-milan-3.der", "amd/ark-milan.der", 3, false},
        {"amd/crl-milan-4.der", "amd/ark-milan.der", 4, false},
        {"amd/crl-genoa-2.der", "amd/ark-genoa.der", 2, true},
    };
    struct fixtures *all = need(state, __func__);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf none = buf_over(NULL, 0);
        struct bytes list;
        struct bytes root;
        struct cert ark;
        struct crl crl;

        assert_true(load(all->dir, rows[i].list, &list));
        assert_true(load(all->dir, rows[i].root, &root));
        assert_int_equal(cert_read(root, &none, &ark), CERT_OK);
        assert_true(crl_read(list, &crl));
        assert_int_equal(crl.version, 2);
        assert_int_equal(crl.number.len, 1);
        assert_int_equal(crl.number.data[0], rows[i].number);
        assert_true(crl.has_next_update && crl.this_update < crl.next_update);
        assert_false(crl.critical);
        assert_true(cert_signed_by(&crl.signed_part, &ark));
        assert_int_equal(crl_lists(&crl, (struct bytes){revoked, sizeof(revoked)}), rows[i].lists);
        drop(list);
        drop(root);
    }
}

/* Else whoever writes the policy could have genuine chains judged as simulated ones. */
static void a_vendors_root_is_no_simulated_root(void **state)
{
    struct fixtures *all = need(state, __func__);
    char dir[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 16];
    size_t num_seen = 0;

    folder_make(dir);
    snprintf(path, sizeof(path), "%s/ark.pem", dir);
    for (size_t i = 0; i < all->num_amd; i++) {
        const unsigned char *at = all->amd[i].data;
        X509 *cert = d2i_X509(NULL, &at, (long)all->amd[i].len);
        FILE *file = fopen(path, "w");
        char text[512];
        struct err err = {0};

        assert_true(cert != NULL && file != NULL);
        assert_int_equal(PEM_write_X509(file, cert), 1);
        assert_int_equal(fclose(file), 0);
        X509_free(cert);
        snprintf(text, sizeof(text), "[ca]\ntrust_domain = a\n[platform sim]\ninsecure_root = %s\n",
                 path);
        assert_null(policy_parse("p.ini", text, strlen(text), &err));
        num_seen += strstr(err.msg, "has the key of a vendor's root") != NULL ? 1 : 0;
    }
    assert_int_equal(num_seen, verify_num_vendor_anchors);
    folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_gives_what_the_manifest_says),
        cmocka_unit_test(an_agent_sends_the_certificates_that_fit_its_report),
        cmocka_unit_test(an_expired_vlek_is_refused),
        cmocka_unit_test(a_vek_of_another_chip_is_refused),
        cmocka_unit_test(a_vek_issued_again_is_accepted),
        cmocka_unit_test(a_vek_with_a_malformed_hwid_is_refused),
        cmocka_unit_test(any_altered_byte_is_refused),
        cmocka_unit_test(any_altered_byte_of_a_certificate_is_refused),
        cmocka_unit_test(the_revoked_genoa_intermediate_is_known_without_a_crl),
        cmocka_unit_test(genuine_revocation_lists_are_read),
        cmocka_unit_test(a_vendors_root_is_no_simulated_root),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
