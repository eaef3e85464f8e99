/*
 * Collect: what it gives is complete in itself, and a machine that has none is told so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/collect.h"
#include "attest/configfs.h"
#include "attest/report.h"
#include "attest/report_errno.h"
#include "attest/sim.h"
#include "attest/table.h"
#include "common/err.h"
#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

static void a_simulated_machine_gives_report_certificates_and_table(void **state)
{
    static const uint8_t measurement[48] = {0x3f};
    static const uint8_t report_data[EVIDENCE_REPORT_DATA_LEN] = {1, 2, 3};
    const struct sim_machine_options machine = {.measurement = measurement,
                                                .not_before = 1780000000};
    char vendor[VENDOR_PATH_CAP];
    char folder[FOLDER_PATH_CAP];
    char mdir[FOLDER_PATH_CAP + 8];
    struct collect_options options = {.platform = "sim", .machine_dir = mdir, .vmpl = 2};
    const struct collect_source *source = NULL;
    struct collected *collected = NULL;
    const struct evidence *evidence = NULL;
    struct report report;
    struct table table;
    struct err err = {.msg = ""};
    size_t entry = 0;

    vendor_path("Sim", vendor);
    folder_make(folder);
    snprintf(mdir, sizeof(mdir), "%s/m", folder);
    assert_int_equal(sim_machine_create(vendor, mdir, &machine, &err), 0);
    source = collect_find(&options, &err);
    assert_non_null(source);
    assert_string_equal(collect_source_tee(source), "sim");
    collected = collect_evidence(source, &options, report_data, &err);
    assert_non_null(collected);
    evidence = collected_evidence(collected);
    assert_memory_equal(evidence->provider.data, "sim", 3);
    assert_true(report_over(evidence->outblob, &report));
    assert_memory_equal(report_bytes(report, REPORT_REPORT_DATA).data, report_data, 64);
    assert_int_equal(report_uint(report, REPORT_VMPL), 2);
    assert_int_equal(evidence->num_certs, 2);
    assert_true(table_over(evidence->auxblob, &table));
    assert_null(table_check_entries(&table, &entry));
    assert_null(table_check_ranges(&table, &entry));
    assert_null(table_check_overlaps(&table, &entry));
    assert_int_equal(table.num_entries, 2);
    for (size_t i = 0; i < 2; i++) {
        struct bytes body = table_body(&table, i);

        assert_int_equal(table_kind(&table, i), i == 0 ? TABLE_VCEK : TABLE_ASK);
        assert_int_equal(body.len, evidence->certs[i].len);
        assert_memory_equal(body.data, evidence->certs[i].data, body.len);
    }
    collected_free(collected);
    options.machine_dir = folder;
    assert_null(collect_evidence(source, &options, report_data, &err)); /* it is gone */
    assert_null(collect_find(&options, &err));
    folder_remove(folder);
}

static void a_machine_without_evidence_says_what_was_tried(void **state)
{
    char folder[FOLDER_PATH_CAP];
    char none[FOLDER_PATH_CAP + 8];
    const struct {
        struct collect_options options;
        const char *said;
    } rows[] = {
        {{.platform = "auto", .report_dir = none, .device = none},
         "/none: not there: needs Linux 6.7"},
        {{.platform = "snp", .report_dir = none, .device = none},
         "/none: not there: needs Linux 6.7"},
        {{.platform = "tdx", .report_dir = none, .device = none},
         "/none: not there: needs Linux 6.7"},
        {{.platform = "auto", .report_dir = none, .device = none}, " and configfs mounted; "},
        {{.platform = "auto", .report_dir = "/dev/null", .device = none},
         "/dev/null: not a folder"},
        {{.platform = "auto", .report_dir = folder, .device = none},
         "configfs-tsm: provider: No such file"},
        {{.platform = "none"}, "platform none gives no evidence"},
        {{.platform = NULL}, "platform (none) gives no evidence"},
        {{.platform = "sim"}, "platform sim needs the folder of a simulated machine"},
    };

    folder_make(folder);
    snprintf(none, sizeof(none), "%s/none", folder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err;

        assert_null(collect_find(&rows[i].options, &err));
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.msg, rows[i].said) == NULL) {
            fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].said, err.msg);
        }
    }
    folder_remove(folder);
}

static void what_a_sandbox_must_admit_is_where_the_kernel_is_asked(void **state)
{
    static const struct {
        struct collect_options options;
        const char *request_dir;
        const char *device;
        size_t num_ioctls;
    } rows[] = {
        {{.platform = "auto"}, "/sys/kernel/config/tsm/report", "/dev/sev-guest", 2},
        {{.platform = "snp", .report_dir = "/r", .device = "/d"}, "/r", "/d", 2},
        {{.platform = "sim", .report_dir = "/r", .device = "/d"}, NULL, NULL, 0},
        {{.platform = NULL}, NULL, NULL, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct collect_places places = collect_places(&rows[i].options);

        assert_int_equal(places.num_ioctls, rows[i].num_ioctls);
        if (rows[i].request_dir == NULL) {
            assert_null(places.request_dir);
            assert_null(places.device);
            continue;
        }
        assert_string_equal(places.request_dir, rows[i].request_dir);
        assert_string_equal(places.device, rows[i].device);
        assert_int_equal(places.ioctls[0], 0xC0205300); /* a report; linux/sev-guest.h */
        assert_int_equal(places.ioctls[1], 0xC0205302); /* one with certificates */
    }
}

/* Two of them, the path of a settings file and a key must fit one message. */
static void what_the_folder_says_leaves_room_for_the_device(void **state)
{
    static const int errnums[] = {ENOENT, ENXIO,  EACCES,  EPERM, EROFS,
                                  ENOSYS, ENOMEM, ENOTDIR, EMLINK};

    for (size_t i = 0; i < sizeof(errnums) / sizeof(errnums[0]); i++) {
        struct err err = {.msg = ""};

        assert_int_equal(report_errno_of_folder(errnums[i], CONFIGFS_DIR, &err), -1);
        assert_in_range(strlen(err.msg), 1, 120);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulated_machine_gives_report_certificates_and_table),
        cmocka_unit_test(a_machine_without_evidence_says_what_was_tried),
        cmocka_unit_test(what_a_sandbox_must_admit_is_where_the_kernel_is_asked),
        cmocka_unit_test(what_the_folder_says_leaves_room_for_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
