/*
 * Tests of dial: several addresses, of which some do not answer.  The resolver is this file.
 */
#include "proxy/dial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "common/err.h"

#define TICK_MS 20
#define WAIT_MS 20000

static struct resolver_answer answer;

void resolver_ask(struct resolver *resolver, size_t name, struct resolver_waiter *waiter)
{
    waiter->on_done(waiter, &answer);
}

void resolver_cancel(struct resolver_waiter *waiter)
{
}

struct place {
    int listener;
    int fillers[3];
    struct sockets_address address;
};

static struct place *late; /* decides at the first tick; NULL: none */
static bool late_answers;

enum behaviour { ANSWERS, REFUSES, SAYS_NOTHING };

/* On loopback; who says nothing has a full queue, to which the kernel adds no more. */
static struct place place_make(bool v6, enum behaviour behaviour)
{
    const struct sockets_listen_options options = {.backlog = behaviour == SAYS_NOTHING ? 0 : 8};
    struct place place = {.fillers = {-1, -1, -1}};
    struct err err;

    assert_int_equal(sockets_parse(v6 ? "[::1]:0" : "127.0.0.1:0", &place.address, &err), 0);
    place.listener = sockets_listen(&place.address, &options, &err);
    assert_true(place.listener >= 0);
    assert_int_equal(sockets_bound(place.listener, &place.address, &err), 0);
    if (behaviour == SAYS_NOTHING) {
        for (unsigned i = 0; i < 3; i++) {
            place.fillers[i] = sockets_connect(&place.address);
        }
        (void)poll(&(struct pollfd){.fd = place.fillers[0], .events = POLLOUT}, 1, WAIT_MS);
    } else if (behaviour == REFUSES) {
        close(place.listener);
        place.listener = -1;
    }
    return place;
}

static void place_drop(struct place *place)
{
    for (unsigned i = 0; i < 3; i++) {
        if (place->fillers[i] >= 0) {
            close(place->fillers[i]);
        }
    }
    if (place->listener >= 0) {
        close(place->listener);
    }
}

/* Answers the next of a caller's attempts, which the kernel makes after a second, or refuses it. */
static void place_decide(struct place *place, bool answers)
{
    if (answers) {
        close(accept(place->listener, NULL, NULL));
    } else {
        close(place->listener);
        place->listener = -1;
    }
}

struct attempt {
    uv_loop_t loop;
    uv_timer_t tick;
    struct dial *dial;
    unsigned num_ticks;
};

static void on_tick(uv_timer_t *timer)
{
    struct attempt *attempt = timer->data;

    attempt->num_ticks++;
    assert_true(attempt->num_ticks < WAIT_MS / TICK_MS);
    if (late != NULL) {
        place_decide(late, late_answers);
        late = NULL;
    }
    dial_tick(attempt->dial);
}

static void on_change(void *arg)
{
    struct attempt *attempt = arg;

    uv_timer_stop(&attempt->tick);
}

/* Dials until it is decided; the address it reached, none if it failed, with errno in `out_error`.
 */
static struct sockets_address dial(const struct sockets_address *own, int *out_error)
{
    struct sockets_address reached = {.len = 0};
    struct attempt attempt = {.num_ticks = 0};

    assert_int_equal(uv_loop_init(&attempt.loop), 0);
    assert_int_equal(uv_timer_init(&attempt.loop, &attempt.tick), 0);
    attempt.tick.data = &attempt;
    uv_timer_start(&attempt.tick, on_tick, TICK_MS, TICK_MS);
    attempt.dial = dial_start(&attempt.loop, NULL, 0, own, on_change, &attempt);
    assert_non_null(attempt.dial);
    while (dial_state(attempt.dial) == DIAL_CONNECTING) {
        uv_run(&attempt.loop, UV_RUN_ONCE);
    }
    if (dial_state(attempt.dial) == DIAL_CONNECTED) {
        close(dial_take_fd(attempt.dial, &reached));
    }
    *out_error = dial_error(attempt.dial);
    dial_free(attempt.dial);
    uv_close((uv_handle_t *)&attempt.tick, NULL);
    uv_run(&attempt.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&attempt.loop), 0);
    return reached;
}

