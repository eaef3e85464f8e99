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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
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

        assert_int_equal(entrance_bind(&entrance, &place->address, modes[i], &err), 0);
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
    assert_int_equal(entrance_bind(&entrance, &place->address, 0600, &err), 0);
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

        assert_int_equal(entrance_bind(&entrance, &place->address, 0600, &err), -1);
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
    assert_int_equal(entrance_bind(&entrance, &place->address, 0600, &err), -1);
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

    assert_int_equal(entrance_bind(&first, &place->address, 0600, &err), 0);
    entrance_leave(&first); /* now nobody listens, and another takes the place */
    assert_int_equal(entrance_bind(&second, &place->address, 0600, &err), 0);
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

    assert_int_equal(entrance_bind(&entrance, &place->address, 0600, &err), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_its_mode_and_goes_with_the_entrance),
        cmocka_unit_test(what_a_dead_process_left_is_replaced),
        cmocka_unit_test(a_socket_in_use_is_left_alone_even_if_its_backlog_is_full),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(a_file_that_has_replaced_ours_is_left_alone),
        cmocka_unit_test(a_duplicate_accepts_until_it_is_closed),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
