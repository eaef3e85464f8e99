/*
 * Control: the loop of the control thread.
 *
 * Happy path: start the workers, admin and enrolment; the first identity makes the sidecar ready;
 * renewals and reloads make new generations; SIGTERM drains the workers; then everything is stopped
 * in turn and the loop runs dry.
 */
#include "proxy/control.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/admin.h"
#include "proxy/deny.h"
#include "proxy/deny_file.h"
#include "proxy/ingredients.h"
#include "proxy/manager.h"
#include "proxy/metrics.h"
#include "proxy/pulse.h"
#include "proxy/scribe.h"
#include "proxy/status.h"

#define HEARTBEAT_MAX_MS 5000

enum control_state { CONTROL_RUNNING, CONTROL_DRAINING, CONTROL_STOPPING };

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define NUM_SIGNALS (sizeof(signal_numbers) / sizeof(signal_numbers[0]))

struct control {
    const struct control_options *options;
    enum control_state state;
    bool cut_short;
    uv_loop_t loop;
    uv_signal_t signals[NUM_SIGNALS];
    uv_async_t crew_changed;
    struct manager manager;
    struct scribe scribe;
    bool told_ready; /* the manager was, which it stays */
    struct control_rules rules;
    struct crew *crew;
    struct enrolment *enrolment; /* NULL once stopped */
    struct admin *admin;         /* likewise, or if there is none */
    struct deny_file *deny_file; /* likewise */
    struct deny *deny;           /* the list in use; NULL: none */
    struct identity *identity;   /* NULL: none yet */
    struct generation *generation;
    uint64_t num_generations;
    atomic_size_t num_live; /* generations that somebody still has */
    uint64_t first_usable;  /* number of the first generation with an identity; 0: none yet */
    bool reload_begun;      /* neither taken by all workers nor refused yet */
    uint64_t reloading;     /* number of the generation that all workers are to take; 0: none */
    bool reload_again;      /* as soon as this one is over */
    bool reload_ok;
    int64_t reload_time;
};

/* The next one, for the places as they are. */
static struct generation *make_generation(struct control *control, struct identity *identity,
                                          struct deny *deny, struct err *err)
{
    const struct ingredients from = {.number = control->num_generations + 1,
                                     .identity = identity,
                                     .rules = &control->rules,
                                     .deny = deny,
                                     .num_live = &control->num_live,
                                     .crew = control->crew};

    return ingredients_mix(&from, err);
}

/* Puts a finished generation to use. */
static void adopt(struct control *control, struct generation *generation)
{
    generation_unref(control->generation);
    control->generation = generation;
    control->num_generations++;
}

/* The same, and the workers get it. */
static void publish(struct control *control, struct generation *generation)
{
    adopt(control, generation);
    crew_set_generation(control->crew, generation);
}

/* Once the workers have an identity, a renewal on its way to them does not make us unready. */
static bool is_ready(const struct control *control)
{
    return control->state == CONTROL_RUNNING &&
           generation_valid(control->generation, generation_now(control->generation)) &&
           crew_generation(control->crew) >= control->first_usable;
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
    control->told_ready = control->told_ready || is_ready(control);
    if (control->state == CONTROL_DRAINING) {
        out->phase = NOTIFY_STOPPING;
    } else if (!control->told_ready) {
        out->phase = NOTIFY_STARTING;
    } else {
        out->phase = control->reload_begun ? NOTIFY_RELOADING : NOTIFY_READY;
    }
    out->not_after = generation_not_after(control->generation);
    out->is_valid = generation_valid(control->generation, now);
    out->workers_alive =
        crew_is_alive(control->crew, manager_patience_ms(&control->manager, HEARTBEAT_MAX_MS));
}

static int on_identity(void *user, struct identity *identity, struct err *err)
{
    struct control *control = user;
    struct generation *generation = make_generation(control, identity, control->deny, err);

    if (generation == NULL) {
        return -1;
    }
    identity_unref(control->identity);
    control->identity = identity_ref(identity);
    publish(control, generation);
    if (control->first_usable == 0) {
        control->first_usable = control->num_generations;
    }
    return 0;
}

static void set_deny(struct control *control, struct deny *deny)
{
    struct deny *old = control->deny;

    control->deny = deny != NULL ? deny_ref(deny) : NULL;
    deny_unref(old);
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
    set_deny(control, deny);
    publish(control, generation);
    return 0;
}

