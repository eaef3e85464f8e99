/*
 * Enrolment: one timer and at most one job on the thread pool.
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
#include "proxy/file_watch.h"
#include "proxy/pause.h"

#define TICK_MS 1000
#define BACKDATE_MS 60000 /* notBefore lies this far before the issue (spec: certificates) */
#define SERIAL_TEXT_CAP 41
#define NEVER UINT64_MAX
#define SLEPT_MIN_MS 1000   /* less may be a busy moment between two readings */
#define CLOCK_WARN_MS 60000 /* a difference that somebody should look into (spec: clocks) */

/* What the thread pool works on; nobody else touches it meanwhile. */
struct job {
    uv_work_t work;
    const struct enrolment_options *options;
    struct identity *identity; /* the result, NULL on failure */
    struct enrol_failure failure;
    struct err err;
};

struct enrolment {
    struct enrolment_options options;
    struct enrolment_callbacks callbacks;
    uv_loop_t *loop;
    uv_timer_t timer;
    struct file_watch watch; /* with certificate files */
    unsigned num_open;       /* timer and watch */
    bool working;
    bool again; /* asked for once more while working */
    bool stopping;
    atomic_bool cancelled; /* read by the job */
    struct job job;
    struct renew renew;
    uint64_t due_ms;      /* of the next job, CLOCK_BOOTTIME; NEVER: when asked */
    uint64_t jump_due_ms; /* of one that the clocks ask for; NEVER: they do not */
    struct pause_clocks clocks;
    struct identity *identity;
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
    return checked_clock_now(&e->options.enrol.clock);
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
    return e->options.files.certificate != NULL;
}

static int64_t not_after_ms(const struct enrolment *e)
{
    return e->identity != NULL ? identity_not_after(e->identity) * 1000 : 0;
}

