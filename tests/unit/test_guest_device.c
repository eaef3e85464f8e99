/*
 * Guest device: what is made of each thing that driver, host and firmware may answer, and how often
 * they are asked for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/guest_device.h"
#include "attest/sim.h"
#include "attest/table.h"
#include "common/err.h"
#include "tests/lib/driver_double.h"
#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

#define FAULTS_MAX 4

static const uint8_t report_data[EVIDENCE_REPORT_DATA_LEN] = {1, 2, 3, [63] = 4};

/* One machine for all tests; each has a driver of its own. */
struct stage {
    char folder[FOLDER_PATH_CAP];
    char mdir[FOLDER_PATH_CAP + 8];
};

static int make_machine(void **state)
{
    static const uint8_t measurement[48] = {0x3f};
    static struct stage stage;
    const struct sim_machine_options machine = {.measurement = measurement,
                                                .not_before = 1780000000};
    char vendor[VENDOR_PATH_CAP];
    struct err err;

    vendor_path("Sim", vendor);
    folder_make(stage.folder);
    snprintf(stage.mdir, sizeof(stage.mdir), "%s/m", stage.folder);
    assert_int_equal(sim_machine_create(vendor, stage.mdir, &machine, &err), 0);
    *state = &stage;
    return 0;
}

static int remove_machine(void **state)
{
    struct stage *stage = *state;

    folder_remove(stage->folder);
    return 0;
}

static struct driver_double *make_driver(void **state, const char *const faults[FAULTS_MAX])
{
    const struct stage *stage = *state;
    struct err err;
    struct driver_double *driver = driver_double_new(stage->mdir, &err);

    assert_non_null(driver);
    for (size_t i = 0; i < FAULTS_MAX && faults[i] != NULL; i++) {
        assert_int_equal(driver_double_set(driver, faults[i], &err), 0);
    }
    return driver;
}

static int ask(struct driver_double *driver, unsigned vmpl, struct blobs *out_blobs,
               struct err *err)
{
    const struct guest_device device = {
        .name = "it", .answer = driver_double_ioctl, .context = driver};
    const struct blobs_options options = {.vmpl = vmpl};

    return guest_device_ask(&device, &options, report_data, out_blobs, err);
}

/* Certificates as the host has them, or none. */
static void is_sound(const struct blobs *blobs, unsigned vmpl, bool has_certs)
{
    struct report report;
    struct table table;
    size_t entry = 0;

    assert_true(report_over((struct bytes){blobs->outblob, blobs->outblob_len}, &report));
    assert_memory_equal(report_bytes(report, REPORT_REPORT_DATA).data, report_data, 64);
    assert_int_equal(report_uint(report, REPORT_VMPL), vmpl);
    if (!has_certs) {
        assert_int_equal(blobs->auxblob_len, 0);
        return;
    }
    assert_true(table_over((struct bytes){blobs->auxblob, blobs->auxblob_len}, &table));
    assert_null(table_check_entries(&table, &entry));
    assert_null(table_check_ranges(&table, &entry));
    assert_null(table_check_overlaps(&table, &entry));
    assert_int_equal(table.num_entries, 2);
    assert_int_equal(table_kind(&table, 1), TABLE_ASK);
    assert_ptr_equal(table_body(&table, 1).data + table_body(&table, 1).len,
                     blobs->auxblob + blobs->auxblob_len); /* nothing behind it */
}

