/*
 * Alteration: of sound simulated evidence with its chain and its revocation list no byte can be
 * another, and no end be missing.  With ALTERATION=all each bit, which takes minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attest/memo.h"
#include "common/err.h"
#include "tests/lib/revocation.h"
#include "tests/lib/specimen.h"

static const struct specimen_kind kinds[] = {
    {"Milan", 2, NULL},
    {"Genoa", 5, "CN=cc-test.example"},
    {"Turin", 5, NULL},
};

/* Evidence that is judged with everything there is, what held before being remembered. */
struct subject {
    struct specimen *specimen;
    struct memo *memo;
};

static void subject_init(struct subject *subject, const struct specimen_kind *kind)
{
    struct err err;
    struct specimen *specimen = specimen_new(kind);
    const struct revocation list = {
        .issuer = &specimen->ark,
        .signer = specimen->ark_key,
        .number = 7,
        .this_update = SPECIMEN_NOW - 3600,
        .next_update = SPECIMEN_NOW + 3600,
    };

    revocation_make(&list, &specimen->crls[0]);
    specimen->options.vendor_crl = VENDOR_CRL_REQUIRE;
    subject->specimen = specimen;
    subject->memo = memo_new(&err);
    assert_non_null(subject->memo);
    specimen->options.memo = subject->memo;
}

static void subject_deinit(struct subject *subject)
{
    memo_free(subject->memo);
    specimen_free(subject->specimen);
}

static bool accepts(const struct subject *subject)
{
    const struct specimen *specimen = subject->specimen;
    struct evidence evidence = {
        .provider = {(const uint8_t *)specimen->provider, strlen(specimen->provider)},
        .outblob = {specimen->report, specimen->report_len},
        .certs = {{specimen->vek.data, specimen->vek.len}, {specimen->ask.data, specimen->ask.len}},
        .num_certs = 2,
    };
    struct bytes root = {specimen->ark.data, specimen->ark.len};
    struct bytes list = {specimen->crls[0].data, specimen->crls[0].len};
    struct collateral collateral = {.certs = &root, .num_certs = 1, .crls = &list, .num_crls = 1};
    struct claims claims;
    struct verdict verdict;

    return verify_evidence(&evidence, &collateral, &specimen->options, &claims, &verdict, NULL);
}

/* The bytes of one part of the evidence, by its name. */
static uint8_t *part_of(struct specimen *specimen, size_t part, const char **out_name,
                        size_t **out_len)
{
    const struct {
        const char *name;
        uint8_t *data;
        size_t *len;
    } parts[] = {
        {"report", specimen->report, &specimen->report_len},
        {"VEK", specimen->vek.data, &specimen->vek.len},
        {"ASK", specimen->ask.data, &specimen->ask.len},
        {"ARK", specimen->ark.data, &specimen->ark.len},
        {"CRL", specimen->crls[0].data, &specimen->crls[0].len},
    };

    *out_name = parts[part].name;
    *out_len = parts[part].len;
    return parts[part].data;
}

#define PARTS 5
#define PARTS_OF_MACHINE 2 /* report and VEK, which differ most among products */

/* Alters so many bits of each byte, first this one, then that; how many there were. */
static size_t alter(struct subject *subject, const char *name, uint8_t *data, size_t len,
                    size_t bits)
{
    for (size_t i = 0; i < len * bits; i++) {
        size_t at = i / bits;
        uint8_t mask = (uint8_t)(1U << ((at + i % bits) % 8));

        data[at] ^= mask;
        if (accepts(subject)) {
            fail_msg("%s: byte 0x%03zx ^ 0x%02x", name, at, mask);
        }
        data[at] ^= mask;
    }
    return len * bits;
}

static void every_altered_byte_is_refused(void **state)
{
    const bool all = getenv("ALTERATION") != NULL;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct subject subject;

        subject_init(&subject, &kinds[i]);
        assert_true(accepts(&subject));
        for (size_t part = 0; part < (all || i == 0 ? PARTS : PARTS_OF_MACHINE); part++) {
            const char *name = NULL;
            size_t *len = NULL;
            uint8_t *data = part_of(subject.specimen, part, &name, &len);

            print_message("%s, version %u, %s: %zu alterations refused\n", kinds[i].product,
                          kinds[i].report_version, name,
                          alter(&subject, name, data, *len, all ? 8 : 1));
        }
        assert_true(accepts(&subject));
        subject_deinit(&subject);
    }
}

static void every_missing_end_is_refused(void **state)
{
    const size_t step = getenv("ALTERATION") != NULL ? 1 : 5;
    struct subject subject;

    subject_init(&subject, &kinds[0]);
    for (size_t part = 0; part < PARTS; part++) {
        const char *name = NULL;
        size_t *len = NULL;
        size_t whole = 0;

        (void)part_of(subject.specimen, part, &name, &len);
        whole = *len;
        for (*len = whole % step; *len < whole; *len += step) {
            if (accepts(&subject)) {
                fail_msg("%s: %zu bytes of %zu", name, *len, whole);
            }
        }
    }
    assert_true(accepts(&subject));
    subject_deinit(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_altered_byte_is_refused),
        cmocka_unit_test(every_missing_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