/* The list that belongs to `rules`: NULL without a file. */
static int read_deny(const struct control_rules *rules, struct deny **out_deny, struct err *err)
{
    *out_deny = rules->deny_file != NULL ? deny_file_read(rules->deny_file, err) : NULL;
    return rules->deny_file != NULL && *out_deny == NULL ? err_wrap(err, "[identity] deny_file")
                                                         : 0;
}

static void on_get(void *user, const char *path, struct admin_reply *reply);

/* NULL for no endpoint; -1 if there is to be one and cannot. */
static int start_admin(struct control *control, const char *listen, struct admin **out,
                       struct err *err)
{
    const struct admin_options options = {.listen = listen, .on_get = on_get, .user = control};

    *out = listen != NULL ? admin_start(&control->loop, &options, err) : NULL;
    return listen == NULL || *out != NULL ? 0 : -1;
}

/* The one that `rules` want: the same as ever if its address has not changed. */
static int next_admin(struct control *control, const struct control_rules *rules,
                      struct admin **out, struct err *err)
{
    const char *before = control->rules.admin_listen;
    const char *after = rules->admin_listen;

    if (before != NULL && after != NULL && strcmp(before, after) == 0) {
        *out = control->admin;
        return 0;
    }
    return start_admin(control, after, out, err);
}

static void on_old_admin_stopped(void *user)
{
}

/* Of two the one that is not to be; either may be NULL. */
static void stop_other_admin(struct admin *other, const struct admin *kept)
{
    if (other != NULL && other != kept) {
        admin_stop(other, on_old_admin_stopped, NULL);
    }
}

/* Everything that the settings have changed, all or nothing: what can fail comes first. */
static int reload(struct control *control, struct err *err)
{
    const struct control_source *source = &control->options->source;
    struct control_rules rules;
    struct ingredients from = {.number = control->num_generations + 1,
                               .identity = control->identity,
                               .rules = &rules,
                               .num_live = &control->num_live};
    struct crew_change *change = NULL;
    struct generation *generation = NULL;
    struct deny *deny = NULL;
    struct admin *admin = control->admin;
    int rc = -1;

    if (source->load(source->user, &rules, err) != 0) {
        return -1;
    }
    if (read_deny(&rules, &deny, err) != 0) {
        goto out;
    }
    change = crew_prepare(control->crew, &rules.crew, err);
    if (change == NULL) {
        goto out;
    }
    from.deny = deny;
    from.change = change;
    generation = ingredients_mix(&from, err);
    if (generation == NULL || next_admin(control, &rules, &admin, err) != 0 ||
        deny_file_watch(control->deny_file, rules.deny_file, deny, err) != 0) {
        generation_unref(generation);
        crew_cancel(change);
        stop_other_admin(admin, control->admin);
        goto out;
    }
    set_deny(control, deny);
    crew_commit(control->crew, change, generation);
    stop_other_admin(control->admin, admin);
    control->admin = admin;
    source->free(control->rules.owner);
    control->rules = rules;
    adopt(control, generation);
    log_setup(rules.log_level, rules.log_format);
    source->announce(rules.owner);
    rc = 0;
out:
    if (rc != 0) {
        source->free(rules.owner);
    }
    deny_unref(deny);
    return rc;
}

static void on_reload(struct control *control)
{
    struct err err;

    if (control->state != CONTROL_RUNNING) {
        return;
    }
    if (control->reloading != 0) { /* one after the other; several wait as one */
        control->reload_again = true;
        return;
    }
    control->reload_begun = true;
    manager_tell(&control->manager);
    control->reload_ok = reload(control, &err) == 0;
    if (!control->reload_ok) {
        log_warn("config.refused", kv_text("error", err.msg),
                 kv_text("effect", "the settings in use stay"));
        control->reload_begun = false;
        manager_tell(&control->manager);
        return;
    }
    control->reloading = control->num_generations;
    if (control->options->enrolment.files.certificate != NULL) {
        enrolment_now(control->enrolment);
    }
}

