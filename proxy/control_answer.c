/*
 * Control_answer: health, metrics and identity, as the control thread knows them.
 */
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/control_state.h"
#include "proxy/deny_file.h"
#include "proxy/metrics.h"
#include "proxy/pulse.h"
#include "proxy/status.h"

/* NULL: nothing. */
static const char *what_is_missing(const struct control *control)
{
    struct counters counters;

    if (control->state != CONTROL_RUNNING) {
        return "draining";
    }
    if (!generation_valid(control->generation, generation_now(control->generation)) ||
        crew_generation(control->crew) < control->first_usable) {
        return enrolment_status(control->enrolment)->reboot_needed
                   ? "no valid identity, and no new one before a reboot of this machine"
                   : "no valid identity";
    }
    crew_count(control->crew, &counters);
    return counter_get(&counters, COUNTER_LISTENERS_FAILED) > 0
               ? "another program listens at an address of ours"
               : NULL;
}

bool control_is_ready(const struct control *control)
{
    return what_is_missing(control) == NULL;
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
        .ready = control_is_ready(control),
        .generation = generation_number(control->generation),
        .generations_live = atomic_load(&control->num_live),
        .identities_live = tenures_count(&control->tenures),
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
        .ready = control_is_ready(control),
        .draining = control->state != CONTROL_RUNNING,
        .reboot_needed = enrolment_status(control->enrolment)->reboot_needed,
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

void control_answer(void *user, const char *path, struct admin_reply *reply)
{
    struct control *control = user;

    if (control->state == CONTROL_STOPPING) {
        reply_text(reply, false, "stopping");
    } else if (strcmp(path, "/livez") == 0) {
        reply_text(reply, crew_is_alive(control->crew, CONTROL_HEARTBEAT_MAX_MS),
                   "a data loop hangs");
    } else if (strcmp(path, "/readyz") == 0 || strcmp(path, "/healthz") == 0) {
        reply_text(reply, control_is_ready(control), what_is_missing(control));
    } else if (strcmp(path, "/metrics") == 0) {
        reply_metrics(control, reply);
    } else if (strcmp(path, "/identity") == 0) {
        reply_identity(control, reply);
    }
}
