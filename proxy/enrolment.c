/*
 * Enrolment: one timer and at most one job on the thread pool whose result counts.
 *
 * Happy path: the first job starts at once; its identity goes to the owner; the timer then waits
 * for the renewal.  The timer ticks at least once a second, so that a paused VM, a moved clock and
 * an expiry are noticed when they happen and not when a long timer would have fired.
 */
#include "proxy/enrolment.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "ca-client/checked_clock.h"
#include "ca-client/renew.h"
#include "common/err.h"
#include "common/log.h"
#include "common/svid.h"
#include "proxy/enrolment_source.h"
#include "proxy/pause.h"

#define TICK_MS 1000
#define BACKDATE_MS 60000 /* notBefore lies this far before the issue (spec: certificates) */
#define SERIAL_TEXT_CAP 41
#define NEVER UINT64_MAX
#define SLEPT_MIN_MS 1000   /* less may be a busy moment between two readings */
#define JOBS_MAX 4          /* at one time; of use is one: nobody can end a look-up of a name */
#define CLOCK_WARN_MS 60000 /* a difference that somebody should look into (spec: clocks) */

/* What the thread pool works on; nobody else touches it meanwhile. */
struct job {
    uv_work_t work;
    struct enrolment *enrolment;
    struct enrolment_source *source; /* referenced */
    struct enrol_options options;    /* of a CA; borrowed from the source */
    struct identity *holder;         /* referenced; NULL: a newcomer's */
    atomic_bool cancelled;
    struct identity *identity; /* the result, NULL on failure */
    struct enrol_failure failure;
    struct err err;
};