static void a_report_comes_with_the_certificates_that_can_be_had(void **state)
{
    static const struct {
        const char *name;
        const char *faults[FAULTS_MAX];
        unsigned vmpl;
        bool has_certs;
        unsigned calls;
    } rows[] = {
        {"everything is as it should be", {NULL}, 0, true, 1},
        {"at another privilege level", {"floor=2"}, 3, true, 1},
        {"the table takes more room", {"need=12288"}, 0, true, 2},
        {"the table takes all the room there is", {"need=16384"}, 0, true, 2},
        {"the table takes more than the driver passes on", {"need=20480"}, 0, false, 2},
        {"the table takes what is there at first", {"need=8192"}, 0, true, 1},
        {"the host wants what it had", {"need=12288", "claimed=8192"}, 0, false, 2},
        {"the host wants nothing", {"need=12288", "claimed=0x100000000"}, 0, false, 2},
        {"the host wants no whole number of pages", {"need=8193"}, 0, false, 2},
        {"the host always wants more", {"need=12288", "growing"}, 0, false, 3},
        {"the host wants all there is", {"need=0xfffff000"}, 0, false, 2},
        {"the host has no certificates", {"no_certs"}, 0, false, 1},
        {"the driver does not know extended reports", {"extended=25"}, 0, false, 2},
        {"the driver refuses extended reports", {"extended=22"}, 0, false, 2},
        {"a signal comes", {"interruptions=2"}, 0, true, 3},
        {"an old kernel writes garbage", {"garbage"}, 0, true, 1},
        {"an old kernel without extended reports", {"garbage", "extended=22"}, 0, false, 2},
    };

    assert_int_equal(ENOTTY, 25);
    assert_int_equal(EINVAL, 22);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct driver_double *driver = make_driver(state, rows[i].faults);
        struct blobs blobs;
        struct err err = {.msg = ""};

        if (ask(driver, rows[i].vmpl, &blobs, &err) != 0) {
            fail_msg("%s: %s", rows[i].name, err.msg);
        }
        is_sound(&blobs, rows[i].vmpl, rows[i].has_certs);
        if (driver_double_calls(driver) != rows[i].calls) {
            fail_msg("%s: %u calls", rows[i].name, driver_double_calls(driver));
        }
        driver_double_free(driver);
    }
}

static void a_table_that_is_none_is_passed_on_to_be_judged(void **state)
{
    static const char *const faults[FAULTS_MAX] = {"noise=0x41"};
    struct driver_double *driver = make_driver(state, faults);
    struct blobs blobs;
    struct err err;

    assert_int_equal(ask(driver, 0, &blobs, &err), 0);
    assert_int_equal(blobs.auxblob_len, 8192);
    assert_int_equal(blobs.auxblob[8191], 0x41);
    driver_double_free(driver);
}

#define HOST_OR_FIRMWARE "it: host or firmware failed (host error "
#define COSTS_THE_KEY "): the driver wipes its key then, and only a reboot helps"

