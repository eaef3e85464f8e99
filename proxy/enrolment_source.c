/*
 * Enrolment_source: copies of a few texts.
 */
#include "proxy/enrolment_source.h"

#include <stdlib.h>
#include <string.h>

/* Every text of `options`, in the order of `texts`. */
static void list_texts(struct enrolment_options *options,
                       const char **out[static ENROLMENT_SOURCE_TEXTS])
{
    out[0] = &options->enrol.ca_url;
    out[1] = &options->enrol.ca_root;
    out[2] = &options->enrol.trust_domain;
    out[3] = &options->enrol.service;
    out[4] = &options->enrol.collect.platform;
    out[5] = &options->enrol.collect.machine_dir;
    out[6] = &options->enrol.collect.report_dir;
    out[7] = &options->files.certificate;
    out[8] = &options->files.private_key;
    out[9] = &options->files.trust_bundle;
}

static bool copy_texts(struct enrolment_source *source)
{
    const char **fields[ENROLMENT_SOURCE_TEXTS];

    list_texts(&source->options, fields);
    for (size_t i = 0; i < ENROLMENT_SOURCE_TEXTS; i++) {
        source->texts[i] = *fields[i] != NULL ? strdup(*fields[i]) : NULL;
        if (source->texts[i] == NULL && *fields[i] != NULL) {
            return false;
        }
        *fields[i] = source->texts[i];
    }
    return true;
}

static void on_files_changed(void *user)
{
    struct enrolment_source *source = user;

    source->on_change(source->user);
}

static void on_watch_closed(void *user)
{
    struct enrolment_source *source = user;
    void (*on_closed)(void *user) = source->on_closed;
    void *of_owner = source->user;

    enrolment_source_unref(source);
    if (on_closed != NULL) {
        on_closed(of_owner);
    }
}

struct enrolment_source *enrolment_source_new(uv_loop_t *loop,
                                              const struct enrolment_options *options,
                                              void (*on_change)(void *user), void *user)
{
    struct enrolment_source *source = calloc(1, sizeof(*source));

    if (source == NULL) {
        return NULL;
    }
    source->refs = 1;
    source->options = *options;
    source->on_change = on_change;
    source->user = user;
    if (!copy_texts(source)) {
        enrolment_source_unref(source);
        return NULL;
    }
    if (enrolment_source_is_files(source)) {
        const struct identity_files *files = &source->options.files;
        const char *const paths[] = {files->certificate, files->private_key, files->trust_bundle};

        if (file_watch_start(&source->watch, loop, paths, 3, on_files_changed, source) != 0) {
            file_watch_close(&source->watch, on_watch_closed);
            return NULL;
        }
    }
    return source;
}

void enrolment_source_close(struct enrolment_source *source, void (*on_closed)(void *user))
{
    source->on_closed = on_closed;
    source->watch.user = source; /* also where nothing was watched */
    file_watch_close(&source->watch, on_watch_closed);
}

struct enrolment_source *enrolment_source_ref(struct enrolment_source *source)
{
    source->refs++;
    return source;
}

void enrolment_source_unref(struct enrolment_source *source)
{
    if (--source->refs == 0) {
        for (size_t i = 0; i < ENROLMENT_SOURCE_TEXTS; i++) {
            free(source->texts[i]);
        }
        free(source);
    }
}

bool enrolment_source_is_files(const struct enrolment_source *source)
{
    return source->options.files.certificate != NULL;
}

bool enrolment_source_is(const struct enrolment_source *source,
                         const struct enrolment_options *options)
{
    struct enrolment_options left = source->options;
    struct enrolment_options right = *options;
    const char **fields[2][ENROLMENT_SOURCE_TEXTS];

    list_texts(&left, fields[0]);
    list_texts(&right, fields[1]);
    for (size_t i = 0; i < ENROLMENT_SOURCE_TEXTS; i++) {
        const char *a = *fields[0][i];
        const char *b = *fields[1][i];

        if (a != b && (a == NULL || b == NULL || strcmp(a, b) != 0)) {
            return false;
        }
    }
    return left.enrol.timeout_ms == right.enrol.timeout_ms &&
           left.enrol.collect.vmpl == right.enrol.collect.vmpl;
}
