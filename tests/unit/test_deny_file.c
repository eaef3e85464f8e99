/*
 * Tests of deny_file: a real file in a folder of its own, changed in the ways in which people and
 * programs change files.
 */
#include "proxy/deny_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/file.h"
#include "proxy/deny.h"
#include "tests/lib/folder.h"

#define WAIT_MS 20000

struct scene {
    uv_loop_t loop;
    uv_timer_t deadline;
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 16];
    struct deny_file *file;
    unsigned num_lists;
    size_t num_entries; /* of the last one */
    bool refuse;        /* what is offered */
    unsigned num_refused;
};

static int on_list(void *user, struct deny *deny, struct err *err)
{
    struct scene *scene = user;

    if (scene->refuse) {
        scene->num_refused++;
        return err_set(err, ERR_LIMIT, "not now");
    }
    scene->num_lists++;
    scene->num_entries = deny_count(deny);
    return 0;
}

static void on_deadline(uv_timer_t *timer)
{
    fail_msg("nothing happened for %d ms", WAIT_MS);
}

static void put(const struct scene *scene, const char *text)
{
    struct err err;

    if (file_replace(scene->path, 0600, text, strlen(text), &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

/* Watches a file with one entry. */
static int scene_setup(void **state)
{
    static struct scene scene;
    struct err err;
    struct deny *deny = NULL;

    scene = (struct scene){.num_lists = 0};
    folder_make(scene.folder);
    (void)snprintf(scene.path, sizeof(scene.path), "%s/deny", scene.folder);
    put(&scene, "serial 01\n");
    assert_int_equal(uv_loop_init(&scene.loop), 0);
    uv_timer_init(&scene.loop, &scene.deadline);
    uv_timer_start(&scene.deadline, on_deadline, WAIT_MS, 0);
    scene.file = deny_file_start(&scene.loop, on_list, &scene, &err);
    assert_non_null(scene.file);
    deny = deny_file_read(scene.path, &err);
    assert_non_null(deny);
    assert_int_equal(deny_file_watch(scene.file, scene.path, deny, &err), 0);
    deny_unref(deny);
    *state = &scene;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *scene = *state;

    deny_file_stop(scene->file);
    uv_close((uv_handle_t *)&scene->deadline, NULL);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    folder_remove(scene->folder);
    return 0;
}

static void await_lists(struct scene *scene, unsigned num)
{
    while (scene->num_lists < num) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(scene->num_lists, num);
}

static void await_failures(struct scene *scene, uint64_t num)
{
    while (deny_file_status(scene->file)->num_failed < num) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

static void a_replaced_file_is_a_new_list(void **state)
{
    struct scene *scene = *state;

    put(scene, "serial 01\nserial 02\n");
    await_lists(scene, 1);
    assert_int_equal(scene->num_entries, 2);
    assert_int_equal(deny_file_status(scene->file)->num_entries, 2);
    assert_true(deny_file_status(scene->file)->ok);
}

static void a_file_written_in_place_is_one_too(void **state)
{
    struct scene *scene = *state;
    FILE *out = fopen(scene->path, "ae");

    assert_non_null(out);
    fputs("serial 02\nserial 03\n", out);
    fclose(out);
    await_lists(scene, 1);
    assert_int_equal(scene->num_entries, 3);
}

static void a_bad_file_and_none_keep_the_list(void **state)
{
    struct scene *scene = *state;

    put(scene, "serial 01\nnonsense\n");
    await_failures(scene, 1);
    assert_int_equal(unlink(scene->path), 0);
    await_failures(scene, 2);
    put(scene, ""); /* emptied by whoever is about to write it */
    await_failures(scene, 3);
    assert_false(deny_file_status(scene->file)->ok);
    assert_int_equal(deny_file_status(scene->file)->num_entries, 1);
    put(scene, "serial 01\nserial 02\n");
    await_lists(scene, 1);
    assert_true(deny_file_status(scene->file)->ok);
}

static void a_list_that_its_user_refuses_is_not_in_use(void **state)
{
    struct scene *scene = *state;

    scene->refuse = true;
    put(scene, "serial 02\nserial 03\n");
    await_failures(scene, 1);
    assert_int_equal(deny_file_status(scene->file)->num_entries, 1);
    scene->refuse = false; /* nor is it forgotten */
    await_lists(scene, 1);
    assert_int_equal(scene->num_entries, 2);
    assert_int_equal(deny_file_status(scene->file)->num_failed, 1);
    assert_true(deny_file_status(scene->file)->ok);
}

static void a_failure_that_lasts_is_counted_once(void **state)
{
    struct scene *scene = *state;

    scene->refuse = true;
    put(scene, "serial 02\nserial 03\n");
    while (scene->num_refused < 3) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(deny_file_status(scene->file)->num_failed, 1);
    assert_false(deny_file_status(scene->file)->ok);
}

static void a_file_behind_a_link_is_noticed_by_polling(void **state)
{
    struct scene *scene = *state;
    struct err err;
    char other[FOLDER_PATH_CAP];
    char link_path[2 * FOLDER_PATH_CAP];
    struct deny *deny = deny_file_read(scene->path, &err);

    folder_make(other);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", other);
    assert_int_equal(symlink(scene->path, link_path), 0);
    assert_int_equal(deny_file_watch(scene->file, link_path, deny, &err), 0);
    deny_unref(deny);
    put(scene, "serial 02\nserial 03\n"); /* in a folder that is no longer watched */
    await_lists(scene, 1);
    put(scene, "serial 02\nserial 03\nserial 04\n");
    await_lists(scene, 2);
    assert_int_equal(scene->num_entries, 3);
    folder_remove(other);
}

static void the_old_list_again_is_no_news(void **state)
{
    struct scene *scene = *state;

    put(scene, "nonsense\n");
    await_failures(scene, 1);
    put(scene, "serial 01\n");
    while (!deny_file_status(scene->file)->ok) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(scene->num_lists, 0);
}

static void another_path_is_watched_instead(void **state)
{
    struct scene *scene = *state;
    struct err err;
    struct deny *deny = NULL;

    put(scene, "serial 01\nserial 02\n");
    (void)snprintf(scene->path, sizeof(scene->path), "%s/other", scene->folder);
    put(scene, "serial 03\n");
    deny = deny_file_read(scene->path, &err);
    assert_int_equal(deny_file_watch(scene->file, scene->path, deny, &err), 0);
    deny_unref(deny);
    put(scene, "serial 03\nserial 04\nserial 05\n");
    await_lists(scene, 1);
    assert_int_equal(scene->num_entries, 3);
    assert_int_equal(deny_file_watch(scene->file, NULL, NULL, &err), 0);
    assert_int_equal(deny_file_status(scene->file)->num_entries, 0);
}

static void an_error_names_file_and_line(void **state)
{
    struct scene *scene = *state;
    struct err err;
    char expected[2 * FOLDER_PATH_CAP];

    put(scene, "serial 01\nserial\n");
    assert_null(deny_file_read(scene->path, &err));
    (void)snprintf(expected, sizeof(expected), "%s: line 2: need KIND VALUE", scene->path);
    assert_string_equal(err.msg, expected);
    assert_null(deny_file_read(scene->folder, &err));
    assert_null(deny_file_read("/nowhere/deny", &err));
    assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replaced_file_is_a_new_list, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_file_written_in_place_is_one_too, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_bad_file_and_none_keep_the_list, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_list_that_its_user_refuses_is_not_in_use, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_failure_that_lasts_is_counted_once, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_file_behind_a_link_is_noticed_by_polling, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(the_old_list_again_is_no_news, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(another_path_is_watched_instead, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(an_error_names_file_and_line, scene_setup, scene_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
