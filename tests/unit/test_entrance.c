/*
 * Entrance: what happens to files where a unix socket is to be, and what is left at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "proxy/activation.h"
#include "proxy/entrance.h"
#include "tests/lib/folder.h"

struct place {
    char folder[FOLDER_PATH_CAP];
    struct sockets_address address;
};

static int make_place(void **state)
{
    static struct place place;
    char text[SOCKETS_TEXT_CAP];
    struct err err;

    folder_make(place.folder);
    assert_in_range(snprintf(text, sizeof(text), "unix:%s/s", place.folder), 1, sizeof(text) - 1);
    assert_int_equal(sockets_parse(text, &place.address, &err), 0);
    *state = &place;
    return 0;
}

/* Makes the socket there. */
static int bind_there(struct entrance *entrance, const struct place *place, mode_t mode,
                      struct err *err)
{
    const struct entrance_options options = {.address = place->address, .mode = mode};

    return entrance_open(entrance, &options, err);
}

static int remove_place(void **state)
{
    const struct place *place = *state;

    folder_remove(place->folder);
    return 0;
}

static bool is_there(const struct place *place)
{
    struct stat file;

    return lstat(place->address.u.local.sun_path, &file) == 0;
}

static void the_file_has_its_mode_and_goes_with_the_entrance(void **state)
{
    static const mode_t modes[] = {0600, 0660, 0666};
    static const mode_t masks[] = {0, 0077, 0777};
    const struct place *place = *state;

    for (size_t i = 0; i < 3; i++) {
        struct entrance entrance;
        struct stat file;
        struct err err;
        mode_t before = umask(masks[i]);

        assert_int_equal(bind_there(&entrance, place, modes[i], &err), 0);
        (void)umask(before);
        assert_int_equal(stat(place->address.u.local.sun_path, &file), 0);
        assert_int_equal(file.st_mode & 07777, modes[i]);
        entrance_close(&entrance);
        assert_false(is_there(place));
    }
}

static void what_a_dead_process_left_is_replaced(void **state)
{
    const struct sockets_listen_options options = {.backlog = 1, .mode = 0600};
    const struct place *place = *state;
    struct entrance entrance;
    struct err err;
    int dead = sockets_listen(&place->address, &options, &err);
    int client = -1;

    assert_true(dead >= 0);
    close(dead);
    assert_true(is_there(place));
    assert_int_equal(bind_there(&entrance, place, 0600, &err), 0);
    client = sockets_connect(&place->address);
    assert_true(client >= 0);
    close(client);
    entrance_close(&entrance);
}

static void a_socket_in_use_is_left_alone_even_if_its_backlog_is_full(void **state)
{
    const struct sockets_listen_options options = {.backlog = 0, .mode = 0600};
    const struct place *place = *state;
    struct err err;
    int clients[2] = {-1, -1};
    int live = sockets_listen(&place->address, &options, &err);

    assert_true(live >= 0);
    for (size_t i = 0; i < 2; i++) {
        struct entrance entrance;

        assert_int_equal(bind_there(&entrance, place, 0600, &err), -1);
        assert_int_equal(err.code, ERR_IO);
        assert_int_equal(entrance.fd, -1);
        entrance_close(&entrance);
        assert_true(is_there(place));
        clients[i] = sockets_connect(&place->address);
    }
    (void)close(clients[0]);
    (void)close(clients[1]);
    close(live);
    assert_int_equal(unlink(place->address.u.local.sun_path), 0);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct entrance entrance;
    struct err err;
    int fd = open(place->address.u.local.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(bind_there(&entrance, place, 0600, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "no socket"));
    assert_true(is_there(place));
    assert_int_equal(unlink(place->address.u.local.sun_path), 0);
}

static void a_file_that_has_replaced_ours_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct entrance first;
    struct entrance second;
    struct err err;

    assert_int_equal(bind_there(&first, place, 0600, &err), 0);
    entrance_leave(&first); /* now nobody listens, and another takes the place */
    assert_int_equal(bind_there(&second, place, 0600, &err), 0);
    entrance_close(&first);
    assert_true(is_there(place));
    entrance_close(&second);
    assert_false(is_there(place));
}

