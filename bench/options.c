/*
 * Options: the table, and the reading of the command line by it.
 */
#include "bench/options.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bench/load.h"
#include "common/err.h"
#include "config/settings_describe.h"
#include "config/settings_value.h"

/* Words are stored by their index: the table below and the enum must agree. */
static_assert(EXCHANGE_ECHO == 0 && EXCHANGE_REDIS == 1, "protocols");
static_assert(sizeof(enum exchange_protocol) == sizeof(unsigned), "choices are stored as unsigned");

#define MINUTES UINT64_C(60000)

/* clang-format off */
static const struct setting rows[] = {
    /*    key            kind              flags field                                  min max                   choices       fallback help */
    {"", "protocol",    SETTING_CHOICE,   0,    offsetof(struct options, protocol),    0,  0,                    "echo|redis", "echo",  "what the service at the other end speaks"},
    {"", "connections", SETTING_NUMBER,   0,    offsetof(struct options, connections), 1,  LOAD_CONNECTIONS_MAX, NULL,         "1",     "each with one request in flight"},
    {"", "size",        SETTING_NUMBER,   0,    offsetof(struct options, size),        1,  EXCHANGE_SIZE_MAX,    NULL,         "64",    "bytes that go there and back"},
    {"", "rounds",      SETTING_NUMBER,   0,    offsetof(struct options, rounds),      1,  1000,                 NULL,         "5",     "turns that the targets take, so that a slow moment hits all"},
    {"", "warm-up",     SETTING_DURATION, 0,    offsetof(struct options, warm_up),     1,  10 * MINUTES,         NULL,         "100ms", "before each round, not counted"},
    {"", "time",        SETTING_DURATION, 0,    offsetof(struct options, time),        1,  60 * MINUTES,         NULL,         "2s",    "counted for each target, all rounds together"},
};
/* clang-format on */

#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct setting *find(const char *key)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static int set(struct options *options, const struct setting *row, const char *text,
               struct err *err)
{
    if (settings_value_read(row, text, 0, (char *)options + row->offset, err) != 0) {
        return err_wrap(err, "--%s", row->key);
    }
    return 0;
}

/* Reads "NAME=ADDRESS". */
static int add_target(struct options *options, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    struct options_target target = {.name = text};

    if (equals == NULL || equals == text) {
        return err_set(err, ERR_INVALID, "%s: need NAME=ADDRESS:PORT", text);
    }
    if (options->num_targets == OPTIONS_TARGETS_MAX) {
        return err_set(err, ERR_INVALID, "%s: more than %d targets", text, OPTIONS_TARGETS_MAX);
    }
    target.name_len = (size_t)(equals - text);
    if (sockets_parse(equals + 1, &target.address, err) != 0) {
        return err_wrap(err, "%s", text);
    }
    options->targets[options->num_targets++] = target;
    return 0;
}

int options_parse(int argc, char **argv, struct options *out_options, struct err *err)
{
    struct options options = {0};

    for (size_t i = 0; i < NUM_ROWS; i++) {
        if (set(&options, &rows[i], rows[i].fallback, err) != 0) {
            return -1;
        }
    }
    for (int i = 0; i < argc; i++) {
        const struct setting *row = NULL;

        if (strncmp(argv[i], "--", 2) != 0) {
            if (add_target(&options, argv[i], err) != 0) {
                return -1;
            }
            continue;
        }
        row = find(argv[i] + 2);
        if (row == NULL) {
            return err_set(err, ERR_INVALID, "%s: no such option", argv[i]);
        }
        if (i + 1 == argc) {
            return err_set(err, ERR_INVALID, "%s: needs a value", argv[i]);
        }
        if (set(&options, row, argv[++i], err) != 0) {
            return -1;
        }
    }
    if (options.num_targets == 0) {
        return err_set(err, ERR_INVALID, "run: no target: need NAME=ADDRESS:PORT");
    }
    *out_options = options;
    return 0;
}

char *options_help(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < NUM_ROWS; i++) {
        char values[SETTINGS_VALUE_CAP];

        settings_describe(&rows[i], values);
        fprintf(out, "  --%-12s %s (%s; default %s)\n", rows[i].key, rows[i].help, values,
                rows[i].fallback);
    }
    return fclose(out) == 0 ? text : NULL;
}
