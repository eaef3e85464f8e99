/*
 * Kds_plan: one request at a time, for each key once, at a distance that grows with failures.
 */
#include "ca/kds_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define INTERVAL_MS 10000

static const struct bytes some = {(const uint8_t *)"data", 4};

static struct vendor_key chip(uint8_t number)
{
    struct vendor_key key = {.kind = VENDOR_VCEK, .product = PRODUCT_GENOA};

    memset(key.chip, number, sizeof(key.chip));
    return key;
}

static int set_up(void **state)
{
    *state = kds_plan_new(INTERVAL_MS, 1);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    kds_plan_free(*state);
    return 0;
}

static const struct kds_asker someone = {.known = true};

/* Somebody at 10.`network`.0.1 asks. */
static struct kds_plan_answer ask_from(struct kds_plan *plan, uint8_t number, bool known,
                                       uint8_t network, uint64_t now_ms)
{
    const struct vendor_key key = chip(number);
    const struct kds_asker asker = {known, {{[10] = 0xff, 0xff, 10, network, 0, 1}}};

    return kds_plan_ask(plan, &key, &asker, now_ms);
}

static enum kds_state ask(struct kds_plan *plan, uint8_t number, bool known, uint64_t now_ms)
{
    return ask_from(plan, number, known, 0, now_ms).state;
}

/* The chip that is asked for now; 0: none, and `out_wait_ms` says until when. */
static uint8_t next(struct kds_plan *plan, uint64_t now_ms, uint64_t *out_wait_ms)
{
    struct vendor_key key;

    return kds_plan_next(plan, now_ms, &key, out_wait_ms) ? key.chip[0] : 0;
}

static void end(struct kds_plan *plan, enum kds_outcome outcome, uint64_t retry_ms, uint64_t now_ms,
                uint64_t random)
{
    const struct kds_reply reply = {outcome, retry_ms, "as the test says"};

    kds_plan_done(plan, &reply, some, now_ms, random);
}

