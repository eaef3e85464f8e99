/*
 * Kds_absent: remembered for its time, and no longer than there is room.
 */
#include "ca/kds_absent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct vendor_key chip(size_t number)
{
    struct vendor_key key = {.kind = VENDOR_VCEK, .product = PRODUCT_GENOA};

    memcpy(key.chip, &number, sizeof(number));
    return key;
}

static void a_key_is_absent_until_its_time_is_over(void **state)
{
    static struct kds_absent absent;
    const struct vendor_key key = chip(1);
    struct vendor_key other = key;

    assert_false(kds_absent_has(&absent, &key, 0));
    kds_absent_add(&absent, &key, 100);
    assert_true(kds_absent_has(&absent, &key, 99));
    assert_false(kds_absent_has(&absent, &key, 100));
    other.tcb[7] ^= 1;
    assert_false(kds_absent_has(&absent, &other, 99));
}

static void the_oldest_is_forgotten_for_the_newest(void **state)
{
    static struct kds_absent absent;

    for (size_t i = 0; i <= KDS_ABSENT_MAX; i++) {
        const struct vendor_key key = chip(i);

        kds_absent_add(&absent, &key, 100);
    }
    for (size_t i = 0; i <= KDS_ABSENT_MAX; i++) {
        const struct vendor_key key = chip(i);

        assert_int_equal(kds_absent_has(&absent, &key, 0), i > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_absent_until_its_time_is_over),
        cmocka_unit_test(the_oldest_is_forgotten_for_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