static void a_duplicate_accepts_until_it_is_closed(void **state)
{
    const struct place *place = *state;
    struct sockets_address peer = {.len = 0};
    char text[SOCKETS_TEXT_CAP] = "";
    struct entrance entrance;
    struct err err;
    int listener = -1;
    int client = -1;
    int server = -1;

    assert_int_equal(bind_there(&entrance, place, 0600, &err), 0);
    listener = entrance_dup(&entrance);
    entrance_leave(&entrance);
    client = sockets_connect(&place->address);
    assert_true(client >= 0);
    server = sockets_accept(listener, &peer);
    assert_true(server >= 0);
    sockets_format(&peer, text);
    assert_string_equal(text, "unix:"); /* a client has no name, most often */
    assert_true(sockets_is_local(&peer));
    sockets_tune(server, 1000);
    close(listener);
    assert_int_equal(sockets_connect(&place->address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(client);
    close(server);
    entrance_close(&entrance);
    assert_false(is_there(place));
}

/* Puts `fd` where a service manager would, under the name "web". */
static void hand_over(int fd)
{
    char pid[32] = "";

    assert_in_range(snprintf(pid, sizeof(pid), "%ld", (long)getpid()), 1, sizeof(pid) - 1);
    if (fd != ACTIVATION_FD_FIRST) {
        assert_int_equal(dup2(fd, ACTIVATION_FD_FIRST), ACTIVATION_FD_FIRST);
        close(fd);
    }
    assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", "web", 1), 0);
}

static int listen_at(const char *text)
{
    const struct sockets_listen_options listening = {.backlog = 8, .mode = 0600};
    struct sockets_address address = {.len = 0};
    struct err err;
    int fd = -1;

    assert_int_equal(sockets_parse(text, &address, &err), 0);
    fd = sockets_listen(&address, &listening, &err);
    assert_true(fd >= 0);
    return fd;
}

static void a_socket_that_was_handed_over_is_taken_and_left_in_place(void **state)
{
    const struct place *place = *state;
    const struct entrance_options options = {.handed_over = "web", .local_only = true};
    char text[SOCKETS_TEXT_CAP] = "";
    int fd = -1;

    sockets_format(&place->address, text);
    fd = listen_at(text);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* a manager's may block */
    hand_over(fd);
    for (unsigned i = 0; i < 2; i++) { /* a second time, as after a reload */
        struct entrance entrance;
        struct err err;

        assert_int_equal(entrance_open(&entrance, &options, &err), 0);
        assert_true(entrance.outlives_us);
        assert_string_equal(entrance.address.u.local.sun_path, place->address.u.local.sun_path);
        assert_true((fcntl(entrance.fd, F_GETFL) & O_NONBLOCK) != 0);
        entrance_close(&entrance);
        assert_true(is_there(place)); /* it is the manager's */
    }
    close(ACTIVATION_FD_FIRST);
    assert_int_equal(unlink(place->address.u.local.sun_path), 0);
}

static void a_socket_that_does_not_fit_its_route_is_refused(void **state)
{
    const struct place *place = *state;
    char path[SOCKETS_TEXT_CAP] = "";
    const struct {
        const char *listen; /* NULL: it does not */
        bool local_only;
        bool resets_only;
        const char *why; /* NULL: it fits */
    } rows[] = {
        {"127.0.0.1:0", true, true, NULL},
        {"0.0.0.0:0", false, true, NULL},
        {"0.0.0.0:0", true, true, "insecure_remote_callers"},
        {path, true, false, NULL},
        {path, true, true, "cannot carry a reset"},
        {NULL, false, false, "no stream socket that listens"},
    };

    sockets_format(&place->address, path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct entrance_options options = {.handed_over = "web",
                                                 .local_only = rows[i].local_only,
                                                 .resets_only = rows[i].resets_only};
        struct entrance entrance;
        struct err err;

        hand_over(rows[i].listen != NULL ? listen_at(rows[i].listen)
                                         : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (rows[i].why == NULL) {
            assert_int_equal(entrance_open(&entrance, &options, &err), 0);
        } else {
            assert_int_equal(entrance_open(&entrance, &options, &err), -1);
            assert_int_equal(err.code, ERR_INVALID);
            assert_non_null(strstr(err.msg, rows[i].why));
        }
        entrance_close(&entrance);
        close(ACTIVATION_FD_FIRST);
        (void)unlink(place->address.u.local.sun_path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_its_mode_and_goes_with_the_entrance),
        cmocka_unit_test(what_a_dead_process_left_is_replaced),
        cmocka_unit_test(a_socket_in_use_is_left_alone_even_if_its_backlog_is_full),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(a_file_that_has_replaced_ours_is_left_alone),
        cmocka_unit_test(a_duplicate_accepts_until_it_is_closed),
        cmocka_unit_test(a_socket_that_was_handed_over_is_taken_and_left_in_place),
        cmocka_unit_test(a_socket_that_does_not_fit_its_route_is_refused),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
