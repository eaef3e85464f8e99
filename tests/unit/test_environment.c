/*
 * Environment: machines that are folders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/environment.h"
#include "tests/lib/folder.h"

static int make(void **state)
{
    static char path[FOLDER_PATH_CAP];

    folder_make(path);
    *state = path;
    return 0;
}

static int drop(void **state)
{
    folder_remove(*state);
    return 0;
}

/* A file of the machine in `root`, with the folders above it. */
static void put(const char *root, const char *name, const char *text)
{
    char path[FOLDER_PATH_CAP + 128];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void check_text(const json_t *object, const char *key, const char *want)
{
    const char *text = json_string_value(json_object_get(object, key));

    assert_non_null(text);
    assert_string_equal(text, want);
}

static void the_kind_of_machine_is_found(void **state)
{
    static const struct {
        const char *flags;
        const char *device; /* NULL: none */
        const char *kind;
    } rows[] = {
        {"fpu vme", NULL, "bare-metal"},
        {"fpu hypervisor", NULL, "vm"},
        {"fpu hypervisors", NULL, "bare-metal"},
        {"hypervisor tdx_guest x", NULL, "tdx"},
        {"hypervisor sev_snp", NULL, "sev-snp"},
        {"sev sev_es sev_snp", NULL, "bare-metal"},
        {"hypervisor", "/sys/devices/system/cpu/sev/vmpl", "sev-snp"},
        {"hypervisor", "/dev/tdx_guest", "tdx"},
        {"hypervisor", "/dev/sev-guest", "sev-snp"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        json_t *object = NULL;

        (void)snprintf(text, sizeof(text), "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: %s\n",
                       rows[i].flags);
        put(*state, "/proc/cpuinfo", text);
        if (rows[i].device != NULL) {
            put(*state, rows[i].device, "");
        }
        object = environment_read(*state);
        check_text(object, "kind", rows[i].kind);
        check_text(object, "cpu", "A CPU");
        json_decref(object);
        folder_remove(*state);
        assert_int_equal(mkdir(*state, 0700), 0);
    }
}

static void what_moves_numbers_is_kept_and_nothing_else(void **state)
{
    json_t *object = NULL;
    const json_t *list = NULL;

    put(*state, "/proc/cmdline",
        "root=/dev/vda swiotlb=force secret=1 mitigations=off haltpoll.x=0\n");
    put(*state, "/sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
    put(*state, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
    put(*state, "/proc/sys/net/ipv4/tcp_congestion_control", "bbr\n");
    put(*state, "/sys/kernel/debug/swiotlb/io_tlb_nslabs", "32768\n");
    object = environment_read(*state);
    list = json_object_get(object, "kernel_parameters");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "swiotlb=force");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "mitigations=off");
    check_text(json_object_get(object, "mitigations"), "meltdown", "Mitigation: PTI");
    check_text(object, "clock_source", "kvm-clock");
    check_text(object, "congestion_control", "bbr");
    assert_int_equal(json_integer_value(json_object_get(object, "swiotlb_bytes")), 64 << 20);
    assert_non_null(json_object_get(json_object_get(object, "libraries"), "openssl"));
    json_decref(object);
}

static void what_cannot_be_read_is_absent(void **state)
{
    json_t *object = environment_read(*state);

    assert_null(json_object_get(object, "cpu"));
    assert_null(json_object_get(object, "clock_source"));
    assert_null(json_object_get(object, "swiotlb_bytes"));
    assert_non_null(json_object_get(object, "kernel"));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_kind_of_machine_is_found, make, drop),
        cmocka_unit_test_setup_teardown(what_moves_numbers_is_kept_and_nothing_else, make, drop),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_absent, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
