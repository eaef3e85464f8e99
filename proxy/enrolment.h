/*
 * Enrolment: keeps the sidecar's identity fresh for as long as the process lives.
 *
 * Runs ca-client's blocking enrolment on the thread pool, schedules the next one by
 * ca-client/renew.h, backs off when the CA is away, and never gives up; or, with certificate files
 * that somebody else renews, loads them at the start, when they change, and when it is asked to.
 * Lives on the control thread's loop.  Who uses the identity is the caller's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "ca-client/enrol.h"
#include "common/compiler.h"

struct err;
struct enrolment; /* opaque */
struct enrolment_source;

/* Copied, with its texts. */
struct enrolment_options {
    struct enrol_options enrol;  /* without clock, pace and `cancelled` */
    struct identity_files files; /* with a certificate: files instead of a CA; of `enrol` only the
                                    trust domain counts then */
    uint64_t report_interval_ms; /* between requests to the firmware; that of the start counts */
};

/* What the control thread reads for /metrics and /identity. */
struct enrolment_status {
    uint64_t num_ok;                /* enrolments that succeeded */
    uint64_t num_failed;            /* or whose identity could not be used */
    enum verdict_code last_refusal; /* VERDICT_ACCEPTED: none since the last success */
    int64_t last_success;           /* seconds since 1970; 0: never */
    int64_t clock_offset_ms;        /* CA's clock minus ours */
    bool expired;                   /* there was an identity, and it has expired */
    bool reboot_needed;             /* for evidence: enrolments are given up until somebody asks */
};

/* A new identity is here; the callee takes its own reference if it keeps it.  -1: it cannot be
   used, which counts as a failed enrolment; the one before stays. */
typedef int enrolment_on_identity(void *user, struct identity *identity, struct err *err);

struct enrolment_callbacks {
    enrolment_on_identity *on_identity;
    void *user;
};

/* Starts at once with the first enrolment.  NULL on failure. */
struct enrolment *enrolment_start(uv_loop_t *loop, const struct enrolment_options *options,
                                  const struct enrolment_callbacks *callbacks, struct err *err);

/* A reload, all or nothing: enrolment_prepare() finds out whether `options` can be used and changes
   nothing; then comes either enrolment_commit() or enrolment_cancel().  -1: ERR_INVALID, ERR_IO,
   ERR_LIMIT.  Blocks for files. */
struct enrolment_change {
    struct enrolment_source *source; /* NULL: the same as before */
    struct identity *identity; /* that its files have: for the owner to use; NULL: of a CA, which is
                                  asked after the commit, while the one before stays.  The change's
                                  reference */
};
MUST_CHECK int enrolment_prepare(struct enrolment *enrolment,
                                 const struct enrolment_options *options,
                                 struct enrolment_change *out_change, struct err *err);
void enrolment_cancel(struct enrolment *enrolment, struct enrolment_change *change);
void enrolment_commit(struct enrolment *enrolment, struct enrolment_change *change);

/* Enrols (or loads the files) now, whatever the schedule says; once if asked twice meanwhile. */
void enrolment_now(struct enrolment *enrolment);

const struct enrolment_status *enrolment_status(const struct enrolment *enrolment);

/* Closes its handles and drops the identity; frees itself in the last close callback, then calls
   `on_done`.  An enrolment under way on the thread pool is waited for. */
void enrolment_stop(struct enrolment *enrolment, void (*on_done)(void *user), void *user);
