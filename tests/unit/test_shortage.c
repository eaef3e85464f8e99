/*
 * Shortage: what the data path does when the system says no, not yet, or only so much: streams stay
 * whole where the answer means "again", and a connection that cannot go on takes nothing else
 * along.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "common/sockets.h"
#include "tests/lib/rig.h"
#include "tests/lib/shortage.h"

#define LEN                                                                                        \
    ((size_t)200000)   /* bytes of a stream; several reads, and a queue where writes are short */
#define NTH_MAX 100000 /* more calls of one kind than any connection makes */

#define OPENSSL_STEP 23 /* of some 5000 allocations for one connection */

#define WATCH_MS 300
#define TURNS_MAX 30 /* in that time; a spin is thousands */

enum end {
    OPEN,
    WHOLE,
    BROKEN,
};

/* One side of a connection that sends a stream and reads the other's. */
struct side {
    int fd; /* -1: closed, or not there yet */
    unsigned seed;
    unsigned expected_seed;
    size_t sent;
    size_t received;
    enum end end;
};

static uint8_t byte_at(unsigned seed, size_t i)
{
    return (uint8_t)((i * 2654435761U + seed) >> 13);
}

static void side_send(struct side *side, size_t len)
{
    uint8_t data[4096];
    ssize_t sent = 0;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = byte_at(side->seed, side->sent + i);
    }
    len = len - side->sent < sizeof(data) ? len - side->sent : sizeof(data);
    sent = send(side->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    side->sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 && errno != EAGAIN) {
        side->end = BROKEN; /* and recv would not tell of it again */
    }
}

/* Reads what is there; an end before `len` bytes would be a truncation that nobody noticed. */
static void side_receive(struct side *side, size_t len)
{
    uint8_t data[4096];
    ssize_t got = recv(side->fd, data, sizeof(data), MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        assert_int_equal(data[i], byte_at(side->expected_seed, side->received + (size_t)i));
    }
    side->received += got > 0 ? (size_t)got : 0;
    if (got == 0) {
        assert_int_equal(side->received, len);
    }
    if (got <= 0) {
        side->end = got == 0 ? WHOLE : BROKEN;
    }
}

/* One step of a side: true if there is more to do. */
static bool side_run(struct side *side, size_t len, short events)
{
    bool was_sending = side->sent < len;

    if ((events & POLLOUT) != 0 && was_sending) {
        side_send(side, len);
    }
    if (was_sending && side->sent == len && side->end != BROKEN) {
        shutdown(side->fd, SHUT_WR);
    }
    if ((events & (POLLIN | POLLERR | POLLHUP)) != 0 && side->end == OPEN) {
        side_receive(side, len);
    }
    if (side->end == BROKEN) { /* as an application would, which leaves no half open for ever */
        sockets_reset(side->fd);
        side->fd = -1;
    }
    return side->end == OPEN || (side->end == WHOLE && side->sent < len);
}

static short side_events(const struct side *side, size_t len)
{
    return (short)((side->end == OPEN ? POLLIN : 0) | (side->sent < len ? POLLOUT : 0));
}

/* A connection through the chain with `len` bytes each way, until both ends have seen an end: true
   if both streams arrived. */
static bool exchange(const struct rig *rig, size_t len)
{
    struct side client = {.fd = rig_connect(rig), .seed = 1, .expected_seed = 2};
    struct side app = {.fd = -1, .seed = 2, .expected_seed = 1};
    bool client_open = true;
    bool app_open = true;

    while (client_open || (app_open && app.fd >= 0)) {
        struct pollfd fds[3] = {
            {.fd = client_open ? client.fd : -1, .events = side_events(&client, len)},
            {.fd = app_open ? app.fd : -1, .events = side_events(&app, len)},
            {.fd = app.fd < 0 && app_open ? rig->target : -1, .events = POLLIN}};

        assert_true(poll(fds, 3, RIG_WAIT_MS) > 0);
        if (fds[0].revents != 0) {
            client_open = side_run(&client, len, fds[0].revents);
        }
        if (fds[1].revents != 0) {
            app_open = side_run(&app, len, fds[1].revents);
        }
        if (fds[2].revents != 0) {
            app.fd = rig_accept(rig);
        }
    }
    if (client.fd >= 0) {
        close(client.fd);
    }
    if (app.fd >= 0) {
        close(app.fd);
    }
    /* An error at one side is one at the other, unless that had everything already. */
    assert_true(client.end == app.end || client.received == len || app.received == len ||
                app.end == OPEN);
    return client.end == WHOLE && app.end == WHOLE;
}

static void start(struct rig *rig)
{
    struct rig_options options = {.shape = RIG_CHAIN, .limits = {.linger_ms = 100}};

    rig_start(rig, &options);
}

