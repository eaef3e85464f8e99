/*
 * Control: the loop of the control thread.
 *
 * Happy path: start the workers, admin and enrolment; the first identity makes the sidecar ready;
 * renewals and reloads make new generations; SIGTERM drains the workers; then everything is stopped
 * in turn and the loop runs dry, or what the thread pool cannot end soon is left behind.
 */
#include "proxy/control.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/control_state.h"
#include "proxy/deny.h"
#include "proxy/deny_file.h"
#include "proxy/ingredients.h"

static const int signal_numbers[CONTROL_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

/* The next one, for the places as they are. */
static struct generation *make_generation(struct control *control, struct identity *identity,
                                          struct deny *deny, struct err *err)
{
    const struct ingredients from = {.number = control->num_generations + 1,
                                     .identity = identity,
                                     .rules = &control->rules,
                                     .deny = deny,
                                     .num_live = &control->num_live,
                                     .tenures = &control->tenures,
                                     .previous = control->generation,
                                     .crew = control->crew};

    return ingredients_mix(&from, err);
}

/* The same, and the workers get it. */
static void publish(struct control *control, struct generation *generation)
{
    control_adopt(control, generation);
    crew_set_generation(control->crew, generation);
}

static void note_ready(struct control *control)
{
    if (!control->told_ready && control_is_ready(control)) {
        control->told_ready = true;
        log_info("proxy.ready", kv_text("effect", "every worker serves with a valid identity"));
    }
}

/* What a service manager should know of us. */
static void look(void *user, struct notify_facts *out)
{
    struct control *control = user;
    int64_t now = generation_now(control->generation);

    if (control->state == CONTROL_STOPPING) {
        out->phase = NOTIFY_STOPPING;
        return;
    }
    note_ready(control);
    if (control->state == CONTROL_DRAINING) {
        out->phase = NOTIFY_STOPPING;
    } else if (!control->told_ready) {
        out->phase = NOTIFY_STARTING;
    } else {
        out->phase = control->reload_begun ? NOTIFY_RELOADING : NOTIFY_READY;
    }
    out->not_after = generation_not_after(control->generation);
    out->is_valid = generation_valid(control->generation, now);
    out->workers_alive = crew_is_alive(
        control->crew, manager_patience_ms(&control->manager, CONTROL_HEARTBEAT_MAX_MS));
}

static int on_identity(void *user, struct identity *identity, struct err *err)
{
    struct control *control = user;
    struct generation *generation = make_generation(control, identity, control->deny, err);

    if (generation == NULL) {
        return -1;
    }
    publish(control, generation);
    control_set_identity(control, identity);
    return 0;
}

static int on_deny(void *user, struct deny *deny, struct err *err)
{
    struct control *control = user;
    struct generation *generation = NULL;

    if (control->state == CONTROL_STOPPING) {
        return 0;
    }
    generation = make_generation(control, control->identity, deny, err);
    if (generation == NULL) {
        return -1;
    }
    control_set_deny(control, deny);
    publish(control, generation);
    return 0;
}

static void on_enrolment_stopped(void *user)
{
    struct control *control = user;

    control->enrolment = NULL;
}

static void on_admin_stopped(void *user)
{
    struct control *control = user;

    control->admin = NULL;
}

/* The crew first: the other handles keep the loop alive by themselves. */
static void on_patience(uv_timer_t *timer)
{
    struct control *control = timer->data;

    if (crew_stop(control->leaving)) {
        control->leaving = NULL;
        uv_unref((uv_handle_t *)timer);
    }
    if (++control->num_waits == CONTROL_WAITS) {
        uv_stop(&control->loop);
    }
}

/* Ends everything; the loop then runs dry. */
static void stop(struct control *control)
{
    if (control->state == CONTROL_STOPPING) {
        return;
    }
    control->state = CONTROL_STOPPING;
    manager_tell(&control->manager);
    manager_stop(&control->manager);
    control->leaving = control->crew;
    control->crew = NULL;
    on_patience(&control->patience);
    uv_timer_start(&control->patience, on_patience, CONTROL_WAIT_MS, CONTROL_WAIT_MS);
    scribe_stop(&control->scribe);
    if (control->enrolment != NULL) {
        enrolment_stop(control->enrolment, on_enrolment_stopped, control);
    }
    if (control->admin != NULL) {
        admin_stop(control->admin, on_admin_stopped, control);
    }
    deny_file_stop(control->deny_file);
    control->deny_file = NULL;
    for (size_t i = 0; i < CONTROL_SIGNALS; i++) {
        uv_unref((uv_handle_t *)&control->signals[i]);
    }
    uv_close((uv_handle_t *)&control->crew_changed, NULL);
}

/* Looked at when all workers have the newest generation: none is then counted for one that is only
   on its way. */
static void bound_tenures(struct control *control)
{
    uint64_t drain_before = 0;

    if (crew_generation(control->crew) < generation_number(control->generation)) {
        return;
    }
    drain_before = tenures_oldest_of(&control->tenures, TENURES_MAX);
    if (drain_before <= control->drain_before) {
        return;
    }
    control->drain_before = drain_before;
    crew_limit_tenures(control->crew, drain_before,
                       tenures_oldest_of(&control->tenures, TENURES_CUT));
    log_warn("identity.crowded", kv_num("live", (int64_t)tenures_count(&control->tenures)),
             kv_num("max", TENURES_MAX),
             kv_text("effect", "connections that began with the oldest drain"));
}

static void on_crew_changed(uv_async_t *handle)
{
    struct control *control = handle->data;
    enum worker_state state = WORKER_RUNNING;

    if (control->crew == NULL) {
        return;
    }
    control_acknowledged(control);
    bound_tenures(control);
    state = crew_state(control->crew);
    if (state == WORKER_DRAINED || state == WORKER_CUT_SHORT) {
        control->cut_short = control->cut_short || state == WORKER_CUT_SHORT;
        stop(control);
    }
    note_ready(control);
    manager_tell(&control->manager);
}

/* Workers end a drain by themselves; this is for one whose loop no longer turns. */
static void on_drain_overdue(uv_timer_t *timer)
{
    struct control *control = timer->data;

    if (!crew_is_alive(control->crew, CONTROL_HEARTBEAT_MAX_MS)) {
        log_error("proxy.hung", kv_text("effect", "the drain is cut without a data thread"));
        control->cut_short = true;
        stop(control);
    }
}

static void watch_drain(struct control *control)
{
    const struct worker_limits *limits = &control->rules.crew.worker.limits;
    uint64_t due_ms = limits->drain_delay_ms + limits->drain_timeout_ms;

    uv_timer_start(&control->patience, on_drain_overdue, due_ms, CONTROL_LOOK_MS);
}

static void on_terminate(struct control *control)
{
    if (control->state == CONTROL_RUNNING) {
        log_info("proxy.drain", kv_text("effect", "no new connections; live ones may end"));
        control->state = CONTROL_DRAINING;
        manager_tell(&control->manager);
        crew_drain(control->crew);
        watch_drain(control);
    } else if (control->state == CONTROL_DRAINING) {
        control->cut_short = true;
        stop(control);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct control *control = handle->data;

    if (control->state == CONTROL_STOPPING) {
        return; /* it takes no longer than it must */
    }
    switch (number) {
    case SIGHUP:
        control_reload(control);
        break;
    case SIGUSR1:
        enrolment_now(control->enrolment);
        break;
    default: /* SIGTERM, SIGINT */
        on_terminate(control);
        break;
    }
}

static void on_change(void *arg)
{
    struct control *control = arg;

    uv_async_send(&control->crew_changed);
}

static int start_crew(struct control *control, struct err *err)
{
    struct crew_options options = control->options->crew;

    control->generation = make_generation(control, NULL, control->deny, err);
    if (control->generation == NULL) {
        return -1;
    }
    control->num_generations = 1;
    if (scribe_start(&control->scribe, &control->loop, options.num_workers, err) != 0) {
        return -1;
    }
    options.worker.generation = control->generation;
    options.worker.on_change = on_change;
    options.worker.on_change_arg = control;
    options.scribe = &control->scribe;
    control->crew = crew_start(&options, err);
    return control->crew != NULL ? 0 : -1;
}

/* A list that cannot be read is no start: whom it names would be let in. */
static int start_deny(struct control *control, struct err *err)
{
    int rc = -1;
    struct deny *deny = NULL;

    control->deny_file = deny_file_start(&control->loop, on_deny, control, err);
    if (control->deny_file != NULL && control_read_deny(&control->rules, &deny, err) == 0) {
        rc = deny_file_watch(control->deny_file, control->rules.deny_file, deny, err);
    }
    control_set_deny(control, deny);
    deny_unref(deny);
    return rc;
}

static int start_enrolment(struct control *control, struct err *err)
{
    const struct enrolment_callbacks callbacks = {.on_identity = on_identity, .user = control};

    control->enrolment =
        enrolment_start(&control->loop, &control->rules.enrolment, &callbacks, err);
    return control->enrolment != NULL ? 0 : -1;
}

/* Handles that cannot fail but for memory or descriptors. */
static int start_handles(struct control *control, struct err *err)
{
    int status = uv_async_init(&control->loop, &control->crew_changed, on_crew_changed);

    control->crew_changed.data = control;
    (void)uv_timer_init(&control->loop, &control->patience); /* it only fills in the handle */
    control->patience.data = control;
    for (size_t i = 0; status == 0 && i < CONTROL_SIGNALS; i++) {
        status = uv_signal_init(&control->loop, &control->signals[i]);
        control->signals[i].data = control;
    }
    for (size_t i = 0; status == 0 && i < CONTROL_SIGNALS; i++) {
        status = uv_signal_start(&control->signals[i], on_signal, signal_numbers[i]);
    }
    return status == 0 ? 0 : err_set(err, ERR_IO, "control loop: %s", uv_strerror(status));
}

/* After uv_run(): true if something is left on the thread pool.  A signal that comes too late must
   not make another exit status of it. */
static bool close_loop(struct control *control)
{
    bool left = uv_loop_alive(&control->loop);

    if (control->leaving != NULL) {
        return true; /* a data thread that comes to itself now must find it: see on_change() */
    }
    for (size_t i = 0; i < CONTROL_SIGNALS; i++) {
        uv_close((uv_handle_t *)&control->signals[i], NULL);
        (void)signal(signal_numbers[i], SIG_IGN);
    }
    uv_close((uv_handle_t *)&control->patience, NULL);
    (void)uv_run(&control->loop, UV_RUN_NOWAIT);
    return uv_loop_close(&control->loop) != 0 || left;
}

/* Everything on a loop that has its first handles; 0 once told to stop. */
static int serve(struct control *control, struct err *err)
{
    int rc = -1;

    if (start_deny(control, err) == 0 && start_crew(control, err) == 0 &&
        control_start_admin(control, control->rules.admin_listen, &control->admin, err) == 0 &&
        start_enrolment(control, err) == 0 &&
        manager_start(&control->manager, &control->loop, look, control, err) == 0) {
        rc = 0;
    } else {
        stop(control);
    }
    uv_run(&control->loop, UV_RUN_DEFAULT);
    return rc;
}

/* Whatever is left behind, our keys are wiped: they are freed with their last reference.  What a
   straggler may still use stays. */
static void end(struct control *control, bool left_behind)
{
    generation_unref(control->generation);
    identity_unref(control->identity);
    deny_unref(control->deny);
    if (!left_behind) {
        scribe_deinit(&control->scribe);
        control->options->source.free(control->rules.owner);
        free(control);
    }
}

int control_run(const struct control_options *options, bool *out_left_behind, struct err *err)
{
    struct control *control = calloc(1, sizeof(*control));
    bool left_behind = false;
    int rc = -1;

    *out_left_behind = false;
    if (control == NULL) {
        return err_set(err, ERR_LIMIT, "control loop: out of memory");
    }
    control->options = options;
    control->manager.fd = -1;
    control->reload_ok = true;
    control->reload_time = (int64_t)time(NULL);
    if (options->source.load(options->source.user, &control->rules, err) != 0) {
        free(control);
        return -1;
    }
    if (uv_loop_init(&control->loop) != 0) {
        err_set(err, ERR_LIMIT, "control loop: out of memory");
    } else if (start_handles(control, err) == 0) {
        rc = serve(control, err);
        left_behind = close_loop(control);
    }
    if (left_behind) {
        log_warn("proxy.left_behind", kv_text("what", "a look-up of a name, or other work of the "
                                                      "thread pool, that has not ended"));
    }
    if (rc == 0) {
        rc = control->cut_short ? 1 : 0;
        log_info("proxy.stop", kv_text("result", control->cut_short ? "cut short" : "drained"));
    }
    end(control, left_behind);
    *out_left_behind = left_behind;
    return rc;
}