static void a_key_is_asked_for_once_for_all_who_want_it(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key key = chip(1);
    struct kds_plan_answer answer;
    uint64_t wait_ms = 0;

    assert_int_equal(next(plan, 0, &wait_ms), 0);
    assert_true(wait_ms == UINT64_MAX);
    assert_int_equal(ask(plan, 1, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(ask(plan, 1, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(kds_plan_queued(plan), 1);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    assert_int_equal(ask(plan, 1, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(next(plan, 60000, &wait_ms), 0); /* it is under way */
    end(plan, KDS_GIVEN, 0, 100, 0);
    answer = kds_plan_ask(plan, &key, &someone, 200);
    assert_int_equal(answer.state, KDS_STATE_HELD);
    assert_int_equal(answer.data.len, some.len);
    assert_memory_equal(answer.data.data, some.data, some.len);
    kds_plan_forget(plan, &key);
    assert_int_equal(ask(plan, 1, true, 200), KDS_STATE_QUEUED);
}

static void requests_keep_their_distance(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    ask(plan, 2, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_GIVEN, 0, 500, 0);
    assert_int_equal(next(plan, 600, &wait_ms), 0);
    assert_int_equal(wait_ms, INTERVAL_MS - 100);
    assert_int_equal(next(plan, 499 + INTERVAL_MS, &wait_ms), 0);
    assert_int_equal(next(plan, 500 + INTERVAL_MS, &wait_ms), 2);
}

static void known_chips_go_first_and_strangers_are_few(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    for (uint8_t i = 1; i <= KDS_PLAN_STRANGERS; i++) {
        assert_int_equal(ask(plan, i, false, 0), KDS_STATE_QUEUED);
    }
    assert_int_equal(ask(plan, 99, false, 0), KDS_STATE_REFUSED);
    assert_int_equal(ask(plan, 100, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(next(plan, 0, &wait_ms), 100);
    end(plan, KDS_ABSENT, 0, 0, 0);
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 1);
}

/* Or whoever knows the name of one chip of ours keeps all newcomers out with invented TCBs. */
static void strangers_have_every_fourth_request_while_known_chips_wait(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t now_ms = 0;
    uint64_t wait_ms = 0;

    for (uint8_t i = 1; i <= 8; i++) {
        ask(plan, i, true, 0);
    }
    ask(plan, 101, false, 0);
    ask(plan, 102, false, 0);
    for (unsigned i = 0; i < 10; i++, now_ms += INTERVAL_MS) {
        static const uint8_t order[] = {1, 2, 3, 101, 4, 5, 6, 102, 7, 8};

        assert_int_equal(next(plan, now_ms, &wait_ms), order[i]);
        end(plan, KDS_ABSENT, 0, now_ms, 0);
    }
}

static void whoever_floods_makes_room_for_a_newcomer_from_elsewhere(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    for (uint8_t i = 1; i <= 8 + 1; i++) {
        ask_from(plan, i, false, 0, 0);
    }
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_ABSENT, 0, 0, 0);
    assert_int_equal(ask_from(plan, 9, false, 0, 0).state, KDS_STATE_QUEUED);
    assert_int_equal(ask_from(plan, 10, false, 0, 0).state, KDS_STATE_REFUSED);
    assert_int_equal(ask_from(plan, 99, false, 1, 0).state, KDS_STATE_QUEUED);
    assert_int_equal(ask(plan, 9, false, 0), KDS_STATE_REFUSED); /* the last of theirs went */
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 99);
    end(plan, KDS_ABSENT, 0, INTERVAL_MS, 0);
    assert_int_equal(next(plan, 2 * INTERVAL_MS, &wait_ms), 2);
}

/* How many requests go before that of a newcomer who asks once between two of them, while each of
   `num_networks` asks for 6 new chips in that time. */
static unsigned requests_before_newcomer(struct kds_plan *plan, uint8_t num_networks)
{
    const struct kds_asker newcomer = {false, {{[10] = 0xff, 0xff, 10, 0xff, 0, 1}}};
    struct vendor_key chip = {.kind = VENDOR_VCEK, .product = PRODUCT_GENOA};
    const struct vendor_key his = {.kind = VENDOR_VCEK, .product = PRODUCT_TURIN};
    struct vendor_key key = chip;
    uint64_t random = num_networks;
    uint64_t now_ms = 0;
    uint32_t num_chips = 0;
    unsigned num = 0;

    for (;; now_ms += INTERVAL_MS, num++) {
        uint64_t wait_ms = 0;

        for (unsigned i = 0; i < 6U * num_networks; i++) {
            const struct kds_asker flood = {
                false, {{[10] = 0xff, 0xff, 10, (uint8_t)(i % num_networks), 0, (uint8_t)i}}};

            num_chips++;
            memcpy(chip.chip, &num_chips, sizeof(num_chips));
            if (i == 3U * num_networks) {
                kds_plan_ask(plan, &his, &newcomer, now_ms);
            }
            kds_plan_ask(plan, &chip, &flood, now_ms);
        }
        assert_true(kds_plan_next(plan, now_ms, &key, &wait_ms));
        if (vendor_key_same(&key, &his)) {
            return num;
        }
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        end(plan, KDS_ABSENT, 0, now_ms, random);
    }
}

static void a_newcomer_waits_for_each_network_that_floods_once_at_most(void **state)
{
    static const uint8_t nums[] = {1, 2, 8, 9, 40};

    for (size_t i = 0; i < sizeof(nums) / sizeof(nums[0]); i++) {
        struct kds_plan *plan = kds_plan_new(INTERVAL_MS, i);

        assert_non_null(plan);
        assert_in_range(requests_before_newcomer(plan, nums[i]), 0, nums[i]);
        kds_plan_free(plan);
    }
}

/* A flood that names the newcomer's chip does not take it into its own line. */
static void a_key_counts_as_that_asker_s_whose_turn_is_first(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    ask_from(plan, 1, false, 0, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_ABSENT, 0, 0, 0);
    for (uint8_t i = 2; i <= 5; i++) {
        ask_from(plan, i, false, 0, 0);
    }
    ask_from(plan, 5, false, 1, 0);
    ask_from(plan, 5, false, 0, 0);
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 5);
}

static void a_stranger_s_request_becomes_that_of_who_is_known(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    ask(plan, 1, false, 0);
    ask(plan, 2, false, 0);
    ask(plan, 2, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 2);
}

/* Whoever's request met an outage has not had his turn. */
static void a_turn_that_came_to_nothing_does_not_count(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    ask_from(plan, 1, false, 0, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_ABSENT, 0, 0, 0);
    ask_from(plan, 2, false, 1, 0);
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 2);
    end(plan, KDS_BUSY, 0, INTERVAL_MS, 0);
    ask_from(plan, 3, false, 0, 2 * INTERVAL_MS);
    ask_from(plan, 2, false, 1, 2 * INTERVAL_MS);
    assert_int_equal(next(plan, 2 * INTERVAL_MS, &wait_ms), 2);
}

static void what_no_chip_is_named_in_hardly_waits(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key chain = {.kind = VENDOR_CHAIN, .product = PRODUCT_GENOA};
    const struct vendor_key crl = {.kind = VENDOR_CRL, .product = PRODUCT_GENOA};
    struct vendor_key key;
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    ask(plan, 2, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_GIVEN, 0, 0, 0);
    assert_int_equal(kds_plan_ask(plan, &chain, &someone, 0).wait_ms, INTERVAL_MS / 10);
    assert_int_equal(kds_plan_ask(plan, &crl, &someone, 0).wait_ms, INTERVAL_MS / 5);
    assert_false(kds_plan_next(plan, INTERVAL_MS / 10 - 1, &key, &wait_ms));
    assert_int_equal(wait_ms, 1);
    assert_true(kds_plan_next(plan, INTERVAL_MS / 10, &key, &wait_ms));
    assert_int_equal(key.kind, VENDOR_CHAIN);
    end(plan, KDS_GIVEN, 0, INTERVAL_MS / 10, 0);
    assert_true(kds_plan_next(plan, INTERVAL_MS / 5, &key, &wait_ms));
    assert_int_equal(key.kind, VENDOR_CRL);
    end(plan, KDS_GIVEN, 0, INTERVAL_MS / 5, 0);
    assert_int_equal(next(plan, INTERVAL_MS - 1, &wait_ms), 0);
    assert_int_equal(wait_ms, 1);
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 2);
}

static void a_service_that_objects_to_haste_sees_no_more_of_it(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key chain = {.kind = VENDOR_CHAIN, .product = PRODUCT_GENOA};
    struct vendor_key key;
    uint64_t now_ms = INTERVAL_MS / 10;
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_GIVEN, 0, 0, 0);
    kds_plan_ask(plan, &chain, &someone, 0);
    assert_true(kds_plan_next(plan, now_ms, &key, &wait_ms));
    end(plan, KDS_BUSY, 0, now_ms, 0);
    now_ms += INTERVAL_MS;
    ask(plan, 2, true, now_ms);
    assert_int_equal(next(plan, now_ms, &wait_ms), 2);
    end(plan, KDS_GIVEN, 0, now_ms, 0);
    assert_int_equal(kds_plan_ask(plan, &chain, &someone, now_ms).wait_ms, INTERVAL_MS);
}

static void a_service_that_is_busy_by_itself_says_nothing_of_haste(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key chain = {.kind = VENDOR_CHAIN, .product = PRODUCT_GENOA};
    uint64_t wait_ms = 0;

    for (uint64_t now_ms = 0; now_ms < 3 * INTERVAL_MS; now_ms += INTERVAL_MS) {
        ask(plan, 1 + (uint8_t)(now_ms / INTERVAL_MS), true, now_ms);
        assert_true(next(plan, now_ms, &wait_ms) != 0);
        end(plan, now_ms == INTERVAL_MS ? KDS_BUSY : KDS_GIVEN, 0, now_ms, 0);
    }
    assert_int_equal(kds_plan_ask(plan, &chain, &someone, 2 * INTERVAL_MS).wait_ms,
                     INTERVAL_MS / 10);
}

static void who_has_to_wait_is_told_of_those_before_him(void **state)
{
    struct kds_plan *plan = *state;

    for (uint8_t i = 0; i < 8; i++) {
        assert_int_equal(ask_from(plan, i + 1, false, 0, 0).wait_ms, i * INTERVAL_MS);
    }
    assert_int_equal(ask_from(plan, 9, false, 0, 0).wait_ms, 8 * INTERVAL_MS);
}

static void all_places_taken_is_a_refusal(void **state)
{
    struct kds_plan *plan = *state;

    for (uint8_t i = 1; i <= KDS_PLAN_KNOWN; i++) {
        assert_int_equal(ask(plan, i, true, 0), KDS_STATE_QUEUED);
    }
    assert_int_equal(ask(plan, KDS_PLAN_KNOWN + 1, true, 0), KDS_STATE_REFUSED);
    assert_int_equal(ask(plan, 1, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(ask(plan, 100, false, 0), KDS_STATE_QUEUED);
}

static void the_oldest_answer_makes_room(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t now_ms = 0;
    uint64_t wait_ms = 0;

    for (uint8_t i = 1; i <= KDS_PLAN_SLOTS; i++, now_ms += INTERVAL_MS) {
        ask(plan, i, true, now_ms);
        assert_int_equal(next(plan, now_ms, &wait_ms), i);
        end(plan, KDS_GIVEN, 0, now_ms, 0);
    }
    assert_int_equal(ask(plan, 200, true, now_ms), KDS_STATE_QUEUED);
    assert_int_equal(ask(plan, KDS_PLAN_SLOTS, true, now_ms), KDS_STATE_HELD);
}

static void failures_double_the_pause_up_to_ten_minutes(void **state)
{
    static const uint64_t most_ms[] = {10000, 20000, 40000, 80000, 160000, 320000, 600000, 600000};
    struct kds_plan *plan = *state;
    uint64_t now_ms = 0;
    uint64_t wait_ms = 0;

    for (size_t i = 0; i < sizeof(most_ms) / sizeof(most_ms[0]); i++) {
        const struct vendor_key key = chip(1);
        struct kds_plan_answer answer;

        assert_int_equal(ask(plan, 1, true, now_ms), KDS_STATE_QUEUED);
        assert_int_equal(next(plan, now_ms, &wait_ms), 1);
        end(plan, KDS_DOWN, 0, now_ms, most_ms[i]); /* the longest that chance can give */
        answer = kds_plan_ask(plan, &key, &someone, now_ms);
        assert_int_equal(answer.state, KDS_STATE_REFUSED);
        assert_int_equal(answer.wait_ms, most_ms[i]);
        now_ms += most_ms[i];
    }
    ask(plan, 1, true, now_ms);
    assert_int_equal(next(plan, now_ms, &wait_ms), 1);
    end(plan, KDS_GIVEN, 0, now_ms, 0);
    ask(plan, 2, true, now_ms);
    assert_int_equal(next(plan, now_ms, &wait_ms), 0);
    assert_int_equal(wait_ms, INTERVAL_MS); /* one answer, and all is well */
}

static void chance_shortens_a_pause_but_never_below_the_interval(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t now_ms = 0;
    uint64_t wait_ms = 0;

    for (unsigned i = 0; i < 4; i++, now_ms += INTERVAL_MS) {
        const struct vendor_key key = chip(1);

        ask(plan, 1, true, now_ms);
        assert_int_equal(next(plan, now_ms, &wait_ms), 1);
        end(plan, KDS_DOWN, 0, now_ms, 0);
        assert_int_equal(kds_plan_ask(plan, &key, &someone, now_ms).wait_ms, INTERVAL_MS);
    }
}

static void what_the_service_asks_for_is_the_least_pause(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key other = chip(2);
    struct kds_plan_answer answer;
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    ask(plan, 2, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_BUSY, KDS_RETRY_MAX_MS, 0, 0);
    assert_int_equal(kds_plan_queued(plan), 0);
    answer = kds_plan_ask(plan, &other, &someone, 1);
    assert_int_equal(answer.state, KDS_STATE_REFUSED);
    assert_int_equal(answer.wait_ms, KDS_RETRY_MAX_MS - 1);
    assert_int_equal(ask(plan, 2, true, KDS_RETRY_MAX_MS), KDS_STATE_QUEUED);
}

static void what_there_is_not_is_remembered_for_a_while(void **state)
{
    struct kds_plan *plan = *state;
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_ABSENT, 0, 0, 0);
    assert_int_equal(ask(plan, 1, true, KDS_PLAN_HELD_MS - 1), KDS_STATE_NONE);
    assert_int_equal(ask(plan, 1, true, KDS_PLAN_HELD_MS), KDS_STATE_QUEUED);
    assert_int_equal(next(plan, KDS_PLAN_HELD_MS, &wait_ms), 1);
    end(plan, KDS_ABSENT, 0, KDS_PLAN_HELD_MS, 0);
    ask(plan, 2, false, KDS_PLAN_HELD_MS);
    assert_int_equal(next(plan, 2 * KDS_PLAN_HELD_MS, &wait_ms), 2);
    end(plan, KDS_ABSENT, 0, 2 * KDS_PLAN_HELD_MS, 0);
    assert_int_equal(ask(plan, 2, false, 2 * KDS_PLAN_HELD_MS + KDS_PLAN_ABSENT_MS - 1),
                     KDS_STATE_NONE);
    assert_int_equal(ask(plan, 2, false, 2 * KDS_PLAN_HELD_MS + KDS_PLAN_ABSENT_MS),
                     KDS_STATE_QUEUED);
}

/* A bad answer is that key's matter: others are asked for after the usual distance. */
static void a_bad_answer_delays_its_own_key_ever_longer(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key key = chip(1);
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_BAD, 0, 0, 0);
    assert_int_equal(kds_plan_ask(plan, &key, &someone, 0).wait_ms, INTERVAL_MS);
    assert_int_equal(ask(plan, 2, true, 0), KDS_STATE_QUEUED);
    assert_int_equal(ask(plan, 1, true, INTERVAL_MS), KDS_STATE_QUEUED);
    assert_int_equal(next(plan, INTERVAL_MS, &wait_ms), 2);
    end(plan, KDS_GIVEN, 0, INTERVAL_MS, 0);
    assert_int_equal(next(plan, 2 * INTERVAL_MS, &wait_ms), 1);
    end(plan, KDS_BAD, 0, 2 * INTERVAL_MS, 0);
    assert_int_equal(kds_plan_ask(plan, &key, &someone, 2 * INTERVAL_MS).wait_ms, 2 * INTERVAL_MS);
}

/* Evidence may lie: an answer that it does not fit may be right for the next one. */
static void a_doubted_answer_serves_on_until_it_is_fetched_again(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key key = chip(1);
    uint64_t wait_ms = 0;

    ask(plan, 1, true, 0);
    assert_int_equal(next(plan, 0, &wait_ms), 1);
    end(plan, KDS_GIVEN, 0, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        kds_plan_doubt(plan, &key, 100);
    }
    assert_int_equal(ask(plan, 1, true, 99 + INTERVAL_MS), KDS_STATE_HELD);
    assert_int_equal(ask(plan, 1, true, 100 + INTERVAL_MS), KDS_STATE_QUEUED);
}

static void who_only_looks_queues_nothing(void **state)
{
    struct kds_plan *plan = *state;
    const struct vendor_key key = chip(1);

    assert_int_equal(kds_plan_look(plan, &key, 0).state, KDS_STATE_REFUSED);
    assert_int_equal(kds_plan_queued(plan), 0);
    ask(plan, 1, true, 0);
    assert_int_equal(kds_plan_look(plan, &key, 0).state, KDS_STATE_QUEUED);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_key_is_asked_for_once_for_all_who_want_it),
        CASE(requests_keep_their_distance),
        CASE(known_chips_go_first_and_strangers_are_few),
        CASE(strangers_have_every_fourth_request_while_known_chips_wait),
        CASE(whoever_floods_makes_room_for_a_newcomer_from_elsewhere),
        CASE(a_newcomer_waits_for_each_network_that_floods_once_at_most),
        CASE(a_key_counts_as_that_asker_s_whose_turn_is_first),
        CASE(a_stranger_s_request_becomes_that_of_who_is_known),
        CASE(a_turn_that_came_to_nothing_does_not_count),
        CASE(what_no_chip_is_named_in_hardly_waits),
        CASE(a_service_that_objects_to_haste_sees_no_more_of_it),
        CASE(a_service_that_is_busy_by_itself_says_nothing_of_haste),
        CASE(who_has_to_wait_is_told_of_those_before_him),
        CASE(all_places_taken_is_a_refusal),
        CASE(the_oldest_answer_makes_room),
        CASE(failures_double_the_pause_up_to_ten_minutes),
        CASE(chance_shortens_a_pause_but_never_below_the_interval),
        CASE(what_the_service_asks_for_is_the_least_pause),
        CASE(what_there_is_not_is_remembered_for_a_while),
        CASE(a_bad_answer_delays_its_own_key_ever_longer),
        CASE(a_doubted_answer_serves_on_until_it_is_fetched_again),
        CASE(who_only_looks_queues_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
