/*
 * Rows 1 to 9: the envelope and the certificate table, one thing broken at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/table.h"
#include "tests/lib/specimen.h"

#define BODY_OFFSET 0x40
#define BODY_LEN 4

/* Writes entry `i`; its GUID is of no known kind and starts with `first`. */
static void put_entry(struct specimen *specimen, size_t i, uint8_t first, uint64_t offset,
                      uint64_t len)
{
    uint8_t *entry = specimen->aux + i * TABLE_ENTRY_LEN;

    memset(entry, 0, TABLE_ENTRY_LEN);
    entry[0] = first;
    for (size_t byte = 0; byte < 4; byte++) {
        entry[TABLE_GUID_LEN + byte] = (uint8_t)(offset >> (8 * byte));
        entry[TABLE_GUID_LEN + 4 + byte] = (uint8_t)(len >> (8 * byte));
    }
}

/* One entry with a body, and the terminator; a table that passes. */
static void put_table(struct specimen *specimen)
{
    put_entry(specimen, 0, 1, BODY_OFFSET, BODY_LEN);
    specimen->aux_len = BODY_OFFSET + BODY_LEN;
}

static void sound_table(struct specimen *specimen)
{
    memset(specimen->aux, 0, sizeof(specimen->aux));
    put_table(specimen);
}

static void provider_tdx(struct specimen *specimen)
{
    specimen->provider = "tdx_guest";
}

static void provider_sim_without_its_root(struct specimen *specimen)
{
    specimen->provider = "sim";
}

static void provider_with_line_feed(struct specimen *specimen)
{
    specimen->provider = "sev_guest\n";
}

static void service_provider(struct specimen *specimen)
{
    specimen->service_provider = "svsm";
}

static void paravisor(struct specimen *specimen)
{
    memcpy(specimen->report, "HCLA", 4);
}

static void paravisor_alone(struct specimen *specimen)
{
    paravisor(specimen);
    specimen->report_len = 4;
}

static void report_short(struct specimen *specimen)
{
    specimen->report_len = REPORT_LEN - 1;
}

static void report_long(struct specimen *specimen)
{
    specimen->report_len = REPORT_LEN + 1;
}

static void table_too_long(struct specimen *specimen)
{
    specimen->aux_len = TABLE_LEN_MAX + 1;
}

static void table_without_end(struct specimen *specimen)
{
    put_table(specimen);
    specimen->aux_len = 2 * TABLE_ENTRY_LEN - 1;
}

static void seventeen_entries(struct specimen *specimen)
{
    for (uint8_t i = 0; i < 17; i++) {
        put_entry(specimen, i, (uint8_t)(i + 1), 0, 0);
    }
    specimen->aux_len = (size_t)18 * TABLE_ENTRY_LEN;
}

static void entry_without_guid(struct specimen *specimen)
{
    put_table(specimen);
    put_entry(specimen, 0, 0, BODY_OFFSET, BODY_LEN);
}

static void entry_twice(struct specimen *specimen)
{
    put_entry(specimen, 0, 1, 80, 4);
    put_entry(specimen, 1, 1, 84, 4);
    specimen->aux_len = 88;
}

static void body_in_header(struct specimen *specimen)
{
    put_table(specimen);
    put_entry(specimen, 0, 1, 2 * TABLE_ENTRY_LEN - 1, BODY_LEN);
}

static void body_beyond_end(struct specimen *specimen)
{
    put_table(specimen);
    put_entry(specimen, 0, 1, BODY_OFFSET, BODY_LEN + 1);
}

static void body_that_wraps(struct specimen *specimen)
{
    put_table(specimen);
    put_entry(specimen, 0, 1, BODY_OFFSET, 0x100000000 - BODY_OFFSET);
}

static void bodies_overlap(struct specimen *specimen)
{
    put_entry(specimen, 0, 1, 80, 4);
    put_entry(specimen, 1, 2, 83, 4);
    specimen->aux_len = 88;
}

