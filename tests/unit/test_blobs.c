/*
 * Blobs: which report is the answer to a request.
 */
#include "attest/blobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/report.h"
#include "common/err.h"

#define VMPL 2

/* Version 5, of VMPL 2, for report data of 0x5a. */
static void make(struct blobs *blobs)
{
    memset(blobs, 0, sizeof(*blobs));
    blobs->outblob_len = REPORT_LEN;
    blobs->outblob[0x000] = 5;
    blobs->outblob[0x030] = VMPL;
    memset(blobs->outblob + 0x050, 0x5a, EVIDENCE_REPORT_DATA_LEN);
}

static void only_the_answer_to_the_request_is_taken(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        const char *message; /* NULL: taken */
    } rows[] = {
        {0x000, 5, NULL},
        {0x000, 2, NULL},
        {0x000, 1, "the report has version 1, this release knows 2 to 5"},
        {0x000, 6, "the report has version 6, this release knows 2 to 5: update it"},
        {0x003, 1, "the report has version 16777221, this release knows 2 to 5: update it"},
        {0x030, 1, "the report is of VMPL 1, not of 2, as asked for"},
        {0x030, 3, "the report is of VMPL 3, not of 2, as asked for"},
        {0x033, 0xff, "the report is of VMPL 4278190082, not of 2, as asked for"},
        {0x050, 0, "the report is not for our report data: it is of an earlier request"},
        {0x08f, 0, "the report is not for our report data: it is of an earlier request"},
        {0x090, 1, NULL}, /* the measurement */
    };
    static struct blobs blobs;
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];

    memset(report_data, 0x5a, sizeof(report_data));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {.msg = ""};

        make(&blobs);
        blobs.outblob[rows[i].at] = rows[i].byte;
        if (rows[i].message == NULL) {
            assert_int_equal(blobs_check(&blobs, report_data, VMPL, &err), 0);
            continue;
        }
        assert_int_equal(blobs_check(&blobs, report_data, VMPL, &err), -1);
        assert_int_equal(err.code, ERR_IO);
        assert_memory_equal(err.msg, rows[i].message, strlen(rows[i].message));
    }
}

static void a_report_of_another_length_is_none(void **state)
{
    static const size_t lens[] = {0, 1, REPORT_LEN - 1, REPORT_LEN + 1, EVIDENCE_BLOB_MAX};
    static struct blobs blobs;
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    struct err err = {.msg = ""};

    memset(report_data, 0x5a, sizeof(report_data));
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        make(&blobs);
        blobs.outblob_len = lens[i];
        assert_int_equal(blobs_check(&blobs, report_data, VMPL, &err), -1);
        assert_int_equal(err.code, ERR_IO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_answer_to_the_request_is_taken),
        cmocka_unit_test(a_report_of_another_length_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