static void work(uv_work_t *request)
{
    struct job *job = request->data;
    const struct enrolment_options *options = job->options;

    if (options->files.certificate != NULL) {
        if (identity_load_files(&options->files, options->enrol.trust_domain, &job->identity,
                                &job->err) != 0) {
            job->identity = NULL;
        }
    } else if (enrol_run(&options->enrol, &job->identity, &job->failure, &job->err) != 0) {
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
    e->status.num_ok++;
    e->status.last_refusal = VERDICT_ACCEPTED;
    e->status.last_success = clock_ms(CLOCK_REALTIME) / 1000;
    e->status.clock_offset_ms = offset_ms;
    e->options.enrol.clock = *identity_clock(identity);
    e->status.expired = false;
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

static void fail(struct enrolment *e)
{
    const struct enrol_failure *failure = &e->job.failure;
    uint64_t delay_ms = renew_after_failure(&e->renew, failure->code, failure->retry_after_s,
                                            not_after_ms(e), checked_now_ms(e), random_bits());

    e->status.num_failed++;
    e->status.last_refusal = failure->code;
    e->due_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME) + delay_ms;
    log_warn("identity.failed", kv_text("error", e->job.err.msg),
             kv_text("code",
                     failure->code != VERDICT_ACCEPTED ? verdict_code_name(failure->code) : "none"),
             kv_text("id", failure->id), kv_num("retry_ms", (int64_t)delay_ms));
}

/* What the job has brought. */
static void conclude(struct enrolment *e)
{
    struct identity *identity = e->job.identity;

    if (identity != NULL && uses_files(e) && e->identity != NULL &&
        identity_is_same(identity, e->identity)) {
        identity_unref(identity); /* read once more: nobody's context is to change */
        succeed(e, identity_ref(e->identity));
    } else if (identity != NULL &&
               e->callbacks.on_identity(e->callbacks.user, identity, &e->job.err) == 0) {
        succeed(e, identity);
    } else {
        identity_unref(identity);
        fail(e);
    }
}

static void finish(struct enrolment *e)
{
    if (e->stopping && e->num_open == 0 && !e->working) {
        void (*on_done)(void *user) = e->on_done;
        void *user = e->on_done_user;

        free(e);
        on_done(user);
    }
}

static void begin(struct enrolment *e);
static void arm(struct enrolment *e);

static void after_work(uv_work_t *request, int status)
{
    struct job *job = request->data;
    struct enrolment *e =
        (struct enrolment *)(void *)((char *)job - offsetof(struct enrolment, job));

    e->working = false;
    if (e->stopping) {
        identity_unref(job->identity);
        finish(e);
        return;
    }
    conclude(e);
    if (e->again) {
        e->again = false;
        begin(e);
    }
    arm(e);
}

/* Starts a job, or notes that one more is wanted. */
static void begin(struct enrolment *e)
{
    if (e->working) {
        e->again = true;
        return;
    }
    e->jump_due_ms = NEVER;
    e->job = (struct job){.work.data = &e->job, .options = &e->options};
    if (uv_queue_work(e->loop, &e->job.work, work, after_work) != 0) {
        err_set(&e->job.err, ERR_LIMIT, "thread pool");
        fail(e);
        return;
    }
    e->working = true;
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
    if ((pause.slept_ms < SLEPT_MIN_MS && pause.stepped_ms == 0) || uses_files(e)) {
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
    if (!e->working && (uint64_t)clock_ms(CLOCK_BOOTTIME) >= next_due_ms(e)) {
        begin(e);
    }
    arm(e);
}

/* The next tick: when something is due, and at most a second away. */
static void arm(struct enrolment *e)
{
    uint64_t now_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME);
    uint64_t wait_ms = TICK_MS;

    if (!e->working && next_due_ms(e) < now_ms + wait_ms) {
        wait_ms = next_due_ms(e) > now_ms ? next_due_ms(e) - now_ms : 0;
    }
    uv_timer_start(&e->timer, on_timer, wait_ms, 0);
}

static void on_files_changed(void *user)
{
    struct enrolment *e = user;

    log_info("identity.files_changed", kv_text("certificate", e->options.files.certificate));
    begin(e);
}

static int watch_files(struct enrolment *e)
{
    const struct identity_files *files = &e->options.files;
    const char *const paths[] = {files->certificate, files->private_key, files->trust_bundle};

    return file_watch_start(&e->watch, e->loop, paths, uses_files(e) ? 3 : 0, on_files_changed, e);
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

struct enrolment *enrolment_start(uv_loop_t *loop, const struct enrolment_options *options,
                                  const struct enrolment_callbacks *callbacks, struct err *err)
{
    struct enrolment *e = calloc(1, sizeof(*e));

    if (e == NULL || uv_timer_init(loop, &e->timer) != 0) {
        free(e);
        err_set(err, ERR_LIMIT, "enrolment: out of memory");
        return NULL;
    }
    e->options = *options;
    e->options.enrol.cancelled = &e->cancelled;
    e->callbacks = *callbacks;
    e->loop = loop;
    e->timer.data = e;
    e->due_ms = NEVER; /* the first job is asked for here */
    e->jump_due_ms = NEVER;
    e->clocks = read_clocks();
    e->num_open = 2;
    if (watch_files(e) != 0) {
        err_set(err, ERR_LIMIT, "enrolment: cannot watch the certificate files");
        enrolment_stop(e, on_abandoned, NULL);
        return NULL;
    }
    begin(e);
    arm(e);
    return e;
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
    atomic_store(&enrolment->cancelled, true);
    identity_unref(enrolment->identity); /* now: a job that hangs would keep the key */
    enrolment->identity = NULL;
    enrolment->on_done = on_done;
    enrolment->on_done_user = user;
    if (enrolment->working) {
        uv_cancel((uv_req_t *)&enrolment->job.work); /* works only if it has not begun */
    }
    uv_close((uv_handle_t *)&enrolment->timer, on_timer_closed);
    file_watch_close(&enrolment->watch, on_closed);
}