static void each_failure_has_a_sentence_and_costs_one_request_at_most(void **state)
{
    // clang-format off
    static const struct {
        const char *faults[FAULTS_MAX];
        enum err_code code;
        const char *message; /* how it begins */
        unsigned requests;
        unsigned calls;
    } rows[] = {
        {{"wiped"}, ERR_REBOOT, "it: reboot needed: the driver has wiped its key", 0, 2},
        {{"errnum=5", "exitinfo2=0x200000000"}, ERR_IO, HOST_OR_FIRMWARE "0x2, firmware error 0" COSTS_THE_KEY, 1, 1},
        {{"errnum=5", "exitinfo2=0x1a"}, ERR_IO, HOST_OR_FIRMWARE "0, firmware error 0x1a" COSTS_THE_KEY, 1, 1},
        {{"errnum=5", "exitinfo2=0x100000001"}, ERR_IO, HOST_OR_FIRMWARE "0x1, firmware error 0x1" COSTS_THE_KEY, 1, 1},
        {{"errnum=5", "extended=22", "exitinfo2=0x100000000"}, ERR_IO, HOST_OR_FIRMWARE "0x1, firmware error 0" COSTS_THE_KEY, 1, 2},
        {{"errnum=74"}, ERR_IO, "it: the firmware's answer fails its authentication", 1, 1},
        {{"errnum=110"}, ERR_IO, "it: the host kept us waiting for a minute", 1, 1},
        {{"errnum=110", "garbage"}, ERR_IO, "it: the host kept us waiting for a minute", 1, 1},
        {{"errnum=22"}, ERR_IO, "it: the driver does not take this form of request", 0, 2},
        {{"errnum=14"}, ERR_IO, "it: Bad address", 0, 1},
        {{"errnum=12"}, ERR_IO, "it: the kernel is out of memory", 0, 1},
        {{"errnum=13"}, ERR_INVALID, "it: no permission", 0, 1},
        {{"errnum=6"}, ERR_IO, "it: the driver is gone", 0, 1},
        {{"errnum=16"}, ERR_IO, "it: busy", 0, 1},
        {{"interruptions=99"}, ERR_IO, "it: Interrupted system call", 0, 8},
        {{"floor=2"}, ERR_INVALID, "it: the firmware refuses the request (status 0x16): VMPL 1 is below ours", 1, 1},
        {{"status=0x27"}, ERR_IO, "it: the firmware has no key to sign with (status 0x27)", 1, 1},
        {{"status=0x1"}, ERR_IO, "it: the firmware refuses the request (status 0x1)", 1, 1},
        {{"report_size=1183"}, ERR_IO, "it: the report has 1183 bytes instead of 1184", 1, 1},
        {{"report_size=0xffffffff"}, ERR_IO, "it: the report has 4294967295 bytes instead of 1184", 1, 1},
        {{"stale"}, ERR_IO, "it: the report is not for our report data", 1, 1},
        {{"other_vmpl"}, ERR_IO, "it: the report is of VMPL 0, not of 1", 1, 1},
    };
    // clang-format on

    assert_true(EIO == 5 && EBADMSG == 74 && ETIMEDOUT == 110 && ENXIO == 6 && EBUSY == 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct driver_double *driver = make_driver(state, rows[i].faults);
        static struct blobs blobs;
        static struct blobs before;
        struct err err = {.msg = ""};

        memset(&blobs, 0x5a, sizeof(blobs));
        before = blobs;
        assert_int_equal(ask(driver, 1, &blobs, &err), -1);
        if (strncmp(err.msg, rows[i].message, strlen(rows[i].message)) != 0) {
            fail_msg("\"%s\" instead of \"%s\"", err.msg, rows[i].message);
        }
        assert_int_equal(err.code, rows[i].code);
        assert_memory_equal(&blobs, &before, sizeof(blobs));
        assert_int_equal(driver_double_requests(driver), rows[i].requests);
        assert_int_equal(driver_double_calls(driver), rows[i].calls);
        driver_double_free(driver);
    }
}

static void after_a_failure_that_cost_the_key_the_next_try_says_reboot(void **state)
{
    static const char *const faults[][FAULTS_MAX] = {
        {"errnum=5"}, {"errnum=5", "exitinfo2=0x200000000"}, {"errnum=74"}, {"errnum=110"}};

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct driver_double *driver = make_driver(state, faults[i]);
        struct blobs blobs;
        struct err err;

        assert_int_equal(ask(driver, 0, &blobs, &err), -1);
        assert_int_equal(err.code, ERR_IO);
        assert_int_equal(ask(driver, 0, &blobs, &err), -1);
        assert_int_equal(err.code, ERR_REBOOT);
        assert_int_equal(driver_double_requests(driver), 1);
        driver_double_free(driver);
    }
}

