/*
 * Sim: what a simulated machine makes passes the verifier that judges genuine evidence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "attest/cert.h"
#include "attest/sim.h"
#include "attest/verify.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

#define NOT_BEFORE 1780000000
#define NOW (NOT_BEFORE + 3600)

static const uint8_t measurement[48] = {0x3f, 0x9a, 1, 2, 3};
static const uint8_t report_data[64] = {0xaa, 0xbb, 1, 2, 3};

static void read_root(const char *product, uint8_t **out_pem, size_t *out_len)
{
    char dir[VENDOR_PATH_CAP];
    char path[VENDOR_PATH_CAP + 16];
    struct err err;

    vendor_path(product, dir);
    snprintf(path, sizeof(path), "%s/ark.pem", dir);
    assert_int_equal(file_read(path, 65536, out_pem, out_len, &err), 0);
}

static struct anchor anchor_for(struct bytes pem, enum product product, enum provider provider)
{
    uint8_t storage[CERT_DER_MAX];
    struct buf buf = buf_over(storage, sizeof(storage));
    struct cert cert;
    struct anchor anchor = {.product = product, .provider = provider};

    assert_int_equal(cert_read(pem, &buf, &cert), CERT_OK);
    assert_true(cert_spki_sha256(&cert, anchor.spki_sha256));
    return anchor;
}

/* Makes a machine, has it sign, and verifies the report. */
static void check_machine(const char *product_text, enum product product, enum provider provider,
                          const struct sim_machine_options *options)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    char mdir[FOLDER_PATH_CAP + 8];
    struct err err = {.msg = ""};
    struct sim *sim = NULL;
    uint8_t report[REPORT_LEN];
    uint8_t *root = NULL;
    size_t root_len = 0;
    const char *provider_text = provider == PROVIDER_SIM ? "sim" : "sev_guest";
    struct claims claims;
    struct verdict verdict;

    vendor_path(product_text, dir);
    folder_make(folder);
    snprintf(mdir, sizeof(mdir), "%s/m", folder);
    if (sim_machine_create(dir, mdir, options, &err) != 0 || (sim = sim_open(mdir, &err)) == NULL ||
        sim_report(sim, report_data, 2, report, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    read_root(product_text, &root, &root_len);
    {
        struct evidence evidence = {
            .provider = {(const uint8_t *)provider_text, strlen(provider_text)},
            .outblob = {report, sizeof(report)},
            .certs = {sim_vek(sim), sim_ask(sim)},
            .num_certs = 2,
        };
        struct bytes root_pem = {root, root_len};
        struct collateral collateral = {.certs = &root_pem, .num_certs = 1};
        struct anchor anchor = anchor_for(root_pem, product, provider);
        struct verify_options verify = {
            .report_data = report_data,
            .now = NOW,
            .anchors = &anchor,
            .num_anchors = 1,
            .vendor_crl = VENDOR_CRL_USE,
        };

        if (!verify_evidence(&evidence, &collateral, &verify, &claims, &verdict, NULL)) {
            fail_msg("row %d: %s: %s / %s", verdict.row, verdict.slug, verdict.expected,
                     verdict.actual);
        }
    }
    assert_int_equal(claims.tee, provider == PROVIDER_SIM ? TEE_SIM : TEE_SNP);
    assert_int_equal(claims.product, product);
    assert_int_equal(claims.vmpl, 2);
    assert_memory_equal(claims.measurement, measurement, sizeof(measurement));
    assert_memory_equal(claims.report_data, report_data, sizeof(report_data));
    assert_true(claims.chip_known);
    assert_int_equal(claims.reported.present[TCB_FMC],
                     product == PRODUCT_TURIN || options->struct_version == 1);
    assert_true(claims.valid_until > NOW);
    sim_free(sim);
    free(root);
    folder_remove(folder);
}

static void every_product_version_and_layout_passes_the_verifier(void **state)
{
    static const struct {
        const char *text;
        enum product product;
        enum provider provider;
        unsigned layout;
    } rows[] = {
        {"Sim", PRODUCT_SIM, PROVIDER_SIM, 0},
        {"Sim", PRODUCT_SIM, PROVIDER_SIM, 1},
        {"Milan", PRODUCT_MILAN, PROVIDER_SEV_GUEST, 0},
        {"Genoa", PRODUCT_GENOA, PROVIDER_SEV_GUEST, 0},
        {"Turin", PRODUCT_TURIN, PROVIDER_SEV_GUEST, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned version = 2; version <= 5; version++) {
            struct sim_machine_options options = {
                .measurement = measurement,
                .report_version = version,
                .struct_version = rows[i].layout,
                .not_before = NOT_BEFORE,
            };

            check_machine(rows[i].text, rows[i].product, rows[i].provider, &options);
        }
    }
}

static void keys_are_for_their_owner_and_no_vendor_key_is_in_a_machine(void **state)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 16];
    struct err err;
    struct stat info;
    struct sim_machine_options options = {.measurement = measurement, .not_before = NOT_BEFORE};
    struct sim *sim = NULL;

    vendor_path("Sim", dir);
    folder_make(folder);
    assert_int_equal(sim_machine_create(dir, folder, &options, &err), 0);
    snprintf(path, sizeof(path), "%s/vek.key", folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0400);
    sim = sim_open(folder, &err);
    assert_non_null(sim);
    sim_free(sim);
    snprintf(path, sizeof(path), "%s/ark.key", folder);
    assert_int_equal(file_create(path, 0400, "x", 1, &err), 0);
    assert_null(sim_open(folder, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "ark.key: a vendor key in a machine's folder"));
    folder_remove(folder);
}

