/*
 * Manual: each page of settings names every key of its table with fallback and flags, and no other
 * key; its examples are files that load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/scenario.h"
#include "common/err.h"
#include "common/file.h"
#include "config/ca_config.h"
#include "config/config.h"

#define PAGE_MAX 65536
#define ITEM_CAP 1024

struct item {
    char section[64]; /* kind */
    char key[64];
    char text[ITEM_CAP]; /* its lines, with LF */
};

static char *read_page(const char *name)
{
    char path[512];
    uint8_t *text = NULL;
    size_t len = 0;
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/%s", MANUAL_DIR, name);
    if (file_read(path, PAGE_MAX, &text, &len, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return (char *)text;
}

/* Copies what follows `prefix` in the line, up to one of `end`; false if the line has no such
   prefix. */
static bool after(const char *line, const char *prefix, const char *end, char *out, size_t cap)
{
    size_t skip = strlen(prefix);
    size_t len = 0;

    if (strncmp(line, prefix, skip) != 0) {
        return false;
    }
    len = strcspn(line + skip, end);
    assert_true(len < cap);
    memcpy(out, line + skip, len);
    out[len] = '\0';
    return true;
}

/* Takes the next ".It Cm KEY" with its text off the page.  False at its end. */
static bool next_item(const char **page, struct item *item)
{
    bool inside = false;
    const char *line = *page;

    while (*line != '\0') {
        const char *next = line + strcspn(line, "\n") + 1;
        size_t used = strlen(item->text);

        if (inside && (strncmp(line, ".It ", 4) == 0 || strncmp(line, ".El", 3) == 0)) {
            break;
        }
        if (inside) {
            assert_true(used + (size_t)(next - line) < ITEM_CAP);
            memcpy(item->text + used, line, (size_t)(next - line));
            item->text[used + (size_t)(next - line)] = '\0';
        } else if (after(line, ".It Cm ", " \n", item->key, sizeof(item->key))) {
            inside = true;
            item->text[0] = '\0';
        } else {
            (void)after(line, ".Ss [", " ]", item->section, sizeof(item->section));
        }
        line = next;
    }
    *page = line;
    return inside;
}

static const struct setting *find(const struct settings_table *table, const struct item *item)
{
    for (size_t i = 0; i < table->num_rows; i++) {
        if (strcmp(table->rows[i].section, item->section) == 0 &&
            strcmp(table->rows[i].key, item->key) == 0) {
            return &table->rows[i];
        }
    }
    fail_msg("[%s] %s is in the manual alone", item->section, item->key);
    return NULL;
}

/* What the page must say about a row beside its name. */
static void check_item(const struct setting *row, const struct item *item)
{
    char want[128];

    print_message("  [%s] %s\n", row->section, row->key);
    snprintf(want, sizeof(want), "Default: %s.\n", row->fallback != NULL ? row->fallback : "");
    if (row->fallback != NULL) {
        assert_non_null(strstr(item->text, want));
    }
    assert_int_equal(strstr(item->text, "equired") != NULL &&
                         strstr(item->text, "Required with") == NULL,
                     (row->flags & SETTING_REQUIRED) != 0);
    assert_int_equal(strstr(item->text, "may repeat") != NULL, (row->flags & SETTING_LIST) != 0);
    assert_int_equal(strstr(item->text, "hange needs a restart") != NULL,
                     (row->flags & SETTING_RESTART) != 0);
}

static void compare(const struct settings_table *table, const char *name)
{
    char *text = read_page(name);
    const char *page = text;
    struct item item = {0};
    size_t num = 0;
    bool seen[128] = {false};

    assert_true(table->num_rows <= sizeof(seen) / sizeof(seen[0]));
    while (next_item(&page, &item)) {
        const struct setting *row = find(table, &item);

        check_item(row, &item);
        assert_false(seen[row - table->rows]);
        seen[row - table->rows] = true;
        num++;
    }
    for (size_t i = 0; i < table->num_rows; i++) {
        if (!seen[i]) {
            fail_msg("[%s] %s is not in %s", table->rows[i].section, table->rows[i].key, name);
        }
    }
    assert_int_equal(num, table->num_rows);
    free(text);
}

static void the_page_of_the_sidecar_names_every_key(void **state)
{
    compare(config_table(), "liftgate.conf.5");
}

static void the_page_of_the_ca_names_every_key(void **state)
{
    compare(ca_config_table(), "liftgate-ca.conf.5");
}

static void the_page_of_the_load_generator_names_every_key(void **state)
{
    compare(scenario_table(), "../bench/liftgate-bench.8");
}

static void the_examples_load(void **state)
{
    static const struct {
        const char *name;
        const struct settings_table *(*table)(void);
    } pages[] = {{"liftgate.conf.5", config_table},
                 {"liftgate-ca.conf.5", ca_config_table},
                 {"../bench/liftgate-bench.8", scenario_table}};

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char *text = read_page(pages[i].name);
        const char *begin = strstr(text, "\n.Sh EXAMPLES\n");
        const char *end = NULL;
        struct err err = {0};
        void *whole = NULL;

        assert_non_null(begin);
        begin = strstr(begin, "\n.Bd -literal -offset indent\n");
        assert_non_null(begin);
        begin += strlen("\n.Bd -literal -offset indent\n");
        end = strstr(begin, "\n.Ed\n");
        assert_non_null(end);
        whole = settings_parse(pages[i].table(), pages[i].name, begin, (size_t)(end - begin), &err);
        assert_string_equal(err.msg, "");
        assert_non_null(whole);
        settings_free(pages[i].table(), whole);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_of_the_sidecar_names_every_key),
        cmocka_unit_test(the_page_of_the_ca_names_every_key),
        cmocka_unit_test(the_page_of_the_load_generator_names_every_key),
        cmocka_unit_test(the_examples_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