static void the_first_address_that_answers_is_taken(void **state)
{
    static const struct {
        size_t num6; /* of the places; the others are IPv4 */
        enum behaviour places[4];
        size_t num;
        size_t expected; /* `num`: none */
    } rows[] = {
        {0, {ANSWERS}, 1, 0},
        {0, {REFUSES}, 1, 1},
        {0, {REFUSES, REFUSES, ANSWERS}, 3, 2},
        {0, {SAYS_NOTHING, ANSWERS}, 2, 1},
        {0, {SAYS_NOTHING, SAYS_NOTHING, ANSWERS}, 3, 2},
        {2, {SAYS_NOTHING, ANSWERS, SAYS_NOTHING}, 3, 1},
        {1, {ANSWERS, ANSWERS}, 2, 0},
        {1, {REFUSES, ANSWERS}, 2, 1},
        {2, {SAYS_NOTHING, ANSWERS, ANSWERS}, 3, 2}, /* the families take turns */
        {2, {REFUSES, REFUSES, REFUSES, REFUSES}, 4, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct place places[4];
        struct sockets_address reached;
        int error = 0;

        answer = (struct resolver_answer){.num_addresses = rows[i].num};
        for (size_t k = 0; k < rows[i].num; k++) {
            places[k] = place_make(k < rows[i].num6, rows[i].places[k]);
            answer.addresses[k] = places[k].address;
        }
        reached = dial(NULL, &error);
        if (rows[i].expected == rows[i].num) {
            assert_int_equal(reached.len, 0);
        } else {
            char texts[2][SOCKETS_TEXT_CAP];

            sockets_format(&reached, texts[0]);
            sockets_format(&places[rows[i].expected].address, texts[1]);
            assert_string_equal(texts[0], texts[1]);
        }
        for (size_t k = 0; k < rows[i].num; k++) {
            place_drop(&places[k]);
        }
    }
}

static void what_is_decided_later_is_heard_of(void **state)
{
    for (unsigned answers = 0; answers < 2; answers++) {
        struct place place = place_make(false, SAYS_NOTHING);
        struct sockets_address reached;
        int error = 0;

        late = &place;
        late_answers = answers == 1;
        answer = (struct resolver_answer){.num_addresses = 1, .addresses = {place.address}};
        reached = dial(NULL, &error);
        assert_int_equal(sockets_same_place(&reached, &place.address), answers);
        assert_int_equal(error, answers == 1 ? 0 : ECONNREFUSED);
        place_drop(&place);
    }
}

/* A name may lead to the very listener that the connection is for: it would come back for ever. */
static void our_own_listener_is_never_dialled(void **state)
{
    static const char *const disguises[] = {"127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"};
    struct place own = place_make(false, ANSWERS);
    struct place other = place_make(false, ANSWERS);
    struct sockets_address reached = {.len = 0};
    int error = 0;

    for (size_t i = 0; i < sizeof(disguises) / sizeof(disguises[0]); i++) {
        char text[SOCKETS_TEXT_CAP] = "";
        struct err err;

        (void)snprintf(text, sizeof(text), "%s:%u", disguises[i], sockets_port(&own.address));
        answer = (struct resolver_answer){.num_addresses = 1};
        assert_int_equal(sockets_parse(text, &answer.addresses[0], &err), 0);
        assert_int_equal(dial(&own.address, &error).len, 0);
        assert_int_equal(error, ELOOP);
    }
    answer =
        (struct resolver_answer){.num_addresses = 2, .addresses = {own.address, other.address}};
    reached = dial(&own.address, &error);
    assert_true(sockets_same_place(&reached, &other.address));
    place_drop(&own);
    place_drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_address_that_answers_is_taken),
        cmocka_unit_test(what_is_decided_later_is_heard_of),
        cmocka_unit_test(our_own_listener_is_never_dialled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