static void a_bad_machine_file_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"[machine]\n", "[machine] product: missing"},
        {"[machine]\nproduct = Rome\n", "[machine] product: bad value"},
        {"[machine]\nlayout = 2\n", "[machine] layout: bad value"},
        {"[machine]\nlayout = 0x1\n", "[machine] layout: bad value"},
        {"[machine]\nreport_version = 1\n", "[machine] report_version: bad value"},
        {"[machine]\ntcb = 00\n", "[machine] tcb: bad value"},
        {"[machine]\ntcb = 000000000000000g\n", "[machine] tcb: bad value"},
        {"[machine]\nguest_policy = 30000\n", "[machine] guest_policy: bad value"},
        {"[machine]\nguest_svn = 4294967296\n", "[machine] guest_svn: bad value"},
        {"[machine]\nguest_svn = 1\nguest_svn = 1\n", "[machine] guest_svn: set twice"},
        {"[machine]\nsvn = 1\n", "[machine] svn: unknown key"},
        {"[vendor]\nsvn = 1\n", "[vendor] svn: unknown section"},
    };
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 16];
    struct err err;

    folder_make(folder);
    snprintf(path, sizeof(path), "%s/machine.ini", folder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(file_replace(path, 0644, rows[i].text, strlen(rows[i].text), &err), 0);
        assert_null(sim_open(folder, &err));
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.msg, rows[i].message) == NULL) {
            fail_msg("%s, not %s", err.msg, rows[i].message);
        }
    }
    folder_remove(folder);
}

/* Puts `text` where `key` has its value in machine.ini. */
static void spoil_state(const char *mdir, const char *key, const char *text)
{
    char path[FOLDER_PATH_CAP + 16];
    char spoilt[4096];
    uint8_t *state = NULL;
    size_t len = 0;
    char *at = NULL;
    struct err err;

    snprintf(path, sizeof(path), "%s/machine.ini", mdir);
    assert_int_equal(file_read(path, sizeof(spoilt) / 2, &state, &len, &err), 0);
    at = strstr((char *)state, key);
    assert_non_null(at);
    snprintf(spoilt, sizeof(spoilt), "%.*s%s%s", (int)(at - (char *)state), (char *)state, text,
             strchr(at, '\n'));
    assert_int_equal(file_replace(path, 0644, spoilt, strlen(spoilt), &err), 0);
    free(state);
}