/* Nothing is left of a connection, and if the application never took it, it was reset. */
static void expect_idle(const struct rig *rig)
{
    rig_await(&rig->counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    rig_await(&rig->egress_counters, COUNTER_CONNECTIONS_OPEN_EGRESS, 0);
    rig_await(&rig->counters, COUNTER_BUFFER_BYTES, 0);
    rig_await(&rig->egress_counters, COUNTER_BUFFER_BYTES, 0);
    while (!rig_untouched(rig)) {
        int late = rig_accept(rig);

        rig_expect_reset(late);
        close(late);
    }
}

static void r37_calls_that_are_interrupted_or_do_less_lose_nothing(void **state)
{
    static const struct shortage_rule rows[][SHORTAGE_RULES_MAX] = {
        {{SHORTAGE_RECV, .error = EINTR, .every = 2},
         {SHORTAGE_SEND, .error = EINTR, .every = 2},
         {SHORTAGE_ACCEPT, .error = EINTR, .every = 2}},
        {{SHORTAGE_RECV, .error = EAGAIN, .every = 2}},
        {{SHORTAGE_SEND, .error = EAGAIN, .every = 2}},
        {{SHORTAGE_SEND, .error = ENOBUFS, .every = 3}},
        {{SHORTAGE_RECV, .len_max = 21, .every = 1}},
        {{SHORTAGE_SEND, .len_max = 700, .every = 1}},
        {{SHORTAGE_SEND, .len_max = 1, .every = 2}},
        {{SHORTAGE_ACCEPT, .error = ECONNABORTED, .every = 2}},
        {{SHORTAGE_RECV, .error = EINTR, .every = 5},
         {SHORTAGE_RECV, .error = EAGAIN, .every = 3},
         {SHORTAGE_RECV, .len_max = 100, .every = 1},
         {SHORTAGE_SEND, .error = EINTR, .every = 5},
         {SHORTAGE_SEND, .error = EAGAIN, .every = 3},
         {SHORTAGE_SEND, .len_max = 1000, .every = 1},
         {SHORTAGE_ACCEPT, .error = EAGAIN, .every = 2}},
    };
    struct rig rig;

    start(&rig);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t num = 0;

        while (num < SHORTAGE_RULES_MAX && rows[i][num].every != 0) {
            num++;
        }
        shortage_begin(rows[i], num, false);
        assert_true(exchange(&rig, LEN));
        expect_idle(&rig);
        assert_true(shortage_end() > 0);
    }
    rig_stop(&rig);
}

/* Lets the Nth call of a kind fail, for every N (or each `step`th) that a connection gets to; the
   one after it must find everything as it was.  Returns how many calls there were. */
static unsigned long sweep(const struct rig *rig, enum shortage_call call, int error,
                           unsigned long step)
{
    unsigned long nth = 1;
    unsigned long met = 1;

    for (; met > 0; nth += step) {
        struct shortage_rule rule = {.call = call, .error = error, .nth = nth};

        assert_true(nth < NTH_MAX);
        shortage_begin(&rule, 1, false);
        (void)exchange(rig, 5000);
        expect_idle(rig);
        met = shortage_end();
        assert_true(exchange(rig, 5000));
        expect_idle(rig);
    }
    return nth - step;
}

static void r37_a_call_that_fails_ends_its_connection_and_no_other(void **state)
{
    static const struct {
        enum shortage_call call;
        int error;
        unsigned long least; /* calls of two sidecars for one connection */
    } rows[] = {
        {SHORTAGE_ACCEPT, EMFILE, 2},   {SHORTAGE_ACCEPT, ENOBUFS, 2},
        {SHORTAGE_ACCEPT, ENOMEM, 2},   {SHORTAGE_SOCKET, EMFILE, 2},
        {SHORTAGE_SOCKET, ENOBUFS, 2},  {SHORTAGE_CONNECT, ENOMEM, 2},
        {SHORTAGE_RECV, ENOMEM, 8},     {SHORTAGE_RECV, ECONNRESET, 8},
        {SHORTAGE_RECV, ENOBUFS, 8},    {SHORTAGE_SEND, EPIPE, 6},
        {SHORTAGE_SEND, ENOMEM, 6},     {SHORTAGE_SEND, ENOBUFS, 6},
        {SHORTAGE_SEND, ECONNRESET, 6},
    };
    struct rig rig;

    start(&rig);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(sweep(&rig, rows[i].call, rows[i].error, 1) >= rows[i].least);
    }
    rig_stop(&rig);
}

static void r37_an_allocation_that_fails_ends_its_connection_and_no_other(void **state)
{
    struct rig rig;

    start(&rig);
    assert_true(sweep(&rig, SHORTAGE_MEMORY, ENOMEM, 1) >= 8);
    rig_stop(&rig);
}

static void r37_openssl_without_memory_ends_a_connection_and_no_other(void **state)
{
    struct rig rig;

    start(&rig);
    assert_true(sweep(&rig, SHORTAGE_OPENSSL, ENOMEM, OPENSSL_STEP) > 100);
    rig_stop(&rig);
}

static void r8_r37_a_kernel_without_buffers_does_not_make_the_loop_spin(void **state)
{
    static const struct shortage_rule rule = {SHORTAGE_SEND, .error = ENOBUFS, .every = 1};
    uint64_t turns = 0;
    int client = -1;
    int app = -1;
    struct rig rig;

    start(&rig);
    client = rig_connect(&rig);
    app = rig_accept(&rig);
    rig_put(client, "before");
    rig_expect(app, "before");
    shortage_begin(&rule, 1, false);
    rig_put(client, "after");
    rig_expect_silence(app, 100);
    turns = counter_get(&rig.egress_counters, COUNTER_LOOP_TURNS);
    rig_expect_silence(app, WATCH_MS);
    turns = counter_get(&rig.egress_counters, COUNTER_LOOP_TURNS) - turns;
    assert_in_range(turns, 1, TURNS_MAX);
    assert_true(shortage_end() > 0);
    rig_expect(app, "after");
    close(client);
    close(app);
    expect_idle(&rig);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r8_r37_a_kernel_without_buffers_does_not_make_the_loop_spin),
        cmocka_unit_test(r37_calls_that_are_interrupted_or_do_less_lose_nothing),
        cmocka_unit_test(r37_a_call_that_fails_ends_its_connection_and_no_other),
        cmocka_unit_test(r37_openssl_without_memory_ends_a_connection_and_no_other),
        cmocka_unit_test(r37_an_allocation_that_fails_ends_its_connection_and_no_other),
    };

    shortage_watch_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