struct enrolment {
    struct enrolment_source *source;
    struct checked_clock clock; /* of the last CA that told its time */
    struct pace *pace;          /* of all jobs */
    struct enrolment_callbacks callbacks;
    uv_loop_t *loop;
    uv_timer_t timer;
    unsigned num_open; /* timer and sources */
    struct job *job;   /* whose result counts; NULL: none is under way */
    unsigned num_jobs; /* with those whose result does not */
    bool again;        /* asked for once more while working */
    bool stopping;
    struct renew renew;
    uint64_t due_ms;      /* of the next job, CLOCK_BOOTTIME; NEVER: when asked */
    uint64_t jump_due_ms; /* of one that the clocks ask for; NEVER: they do not */
    struct pause_clocks clocks;
    struct identity *identity;
    bool renewable; /* `identity` is of the source's CA, which has not disowned it */
    struct enrolment_status status;
    void (*on_done)(void *user);
    void *on_done_user;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds since 1970 by the CA's clock, as far as we know it. */
static int64_t checked_now_ms(const struct enrolment *e)
{
    return checked_clock_now(&e->clock);
}

static struct pause_clocks read_clocks(void)
{
    return (struct pause_clocks){
        .loop_ms = clock_ms(CLOCK_MONOTONIC),
        .boot_ms = clock_ms(CLOCK_BOOTTIME),
        .wall_ms = clock_ms(CLOCK_REALTIME),
    };
}

static uint64_t random_bits(void)
{
    uint64_t bits = 0;

    if (RAND_bytes((unsigned char *)&bits, sizeof(bits)) != 1) {
        return (uint64_t)clock_ms(CLOCK_BOOTTIME); /* jitter, not a secret */
    }
    return bits;
}

static bool uses_files(const struct enrolment *e)
{
    return enrolment_source_is_files(e->source);
}

static int64_t not_after_ms(const struct enrolment *e)
{
    return e->identity != NULL ? identity_not_after(e->identity) * 1000 : 0;
}

static void work(uv_work_t *request)
{
    struct job *job = request->data;

    if (enrolment_source_is_files(job->source)) {
        if (identity_load_files(&job->source->options.files, job->options.trust_domain,
                                &job->identity, &job->err) != 0) {
            job->identity = NULL;
        }
    } else if (enrol_run(&job->options, &job->identity, &job->failure, &job->err) != 0) {
        job->identity = NULL;
    }
}

static void log_identity(const char *event, const struct identity *identity)
{
    struct svid svid = {.spiffe = NULL};
    char serial[SERIAL_TEXT_CAP] = "";
    struct err err;

    if (svid_describe(identity_leaf(identity), &svid, &err) == 0) {
        for (size_t i = 0; i < svid.serial_len; i++) {
            (void)snprintf(serial + 2 * i, 3, "%02x", svid.serial[i]);
        }
    }
    svid_deinit(&svid);
    log_info(event, kv_text("spiffe", identity_spiffe(identity)), kv_text("serial", serial),
             kv_num("not_after", identity_not_after(identity)),
             kv_num("clock_offset_ms", identity_clock(identity)->wall_offset_ms));
}

/* Takes the job's reference to `identity`, which is in use by now. */
static void succeed(struct enrolment *e, struct identity *identity)
{
    int64_t offset_ms = identity_clock(identity)->wall_offset_ms;
    bool first = e->identity == NULL;
    uint64_t delay_ms = 0;

    identity_unref(e->identity);
    e->identity = identity;
    e->renewable = !uses_files(e);
    e->status.num_ok++;
    e->status.last_refusal = VERDICT_ACCEPTED;
    e->status.last_success = clock_ms(CLOCK_REALTIME) / 1000;
    e->status.clock_offset_ms = offset_ms;
    e->clock = *identity_clock(identity);
    e->status.expired = false;
    e->status.reboot_needed = false;
    log_identity(first ? "identity.ready" : "identity.renewed", identity);
    if (offset_ms > CLOCK_WARN_MS || offset_ms < -CLOCK_WARN_MS) {
        log_warn("clock.wrong", kv_num("offset_ms", offset_ms),
                 kv_text("effect", "certificates are judged by the CA's clock"));
    }
    delay_ms = renew_after_success(&e->renew, identity_not_before(identity) * 1000 + BACKDATE_MS,
                                   not_after_ms(e), checked_now_ms(e), random_bits());
    e->due_ms = uses_files(e) ? NEVER : (uint64_t)clock_ms(CLOCK_BOOTTIME) + delay_ms;
    malloc_trim(0); /* an enrolment is a burst, and nothing like it follows for a long time */
}

/* The firmware's key is gone: asking again is in vain, and every few seconds too. */
static void give_up(struct enrolment *e, const char *why)
{
    e->status.num_failed++;
    e->status.reboot_needed = true;
    e->due_ms = NEVER;
    log_error("identity.reboot_needed", kv_text("error", why),
              kv_text("effect", e->identity != NULL ? "our certificate serves until it expires"
                                                    : "there is no identity"),
              kv_text("instead", "reboot this machine"));
}

static void fail(struct enrolment *e, const struct enrol_failure *failure, const char *why)
{
    /* The CA has lost our certificate, or knows no renewals: next, and soon, as a newcomer. */
    bool disowned = failure->renewal && (failure->code == VERDICT_IDENTITY_NOT_PERMITTED ||
                                         failure->code == VERDICT_REQUEST_INVALID);
    uint64_t delay_ms = renew_after_failure(
        &e->renew, disowned ? VERDICT_UNAVAILABLE : failure->code, failure->retry_after_s,
        not_after_ms(e), checked_now_ms(e), random_bits());

    e->renewable = e->renewable && !disowned;
    e->status.num_failed++;
    e->status.last_refusal = failure->code;
    e->due_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME) + delay_ms;
    log_warn("identity.failed", kv_text("error", why),
             kv_text("code",
                     failure->code != VERDICT_ACCEPTED ? verdict_code_name(failure->code) : "none"),
             kv_text("id", failure->id), kv_num("retry_ms", (int64_t)delay_ms));
}

/* What a job has brought. */
static void conclude(struct enrolment *e, struct job *job)
{
    struct identity *identity = job->identity;

    if (identity != NULL && uses_files(e) && e->identity != NULL &&
        identity_is_same(identity, e->identity)) {
        identity_unref(identity); /* read once more: nobody's context is to change */
        succeed(e, identity_ref(e->identity));
    } else if (identity != NULL &&
               e->callbacks.on_identity(e->callbacks.user, identity, &job->err) == 0) {
        succeed(e, identity);
    } else {
        identity_unref(identity);
        if (identity == NULL && job->err.code == ERR_REBOOT) {
            give_up(e, job->err.msg);
        } else {
            fail(e, &job->failure, job->err.msg);
        }
    }
}

static void finish(struct enrolment *e)
{
    if (e->stopping && e->num_open == 0 && e->num_jobs == 0) {
        void (*on_done)(void *user) = e->on_done;
        void *user = e->on_done_user;

        pace_free(e->pace);
        free(e);
        on_done(user);
    }
}

static void begin(struct enrolment *e);
static void arm(struct enrolment *e);

static void free_job(struct job *job)
{
    job->enrolment->num_jobs--;
    identity_unref(job->holder);
    enrolment_source_unref(job->source);
    free(job);
}

