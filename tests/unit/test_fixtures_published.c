/*
 * Genuine chains and revocation lists of AMD's, without evidence.  The folder is no part of the
 * project; where it is missing, the case is reported as skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/published.h"
#include "common/err.h"
#include "common/file.h"

#define NOW 1780000000 /* 2026-05-28 */
#define FILE_MAX 65536
#define REVOKED "intermediate-known-revoked"

static const char *fixtures_dir(void)
{
    const char *dir = getenv("LIFTGATE_FIXTURES");

    return dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
}

/* Reads amd/NAME.der; the caller frees the data. */
static struct bytes load(const char *name)
{
    char path[512];
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err;

    snprintf(path, sizeof(path), "%s/amd/%s.der", fixtures_dir(), name);
    if (file_read(path, FILE_MAX, &data, &len, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return (struct bytes){data, len};
}

static void what_amd_has_published_is_judged_without_evidence(void **state)
{
    static const struct {
        const char *names[3]; /* intermediate, root, list */
        enum product product;
        bool vlek;
        int64_t now;
        const char *slug;
    } rows[] = {
        {{"ask-genoa", "ark-genoa", NULL}, PRODUCT_GENOA, false, NOW, "holds"},
        {{"ask-turin", "ark-turin", NULL}, PRODUCT_TURIN, false, NOW, "holds"},
        {{"asvk-milan", "ark-milan", NULL}, PRODUCT_MILAN, true, NOW, "holds"},
        {{"asvk-turin", "ark-turin", NULL}, PRODUCT_TURIN, false, NOW, "ask-name"},
        {{"ask-milan", "ark-genoa", NULL}, PRODUCT_MILAN, false, NOW, "ark-not-pinned"},
        {{"ask-genoa-revoked", "ark-genoa", NULL}, PRODUCT_GENOA, false, NOW, REVOKED},
        {{"ask-milan", "ark-milan", "crl-milan-3"}, PRODUCT_MILAN, false, 1682899200, "holds"},
        {{"ask-milan", "ark-milan", "crl-milan-4"}, PRODUCT_MILAN, false, 1685577600, "holds"},
        {{"ask-genoa", "ark-genoa", "crl-genoa-2"}, PRODUCT_GENOA, false, 1672531200, "holds"},
        {{"ask-genoa", "ark-genoa", "crl-milan-4"}, PRODUCT_GENOA, false, 1685577600, "crl-issuer"},
    };

    if (access(fixtures_dir(), F_OK) != 0) {
        printf("SKIP: fixtures: %s: no %s\n", __func__, fixtures_dir());
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct verify_options options = {.now = rows[i].now,
                                               .anchors = verify_vendor_anchors,
                                               .num_anchors = verify_num_vendor_anchors};
        struct bytes files[3] = {0};
        const struct collateral certs = {.certs = files, .num_certs = 2};
        struct published published = {rows[i].product, rows[i].vlek, &certs, {0}};
        struct published_terms terms;
        struct verdict verdict;

        for (unsigned j = 0; j < 3 && rows[i].names[j] != NULL; j++) {
            files[j] = load(rows[i].names[j]);
        }
        published.crl = files[2];
        assert_string_equal(rows[i].slug, published_judge(&published, &options, &terms, &verdict)
                                              ? "holds"
                                              : verdict.slug);
        for (unsigned j = 0; j < 3; j++) {
            free((void *)(uintptr_t)files[j].data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_amd_has_published_is_judged_without_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
