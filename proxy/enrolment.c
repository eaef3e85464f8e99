/*
 * Enrolment: one timer and at most one job on the thread pool whose result counts; what follows
 * from that is enrolment_state's.
 *
 * Happy path: the first job starts at once; its identity goes to the owner; the timer then waits
 * for the renewal.  The timer ticks at least once a second, so that a paused VM, a moved clock and
 * an expiry are noticed when they happen and not when a long timer would have fired.
 */
#include "proxy/enrolment.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/enrolment_source.h"
#include "proxy/enrolment_state.h"

#define JOBS_MAX 4 /* at one time; of use is one: nobody can end a look-up of a name */

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
    struct enrolment_state state;
    struct pace *pace; /* of all jobs */
    struct enrolment_callbacks callbacks;
    uv_loop_t *loop;
    uv_timer_t timer;
    unsigned num_open; /* timer and sources */
    struct job *job;   /* whose result counts; NULL: none is under way */
    unsigned num_jobs; /* with those whose result does not */
    bool again;        /* asked for once more while working */
    bool stopping;
    void (*on_done)(void *user);
    void *on_done_user;
};

static bool uses_files(const struct enrolment *e)
{
    return enrolment_source_is_files(e->source);
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

/* What a job has brought. */
static void conclude(struct enrolment *e, struct job *job)
{
    struct identity *identity = job->identity;
    struct identity *before = e->state.identity;

    if (identity != NULL && uses_files(e) && before != NULL && identity_is_same(identity, before)) {
        identity_unref(identity); /* read once more: nobody's context is to change */
        enrolment_state_succeed(&e->state, identity_ref(before));
    } else if (identity != NULL &&
               e->callbacks.on_identity(e->callbacks.user, identity, &job->err) == 0) {
        enrolment_state_succeed(&e->state, identity);
    } else {
        identity_unref(identity);
        if (identity == NULL && job->err.code == ERR_REBOOT) {
            enrolment_state_give_up(&e->state, job->err.msg);
        } else {
            enrolment_state_fail(&e->state, &job->failure, job->err.msg);
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
        job->options.clock = e->state.clock;
        job->holder = e->state.renewable ? identity_ref(e->state.identity) : NULL;
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
    enrolment_state_begin(&e->state);
    job = make_job(e);
    if (job != NULL && uv_queue_work(e->loop, &job->work, work, after_work) != 0) {
        free_job(job);
        job = NULL;
    }
    if (job == NULL) {
        enrolment_state_fail(&e->state, &(struct enrol_failure){.retry_after_s = 0},
                             "out of memory");
    }
    e->job = job;
}

static void on_timer(uv_timer_t *timer)
{
    struct enrolment *e = timer->data;

    enrolment_state_tick(&e->state);
    if (can_begin(e) && enrolment_state_wait_ms(&e->state) == 0) {
        begin(e);
    }
    arm(e);
}

/* The next tick: when something is due, and at most a second away. */
static void arm(struct enrolment *e)
{
    uint64_t wait_ms = can_begin(e) ? enrolment_state_wait_ms(&e->state) : ENROLMENT_STATE_NEVER;

    if (wait_ms > ENROLMENT_STATE_TICK_MS) {
        wait_ms = ENROLMENT_STATE_TICK_MS;
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
    enrolment_state_init(&e->state, options->files.certificate == NULL);
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
    struct identity *before = enrolment->state.identity;
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
    if (identity != NULL && before != NULL && identity_is_same(identity, before)) {
        identity_unref(identity); /* other files with the same in them */
        identity = identity_ref(before);
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
    enrolment_state_turn(&e->state, !uses_files(e));
    if (change->identity != NULL) {
        enrolment_state_succeed(&e->state, change->identity);
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
    return &enrolment->state.status;
}

void enrolment_stop(struct enrolment *enrolment, void (*on_done)(void *user), void *user)
{
    enrolment->stopping = true;
    enrolment_state_deinit(&enrolment->state); /* now: a job that hangs would keep the key */
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