static void after_work(uv_work_t *request, int status)
{
    struct job *job = request->data;
    struct enrolment *e = job->enrolment;

    if (e->stopping) {
        identity_unref(job->identity);
        free_job(job);
        finish(e);
        return;
    }
    if (job == e->job) {
        e->job = NULL;
        conclude(e, job);
    } else {
        identity_unref(job->identity); /* of a source that is no longer ours */
    }
    free_job(job);
    if (e->again && e->job == NULL) {
        e->again = false;
        begin(e);
    }
    arm(e);
}

static struct job *make_job(struct enrolment *e)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job != NULL) {
        job->work.data = job;
        job->enrolment = e;
        job->source = enrolment_source_ref(e->source);
        job->options = e->source->options.enrol;
        job->options.clock = e->clock;
        job->holder = e->renewable ? identity_ref(e->identity) : NULL;
        job->options.holder = job->holder;
        job->options.cancelled = &job->cancelled;
        job->options.collect.pace = e->pace;
        job->options.collect.patience.cancelled = &job->cancelled;
        e->num_jobs++;
    }
    return job;
}

/* False: the end of a job is what comes next, and not what is due. */
static bool can_begin(const struct enrolment *e)
{
    return e->job == NULL && e->num_jobs < JOBS_MAX;
}

/* Starts a job, or notes that one more is wanted. */
static void begin(struct enrolment *e)
{
    struct job *job = NULL;

    if (!can_begin(e)) {
        e->again = true;
        return;
    }
    e->jump_due_ms = NEVER;
    job = make_job(e);
    if (job != NULL && uv_queue_work(e->loop, &job->work, work, after_work) != 0) {
        free_job(job);
        job = NULL;
    }
    if (job == NULL) {
        fail(e, &(struct enrol_failure){.retry_after_s = 0}, "out of memory");
    }
    e->job = job;
}

static void check_expiry(struct enrolment *e)
{
    if (e->identity == NULL || e->status.expired || checked_now_ms(e) < not_after_ms(e)) {
        return;
    }
    e->status.expired = true;
    log_error("identity.expired", kv_text("spiffe", identity_spiffe(e->identity)),
              kv_num("not_after", identity_not_after(e->identity)),
              kv_text("effect", "new handshakes are refused"));
}

/* After a pause, or once somebody has set the clock, what we have may be over, and what the CA has
   told of its clock is not true any more.  Files tell nothing new. */
static void check_clocks(struct enrolment *e)
{
    struct pause_clocks now = read_clocks();
    struct pause pause = pause_between(&e->clocks, &now, TICK_MS);

    e->clocks = now;
    if ((pause.slept_ms < SLEPT_MIN_MS && pause.stepped_ms == 0) || uses_files(e) ||
        e->status.reboot_needed) {
        return;
    }
    e->jump_due_ms = renew_after_jump(&e->renew, (uint64_t)now.boot_ms);
}

static uint64_t next_due_ms(const struct enrolment *e)
{
    return e->jump_due_ms < e->due_ms ? e->jump_due_ms : e->due_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct enrolment *e = timer->data;

    check_clocks(e);
    check_expiry(e);
    if (can_begin(e) && (uint64_t)clock_ms(CLOCK_BOOTTIME) >= next_due_ms(e)) {
        begin(e);
    }
    arm(e);
}

/* The next tick: when something is due, and at most a second away. */
static void arm(struct enrolment *e)
{
    uint64_t now_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME);
    uint64_t wait_ms = TICK_MS;

    if (can_begin(e) && next_due_ms(e) < now_ms + wait_ms) {
        wait_ms = next_due_ms(e) > now_ms ? next_due_ms(e) - now_ms : 0;
    }
    uv_timer_start(&e->timer, on_timer, wait_ms, 0);
}

static void on_files_changed(void *user)
{
    struct enrolment *e = user;

    if (!e->stopping && uses_files(e)) {
        log_info("identity.files_changed",
                 kv_text("certificate", e->source->options.files.certificate));
        begin(e);
    }
}

static void on_closed(void *user)
{
    struct enrolment *e = user;

    e->num_open--;
    finish(e);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_closed(handle->data);
}

/* Of a start that failed: nobody waits for it. */
static void on_abandoned(void *user)
{
}

