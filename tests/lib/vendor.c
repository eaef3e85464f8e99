/*
 * Vendor: made beside its place, under a lock, and then renamed, so that a test that was killed
 * leaves nothing half-made.
 */
#include "tests/lib/vendor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/sim.h"
#include "common/err.h"

static void make(const char *product, const char *path)
{
    char temporary[VENDOR_PATH_CAP + 32];
    struct err err = {.msg = ""};
    int rc = -1;

    snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
    if (strcmp(product, "Sim") == 0) {
        rc = sim_vendor_create(temporary, product, &err);
    } else {
        rc = sim_vendor_copy(temporary, TEST_VENDOR_DIR "/Sim", product, &err);
    }
    if (rc != 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(rename(temporary, path), 0);
}

void vendor_path(const char *product, char out_path[static VENDOR_PATH_CAP])
{
    int lock = -1;

    mkdir(TEST_VENDOR_DIR, 0755);
    lock = open(TEST_VENDOR_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    if (access(TEST_VENDOR_DIR "/Sim", F_OK) != 0) {
        make("Sim", TEST_VENDOR_DIR "/Sim");
    }
    snprintf(out_path, VENDOR_PATH_CAP, "%s/%s", TEST_VENDOR_DIR, product);
    if (access(out_path, F_OK) != 0) {
        make(product, out_path);
    }
    close(lock);
}
