/*
 * Enrolment_source: where an identity comes from, in words of its own, and the watch of its files.
 * For enrolment.c.
 *
 * References are counted without atomics: they are the loop's.
 */
#pragma once

#include <stdbool.h>

#include <uv.h>

#include "proxy/enrolment.h"
#include "proxy/file_watch.h"

#define ENROLMENT_SOURCE_TEXTS 10

struct enrolment_source {
    unsigned refs;
    struct enrolment_options options; /* of the texts here */
    char *texts[ENROLMENT_SOURCE_TEXTS];
    struct file_watch watch; /* of the certificate files, if it has such */
    void (*on_change)(void *user);
    void (*on_closed)(void *user);
    void *user;
};

/* Copies `options`; `on_change` is called when a file may have changed.  The caller's reference is
   for enrolment_source_close().  NULL: out of memory. */
struct enrolment_source *enrolment_source_new(uv_loop_t *loop,
                                              const struct enrolment_options *options,
                                              void (*on_change)(void *user), void *user);

/* Watches no longer, and gives up that reference when `on_closed` has followed. */
void enrolment_source_close(struct enrolment_source *source, void (*on_closed)(void *user));

struct enrolment_source *enrolment_source_ref(struct enrolment_source *source);
void enrolment_source_unref(struct enrolment_source *source);

bool enrolment_source_is_files(const struct enrolment_source *source);

/* True if `options` say the same. */
bool enrolment_source_is(const struct enrolment_source *source,
                         const struct enrolment_options *options);