/* NULL: out of memory. */
static struct enrolment_source *open_source(struct enrolment *e,
                                            const struct enrolment_options *options)
{
    struct enrolment_source *source = enrolment_source_new(e->loop, options, on_files_changed, e);

    e->num_open += source != NULL ? 1 : 0;
    return source;
}

struct enrolment *enrolment_start(uv_loop_t *loop, const struct enrolment_options *options,
                                  const struct enrolment_callbacks *callbacks, struct err *err)
{
    struct enrolment *e = calloc(1, sizeof(*e));

    if (e == NULL || uv_timer_init(loop, &e->timer) != 0) {
        free(e);
        err_set(err, ERR_LIMIT, "enrolment: out of memory");
        return NULL;
    }
    e->callbacks = *callbacks;
    e->loop = loop;
    e->timer.data = e;
    e->due_ms = NEVER; /* the first job is asked for here */
    e->jump_due_ms = NEVER;
    e->clocks = read_clocks();
    e->num_open = 1;
    e->pace = pace_new(options->report_interval_ms, err);
    e->source = e->pace != NULL ? open_source(e, options) : NULL;
    if (e->source == NULL) {
        err_set(err, ERR_LIMIT, "enrolment: out of memory");
        enrolment_stop(e, on_abandoned, NULL);
        return NULL;
    }
    begin(e);
    arm(e);
    return e;
}

/* What can be known now of a source that is to be ours. */
static int try_source(const struct enrolment_options *options, struct identity **out_identity,
                      struct err *err)
{
    if (options->files.certificate != NULL) {
        return identity_load_files(&options->files, options->enrol.trust_domain, out_identity, err);
    }
    if (enrol_check_root(&options->enrol, err) != 0) {
        return err_wrap(err, "[identity] ca_root");
    }
    return enrol_check_platform(&options->enrol, err) == 0 ? 0 : err_wrap(err, "[identity]");
}

int enrolment_prepare(struct enrolment *enrolment, const struct enrolment_options *options,
                      struct enrolment_change *out_change, struct err *err)
{
    struct identity *identity = NULL;

    *out_change = (struct enrolment_change){.source = NULL};
    if (enrolment_source_is(enrolment->source, options)) {
        return 0;
    }
    if (try_source(options, &identity, err) != 0) {
        return -1;
    }
    out_change->source = open_source(enrolment, options);
    if (out_change->source == NULL) {
        identity_unref(identity);
        return err_set(err, ERR_LIMIT, "enrolment: out of memory");
    }
    if (identity != NULL && enrolment->identity != NULL &&
        identity_is_same(identity, enrolment->identity)) {
        identity_unref(identity); /* other files with the same in them */
        identity = identity_ref(enrolment->identity);
    }
    out_change->identity = identity;
    return 0;
}

void enrolment_cancel(struct enrolment *enrolment, struct enrolment_change *change)
{
    if (change->source != NULL) {
        enrolment_source_close(change->source, on_closed);
        identity_unref(change->identity);
    }
}

void enrolment_commit(struct enrolment *enrolment, struct enrolment_change *change)
{
    struct enrolment *e = enrolment;

    if (change->source == NULL) {
        return;
    }
    if (e->job != NULL) { /* its result is of no use, and it may take its time */
        atomic_store(&e->job->cancelled, true);
        e->job = NULL;
    }
    e->again = false;
    enrolment_source_close(e->source, on_closed);
    e->source = change->source;
    e->renew = (struct renew){0};
    e->renewable = false; /* another CA knows nothing of what we have */
    e->status.reboot_needed = false;
    if (change->identity != NULL) {
        succeed(e, change->identity);
    } else {
        begin(e);
    }
    arm(e);
}

void enrolment_now(struct enrolment *enrolment)
{
    begin(enrolment);
}

const struct enrolment_status *enrolment_status(const struct enrolment *enrolment)
{
    return &enrolment->status;
}

void enrolment_stop(struct enrolment *enrolment, void (*on_done)(void *user), void *user)
{
    enrolment->stopping = true;
    identity_unref(enrolment->identity); /* now: a job that hangs would keep the key */
    enrolment->identity = NULL;
    enrolment->on_done = on_done;
    enrolment->on_done_user = user;
    if (enrolment->job != NULL) {
        atomic_store(&enrolment->job->cancelled, true);
        uv_cancel((uv_req_t *)&enrolment->job->work); /* works only if it has not begun */
    }
    uv_close((uv_handle_t *)&enrolment->timer, on_timer_closed);
    if (enrolment->source != NULL) {
        enrolment_source_close(enrolment->source, on_closed);
    }
}
