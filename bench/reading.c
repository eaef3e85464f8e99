/*
 * Reading: opens the files, and says what is wrong with them.
 */
#include "bench/reading.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/recording.h"
#include "bench/report.h"
#include "common/err.h"
#include "common/file.h"

#define FILES_MAX 64
#define TEXT_MAX 65536 /* bytes of a file that is shown */
#define PAGE_MODE 0644

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct pages { /* what a report is made of */
    struct recording *recordings[FILES_MAX];
    size_t num_recordings;
    struct report_text texts[FILES_MAX];
    size_t num_texts;
};

static int failed(const struct err *err)
{
    fprintf(stderr, "liftgate-bench: %s\n", err->msg);
    return err->code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

int reading_compare(int argc, char **argv)
{
    struct recording *from = NULL;
    struct recording *to = NULL;
    struct err err;
    int code = EXIT_DONE;

    if (argc != 2) {
        fputs("liftgate-bench: compare: need two files of results\n", stderr);
        return EXIT_USAGE;
    }
    from = recording_load(argv[0], &err);
    to = from != NULL ? recording_load(argv[1], &err) : NULL;
    if (to == NULL || compare_print(from, to, stdout, &err) != 0) {
        code = failed(&err);
    }
    recording_free(from);
    recording_free(to);
    return code;
}

static bool is_results(const char *path)
{
    size_t len = strlen(path);

    return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

static int pages_add(struct pages *pages, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    uint8_t *text = NULL;
    size_t len = 0;

    if (is_results(path)) {
        struct recording *recording = recording_load(path, err);

        if (recording == NULL) {
            return -1;
        }
        pages->recordings[pages->num_recordings++] = recording;
        return 0;
    }
    if (file_read(path, TEXT_MAX, &text, &len, err) != 0) {
        return -1;
    }
    pages->texts[pages->num_texts++] =
        (struct report_text){.name = slash != NULL ? slash + 1 : path, .text = (const char *)text};
    return 0;
}

static void pages_free(struct pages *pages)
{
    for (size_t i = 0; i < pages->num_recordings; i++) {
        recording_free(pages->recordings[i]);
    }
    for (size_t i = 0; i < pages->num_texts; i++) {
        free((void *)(uintptr_t)pages->texts[i].text);
    }
    free(pages);
}

static int write_page(const struct pages *pages, const char *path, struct err *err)
{
    const struct report report = {
        .recordings = pages->recordings,
        .num_recordings = pages->num_recordings,
        .texts = pages->texts,
        .num_texts = pages->num_texts,
    };
    char *page = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&page, &len);
    int rc = -1;

    if (out == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    rc = report_write(&report, out, err);
    fclose(out);
    if (rc == 0) {
        rc = file_replace(path, PAGE_MODE, page, len, err);
    }
    free(page);
    return rc;
}

int reading_report(int argc, char **argv)
{
    struct pages *pages = NULL;
    struct err err;
    int code = EXIT_DONE;

    if (argc < 2 || argc > FILES_MAX) {
        fputs("liftgate-bench: report: need PAGE.html and files of results\n", stderr);
        return EXIT_USAGE;
    }
    pages = calloc(1, sizeof(*pages));
    if (pages == NULL) {
        fputs("liftgate-bench: report: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    for (int i = 1; i < argc && code == EXIT_DONE; i++) {
        if (pages_add(pages, argv[i], &err) != 0) {
            code = failed(&err);
        }
    }
    if (code == EXIT_DONE && write_page(pages, argv[0], &err) != 0) {
        code = failed(&err);
    }
    pages_free(pages);
    return code;
}