static void a_layout_that_the_product_has_not_is_refused(void **state)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    struct err err;
    struct sim_machine_options options = {.measurement = measurement, .not_before = NOT_BEFORE};

    vendor_path("Milan", dir);
    folder_make(folder);
    assert_int_equal(sim_machine_create(dir, folder, &options, &err), 0);
    spoil_state(folder, "layout = ", "layout = 1");
    assert_null(sim_open(folder, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "[machine] layout: not one of this product"));
    folder_remove(folder);
}

static void write_key(const char *path, EVP_PKEY *key, const char *password)
{
    FILE *file = NULL;

    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(file, key, password != NULL ? EVP_aes_128_cbc() : NULL, password,
                                  password != NULL ? (int)strlen(password) : 0, NULL, NULL),
        1);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_machine_is_refused_before_it_signs(void **state)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    char key_path[FOLDER_PATH_CAP + 16];
    char vek_path[FOLDER_PATH_CAP + 16];
    struct err err;
    struct sim_machine_options options = {.measurement = measurement, .not_before = NOT_BEFORE};
    const char *const groups[] = {"P-384", "P-256", "P-521"};

    vendor_path("Sim", dir);
    folder_make(folder);
    assert_int_equal(sim_machine_create(dir, folder, &options, &err), 0);
    snprintf(key_path, sizeof(key_path), "%s/vek.key", folder);
    snprintf(vek_path, sizeof(vek_path), "%s/vek.pem", folder);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", groups[i]);

        write_key(key_path, key, NULL);
        assert_null(sim_open(folder, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "vek.key is not the P-384 key of vek.pem"));
        write_key(key_path, key, "never asked for");
        assert_null(sim_open(folder, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "vek.key: no key"));
        EVP_PKEY_free(key);
    }
    assert_int_equal(unlink(vek_path), 0);
    assert_int_equal(mkfifo(vek_path, 0600), 0);
    assert_null(sim_open(folder, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "vek.pem: not a regular file"));
    folder_remove(folder);
}

static void a_machine_is_not_made_in_a_vendors_folder(void **state)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 16];
    struct err err;
    struct sim_machine_options options = {.measurement = measurement, .not_before = NOT_BEFORE};

    vendor_path("Sim", dir);
    folder_make(folder);
    assert_int_equal(sim_vendor_copy(folder, dir, "Sim", &err), 0);
    assert_int_equal(sim_machine_create(folder, folder, &options, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "ark.key: a vendor key in a machine's folder"));
    snprintf(path, sizeof(path), "%s/vek.key", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    folder_remove(folder);
}

static void bad_options_are_refused(void **state)
{
    char dir[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    struct err err;
    struct sim_machine_options version = {.measurement = measurement, .report_version = 6};
    struct sim_machine_options layout = {.measurement = measurement, .struct_version = 2};

    vendor_path("Sim", dir);
    folder_make(folder);
    assert_int_equal(sim_machine_create(dir, folder, &version, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(sim_machine_create(dir, folder, &layout, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(sim_vendor_create(folder, "Rome", &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(sim_vendor_copy(dir, dir, "Sim", &err), -1); /* one is there already */
    assert_int_equal(err.code, ERR_IO);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_product_version_and_layout_passes_the_verifier),
        cmocka_unit_test(keys_are_for_their_owner_and_no_vendor_key_is_in_a_machine),
        cmocka_unit_test(a_bad_machine_file_is_refused),
        cmocka_unit_test(a_layout_that_the_product_has_not_is_refused),
        cmocka_unit_test(a_damaged_machine_is_refused_before_it_signs),
        cmocka_unit_test(a_machine_is_not_made_in_a_vendors_folder),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