// clang-format off
static const struct specimen_case cases[] = {
    {"provider-unknown",     1, VERDICT_PLATFORM_UNSUPPORTED, provider_tdx, {0}},
    {"provider-unknown",     1, VERDICT_PLATFORM_UNSUPPORTED, provider_sim_without_its_root, {0}},
    {"provider-unknown",     1, VERDICT_PLATFORM_UNSUPPORTED, provider_with_line_feed, {0}},
    {"service-provider",     2, VERDICT_PLATFORM_UNSUPPORTED, service_provider, {0}},
    {"paravisor",            3, VERDICT_PLATFORM_UNSUPPORTED, paravisor, {0}},
    {"paravisor",            3, VERDICT_PLATFORM_UNSUPPORTED, paravisor_alone, {0}},
    {"length",               4, VERDICT_REPORT_INVALID, report_short, {0}},
    {"length",               4, VERDICT_REPORT_INVALID, report_long, {0}},
};

static const struct specimen_case table_cases[] = {
    {"aux-too-long",         5, VERDICT_REPORT_INVALID, table_too_long, {0}},
    {"aux-unterminated",     6, VERDICT_REPORT_INVALID, table_without_end, {0}},
    {"aux-too-many",         7, VERDICT_REPORT_INVALID, seventeen_entries, {0}},
    {"aux-zero-guid",        7, VERDICT_REPORT_INVALID, entry_without_guid, {0}},
    {"aux-duplicate",        7, VERDICT_REPORT_INVALID, entry_twice, {0}},
    {"aux-offset-in-header", 8, VERDICT_REPORT_INVALID, body_in_header, {0}},
    {"aux-out-of-range",     8, VERDICT_REPORT_INVALID, body_beyond_end, {0}},
    {"aux-out-of-range",     8, VERDICT_REPORT_INVALID, body_that_wraps, {0}},
    {"aux-overlap",          9, VERDICT_REPORT_INVALID, bodies_overlap, {0}},
};
// clang-format on

static bool accepts(const struct specimen *specimen)
{
    struct claims claims;
    struct verdict verdict;

    return specimen_verify(specimen, &claims, &verdict);
}

static void sound_tables_are_accepted(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);

    put_table(specimen);
    assert_true(accepts(specimen));
    memset(specimen->aux, 0, sizeof(specimen->aux)); /* no certificates: the buffer is zeros */
    specimen->aux_len = 16384;
    assert_true(accepts(specimen));
    put_entry(specimen, 0, 1, 0, 0); /* an entry without a body is absent, wherever it points */
    assert_true(accepts(specimen));
    specimen->aux_len = TABLE_LEN_MAX;
    assert_true(accepts(specimen));
    for (uint8_t i = 0; i < TABLE_ENTRIES_MAX; i++) {
        put_entry(specimen, i, (uint8_t)(i + 1), 0, 0);
    }
    assert_true(accepts(specimen));
    specimen_free(specimen);
}

/* Two bodies side by side, and one that is absent in the middle of another; in either order. */
static void bodies_that_only_touch_do_not_overlap(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    static const struct {
        uint64_t offset;
        uint64_t len;
    } pairs[][2] = {{{80, 4}, {84, 4}}, {{80, 4}, {82, 0}}};
    struct specimen *specimen = specimen_new(&kind);

    specimen->aux_len = 88;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        for (size_t first = 0; first < 2; first++) {
            put_entry(specimen, first, 1, pairs[i][0].offset, pairs[i][0].len);
            put_entry(specimen, 1 - first, 2, pairs[i][1].offset, pairs[i][1].len);
            assert_true(accepts(specimen));
        }
    }
    specimen_free(specimen);
}

/* The VEK only in the table, as PEM, in a slot of another name. */
static void the_content_of_a_table_entry_decides_its_kind(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);

    specimen_to_pem(&specimen->vek);
    put_entry(specimen, 0, 0, 48, specimen->vek.len);
    memcpy(specimen->aux, table_kind_guid(TABLE_ASK), TABLE_GUID_LEN);
    memcpy(specimen->aux + 48, specimen->vek.data, specimen->vek.len);
    specimen->aux_len = 48 + specimen->vek.len;
    specimen->vek.len = 0;
    assert_true(accepts(specimen));
    specimen->aux[0] ^= 1; /* a GUID that nobody knows */
    assert_false(accepts(specimen));
    specimen_free(specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_tables_are_accepted),
        cmocka_unit_test(bodies_that_only_touch_do_not_overlap),
        cmocka_unit_test(the_content_of_a_table_entry_decides_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           specimen_run("rows 1 to 4", cases, sizeof(cases) / sizeof(cases[0]), NULL) +
           specimen_run("rows 5 to 9", table_cases, sizeof(table_cases) / sizeof(table_cases[0]),
                        sound_table);
}