static void a_privilege_level_that_does_not_exist_is_not_asked_for(void **state)
{
    static const char *const faults[FAULTS_MAX] = {NULL};
    struct driver_double *driver = make_driver(state, faults);
    struct blobs blobs;
    struct err err;

    assert_int_equal(ask(driver, 4, &blobs, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(driver_double_calls(driver), 0);
    driver_double_free(driver);
}

static void each_request_waits_for_its_turn(void **state)
{
    static const struct {
        const char *faults[FAULTS_MAX];
        int rc;
        unsigned calls;
    } rows[] = {
        {{NULL}, 0, 1},
        {{"need=12288"}, -1, 1},
        {{"extended=22"}, -1, 1},
        {{"interruptions=3"}, 0, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct driver_double *driver = make_driver(state, rows[i].faults);
        const struct guest_device device = {
            .name = "it", .answer = driver_double_ioctl, .context = driver};
        struct err err = {.msg = ""};
        const struct blobs_options options = {.pace = pace_new(3600000, &err)};
        struct blobs blobs;

        assert_non_null(options.pace);
        assert_int_equal(guest_device_ask(&device, &options, report_data, &blobs, &err),
                         rows[i].rc);
        assert_int_equal(driver_double_calls(driver), rows[i].calls);
        assert_int_equal(guest_device_ask(&device, &options, report_data, &blobs, &err), -1);
        assert_int_equal(err.code, ERR_TIMEOUT);
        assert_int_equal(driver_double_calls(driver), rows[i].calls);
        pace_free(options.pace);
        driver_double_free(driver);
    }
}

/* However rarely it may be asked: or it would be asked for ever. */
static void a_wiped_key_is_known_by_the_first_answer(void **state)
{
    static const char *const faults[FAULTS_MAX] = {"wiped"};
    struct driver_double *driver = make_driver(state, faults);
    const struct guest_device device = {
        .name = "it", .answer = driver_double_ioctl, .context = driver};
    struct err err = {.msg = ""};
    const struct blobs_options options = {.pace = pace_new(3600000, &err)};
    struct blobs blobs;

    assert_non_null(options.pace);
    assert_int_equal(guest_device_ask(&device, &options, report_data, &blobs, &err), -1);
    assert_int_equal(err.code, ERR_REBOOT);
    assert_int_equal(driver_double_calls(driver), 1);
    pace_free(options.pace);
    driver_double_free(driver);
}

static void a_path_that_leads_to_no_driver_is_refused(void **state)
{
    static const struct {
        const char *path;
        enum err_code code;
        const char *message;
    } rows[] = {
        {"/dev/no-such-device", ERR_INVALID, "/dev/no-such-device: not there: "},
        {"/", ERR_INVALID, "/: not a device"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct blobs_options options = {.path = rows[i].path};
        struct blobs blobs;
        struct err err;

        assert_int_equal(guest_device_find(options.path, &err), -1);
        assert_memory_equal(err.msg, rows[i].message, strlen(rows[i].message));
        assert_int_equal(err.code, rows[i].code);
        err = (struct err){.msg = ""};
        assert_int_equal(guest_device_collect(&options, report_data, &blobs, &err), -1);
        assert_memory_equal(err.msg, rows[i].message, strlen(rows[i].message));
        assert_int_equal(err.code, rows[i].code);
    }
}

/* The kernel has one errno for both. */
static void a_device_without_the_requests_is_taken_for_one_without_a_key(void **state)
{
    const struct blobs_options options = {.path = "/dev/null"};
    struct blobs blobs;
    struct err err;

    assert_int_equal(guest_device_find(options.path, &err), 0);
    assert_int_equal(guest_device_collect(&options, report_data, &blobs, &err), -1);
    assert_int_equal(err.code, ERR_REBOOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_with_the_certificates_that_can_be_had),
        cmocka_unit_test(a_table_that_is_none_is_passed_on_to_be_judged),
        cmocka_unit_test(each_failure_has_a_sentence_and_costs_one_request_at_most),
        cmocka_unit_test(after_a_failure_that_cost_the_key_the_next_try_says_reboot),
        cmocka_unit_test(a_privilege_level_that_does_not_exist_is_not_asked_for),
        cmocka_unit_test(each_request_waits_for_its_turn),
        cmocka_unit_test(a_wiped_key_is_known_by_the_first_answer),
        cmocka_unit_test(a_path_that_leads_to_no_driver_is_refused),
        cmocka_unit_test(a_device_without_the_requests_is_taken_for_one_without_a_key),
    };

    return cmocka_run_group_tests(tests, make_machine, remove_machine);
}
