/*
 * Upkeep_due: between half and three quarters of a window, and once a day.
 */
#include "ca/upkeep_due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1790000000
#define YEAR 31536000

static void the_next_one_is_due_before_the_last_one_ends(void **state)
{
    static const struct {
        struct upkeep_item item;
        int64_t due;
    } rows[] = {
        {{.kind = VENDOR_CRL}, 0},
        {{.kind = VENDOR_CHAIN, .not_before = NOW + 5}, NOW + 5},
        {{.kind = VENDOR_CRL, .from = NOW, .until = NOW + 400, .looked = NOW}, NOW + 200},
        {{.kind = VENDOR_CRL, .from = NOW, .until = NOW + 400, .looked = NOW, .chance = 255},
         NOW + 300},
        {{.kind = VENDOR_CRL, .from = NOW, .until = NOW + YEAR, .looked = NOW + 100},
         NOW + 100 + UPKEEP_DAY_S},
        {{.kind = VENDOR_CRL,
          .from = NOW,
          .until = NOW + 400,
          .looked = NOW,
          .not_before = NOW + 390},
         NOW + 390},
        {{.kind = VENDOR_CHAIN, .from = NOW, .until = NOW + YEAR, .looked = NOW},
         NOW + YEAR - UPKEEP_CHAIN_LEFT_S},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(upkeep_due(&rows[i].item) == rows[i].due);
    }
}

static void until_there_is_a_newer_one_it_is_looked_for_ever_more_often(void **state)
{
    const struct upkeep_item item = {.kind = VENDOR_CRL, .from = NOW, .until = NOW + YEAR};

    assert_true(upkeep_pause(&item, NOW) == UPKEEP_DAY_S);
    assert_true(upkeep_pause(&item, NOW + YEAR - 16000) == 1000);
    assert_true(upkeep_pause(&item, NOW + YEAR - 1) == UPKEEP_PAUSE_MIN_S);
    assert_true(upkeep_pause(&item, NOW + 2 * YEAR) == UPKEEP_PAUSE_MIN_S);
}

static void a_clock_that_was_set_back_puts_nothing_off_for_long(void **state)
{
    struct upkeep_item item = {.kind = VENDOR_CRL,
                               .from = NOW,
                               .until = NOW + YEAR,
                               .looked = NOW + YEAR,
                               .not_before = NOW + YEAR + 10};
    struct upkeep_item sound = {.kind = VENDOR_CRL,
                                .from = NOW,
                                .until = NOW + YEAR,
                                .looked = NOW - 5,
                                .not_before = NOW + UPKEEP_DAY_S};
    const struct upkeep_item before = sound;

    upkeep_set_back(&item, NOW);
    assert_true(upkeep_due(&item) == NOW + UPKEEP_DAY_S);
    upkeep_set_back(&sound, NOW);
    assert_true(sound.looked == before.looked && sound.not_before == before.not_before);
}

static void the_last_eighth_of_a_window_is_its_end(void **state)
{
    const struct upkeep_item item = {.kind = VENDOR_CRL, .from = NOW, .until = NOW + 800};
    const struct upkeep_item none = {.kind = VENDOR_CRL};

    assert_false(upkeep_ends_soon(&item, NOW + 700));
    assert_true(upkeep_ends_soon(&item, NOW + 701));
    assert_false(upkeep_ends_soon(&none, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_one_is_due_before_the_last_one_ends),
        cmocka_unit_test(until_there_is_a_newer_one_it_is_looked_for_ever_more_often),
        cmocka_unit_test(a_clock_that_was_set_back_puts_nothing_off_for_long),
        cmocka_unit_test(the_last_eighth_of_a_window_is_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