/* A reload is over when the last worker has taken it. */
static void on_acknowledged(struct control *control)
{
    if (control->reloading != 0 && crew_generation(control->crew) >= control->reloading) {
        log_info("config.reloaded", kv_num("generation", (int64_t)control->reloading));
        control->reloading = 0;
        control->reload_begun = false;
        control->reload_time = (int64_t)time(NULL);
        crew_clean_up(control->crew);
        if (control->reload_again) {
            control->reload_again = false;
            on_reload(control);
        }
    }
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

/* Ends everything; the loop then runs dry. */
static void stop(struct control *control)
{
    if (control->state == CONTROL_STOPPING) {
        return;
    }
    control->state = CONTROL_STOPPING;
    manager_tell(&control->manager);
    manager_stop(&control->manager);
    crew_stop(control->crew);
    control->crew = NULL;
    scribe_stop(&control->scribe);
    if (control->enrolment != NULL) {
        enrolment_stop(control->enrolment, on_enrolment_stopped, control);
    }
    if (control->admin != NULL) {
        admin_stop(control->admin, on_admin_stopped, control);
    }
    deny_file_stop(control->deny_file);
    control->deny_file = NULL;
    for (size_t i = 0; i < NUM_SIGNALS; i++) {
        uv_close((uv_handle_t *)&control->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&control->crew_changed, NULL);
}

static void on_crew_changed(uv_async_t *handle)
{
    struct control *control = handle->data;
    enum worker_state state = WORKER_RUNNING;

    if (control->crew == NULL) {
        return;
    }
    on_acknowledged(control);
    state = crew_state(control->crew);
    if (state == WORKER_DRAINED || state == WORKER_CUT_SHORT) {
        control->cut_short = control->cut_short || state == WORKER_CUT_SHORT;
        stop(control);
    }
    manager_tell(&control->manager);
}

static void on_terminate(struct control *control)
{
    if (control->state == CONTROL_RUNNING) {
        log_info("proxy.drain", kv_text("effect", "no new connections; live ones may end"));
        control->state = CONTROL_DRAINING;
        manager_tell(&control->manager);
        crew_drain(control->crew);
    } else if (control->state == CONTROL_DRAINING) {
        control->cut_short = true;
        stop(control);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct control *control = handle->data;

    switch (number) {
    case SIGHUP:
        on_reload(control);
        break;
    case SIGUSR1:
        enrolment_now(control->enrolment);
        break;
    default: /* SIGTERM, SIGINT */
        on_terminate(control);
        break;
    }
}

static void reply_text(struct admin_reply *reply, bool good, const char *why)
{
    reply->status = good ? 200 : 503;
    if (!buf_printf(&reply->body, "%s\n", good ? "ok" : why)) {
        reply->status = 500;
    }
}

static void reply_metrics(struct control *control, struct admin_reply *reply)
{
    struct counters counters;
    struct metrics_worker workers[CREW_WORKERS_MAX];
    struct metrics_facts facts = {
        .counters = &counters,
        .workers = workers,
        .num_workers = crew_workers(control->crew),
        .enrolment = enrolment_status(control->enrolment),
        .identity_not_after = generation_not_after(control->generation),
        .ready = is_ready(control),
        .generation = generation_number(control->generation),
        .generations_live = atomic_load(&control->num_live),
        .reload_ok = control->reload_ok,
        .reload_time = control->reload_time,
        .insecure_settings = control->rules.insecure_settings,
        .unrestricted_egresses = control->rules.unrestricted_egresses,
        .deny = deny_file_status(control->deny_file),
        .sandbox = control->options->sandbox,
    };

    crew_count(control->crew, &counters);
    for (size_t i = 0; i < facts.num_workers; i++) {
        const struct pulse *pulse = crew_pulse(control->crew, i);

        workers[i].heartbeat_age_ms = pulse_age_ms(pulse);
        workers[i].lag_ms = pulse_lag_ms(pulse);
        workers[i].idle_permille = pulse_idle_permille(pulse);
    }
    facts.log_lost = log_lost();
    metrics_read_process(&facts.process);
    reply->content_type = "text/plain; version=0.0.4";
    reply->status = metrics_render(&facts, &reply->body) ? 200 : 500;
}

static void reply_identity(struct control *control, struct admin_reply *reply)
{
    const struct worker_options *worker = &control->rules.crew.worker;
    struct status_listener listeners[GENERATION_ROUTES_MAX];
    struct status_facts facts = {
        .identity = control->identity,
        .ready = is_ready(control),
        .draining = control->state != CONTROL_RUNNING,
        .generation = generation_number(control->generation),
        .listeners = listeners,
        .num_listeners = worker->num_routes,
    };
    struct err err;

    for (size_t i = 0; i < worker->num_routes; i++) {
        listeners[i] =
            (struct status_listener){worker->routes[i].conn.name, worker->routes[i].conn.egress,
                                     crew_address(control->crew, i)};
    }
    reply->content_type = "application/json";
    reply->status = 200;
    if (status_render(&facts, &reply->body, &err) != 0) {
        reply->status = 500;
        log_error("status.failed", kv_text("error", err.msg));
    }
}

static void on_get(void *user, const char *path, struct admin_reply *reply)
{
    struct control *control = user;

    if (control->state == CONTROL_STOPPING) {
        reply_text(reply, false, "stopping");
    } else if (strcmp(path, "/livez") == 0) {
        reply_text(reply, crew_is_alive(control->crew, HEARTBEAT_MAX_MS), "a data loop hangs");
    } else if (strcmp(path, "/readyz") == 0 || strcmp(path, "/healthz") == 0) {
        reply_text(reply, is_ready(control),
                   control->state == CONTROL_DRAINING ? "draining" : "no valid identity");
    } else if (strcmp(path, "/metrics") == 0) {
        reply_metrics(control, reply);
    } else if (strcmp(path, "/identity") == 0) {
        reply_identity(control, reply);
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
    if (control->deny_file != NULL && read_deny(&control->rules, &deny, err) == 0) {
        rc = deny_file_watch(control->deny_file, control->rules.deny_file, deny, err);
    }
    set_deny(control, deny);
    deny_unref(deny);
    return rc;
}

static int start_enrolment(struct control *control, struct err *err)
{
    const struct enrolment_callbacks callbacks = {.on_identity = on_identity, .user = control};

    control->enrolment =
        enrolment_start(&control->loop, &control->options->enrolment, &callbacks, err);
    return control->enrolment != NULL ? 0 : -1;
}

/* Handles that cannot fail but for memory or descriptors. */
static int start_handles(struct control *control, struct err *err)
{
    int status = uv_async_init(&control->loop, &control->crew_changed, on_crew_changed);

    control->crew_changed.data = control;
    for (size_t i = 0; status == 0 && i < NUM_SIGNALS; i++) {
        status = uv_signal_init(&control->loop, &control->signals[i]);
        control->signals[i].data = control;
    }
    for (size_t i = 0; status == 0 && i < NUM_SIGNALS; i++) {
        status = uv_signal_start(&control->signals[i], on_signal, signal_numbers[i]);
    }
    return status == 0 ? 0 : err_set(err, ERR_IO, "control loop: %s", uv_strerror(status));
}

static void deinit(struct control *control)
{
    generation_unref(control->generation);
    identity_unref(control->identity);
    deny_unref(control->deny);
    scribe_deinit(&control->scribe);
    control->options->source.free(control->rules.owner);
}

int control_run(const struct control_options *options, struct err *err)
{
    struct control control = {
        .options = options,
        .manager = {.fd = -1},
        .reload_ok = true,
        .reload_time = (int64_t)time(NULL),
    };
    int rc = -1;

    if (options->source.load(options->source.user, &control.rules, err) != 0) {
        return -1;
    }
    if (uv_loop_init(&control.loop) != 0) {
        err_set(err, ERR_LIMIT, "control loop: out of memory");
        deinit(&control);
        return -1;
    }
    if (start_handles(&control, err) == 0) {
        if (start_deny(&control, err) == 0 && start_crew(&control, err) == 0 &&
            start_admin(&control, control.rules.admin_listen, &control.admin, err) == 0 &&
            start_enrolment(&control, err) == 0 &&
            manager_start(&control.manager, &control.loop, look, &control, err) == 0) {
            rc = 0;
        } else {
            stop(&control);
        }
        uv_run(&control.loop, UV_RUN_DEFAULT);
        uv_loop_close(&control.loop);
    }
    if (rc == 0) {
        rc = control.cut_short ? 1 : 0;
        log_info("proxy.stop", kv_text("result", control.cut_short ? "cut short" : "drained"));
    }
    deinit(&control);
    return rc;
}
