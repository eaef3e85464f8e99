/*
 * Server: loop, listeners, signals and the hourly pruning of the store.
 */
#include "ca/server.h"

#include <signal.h>
#include <time.h>

#include <uv.h>

#include "ca/listener.h"
#include "ca/monitor.h"
#include "ca/service.h"
#include "ca/upkeep.h"
#include "common/err.h"
#include "common/log.h"

#define CONNECTIONS_MAX 256
#define METRICS_CONNECTIONS_MAX 16
#define REQUEST_MS 10000
#define PRUNE_MS 3600000

struct server {
    const struct server_options *options;
    uv_loop_t loop;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    uv_signal_t hangup;
    uv_timer_t prune;
    uv_work_t prune_work;
    bool pruning;
    struct counters counters;
    struct kds *kds; /* NULL: off */
    struct upkeep *upkeep;
    struct service *service;
    struct monitor monitor;
    struct listener *listener;
    struct listener *metrics;
};

static void server_prune(uv_work_t *work)
{
    struct server *server = work->data;
    struct err err;

    if (store_prune(server->options->authority->store, (int64_t)time(NULL), &err) != 0) {
        log_warn("store.prune_failed", kv_text("reason", err.msg));
    }
}

static void server_pruned(uv_work_t *work, int status)
{
    struct server *server = work->data;

    server->pruning = false;
}

static void server_on_prune(uv_timer_t *timer)
{
    struct server *server = timer->data;

    server->prune_work.data = server;
    if (!server->pruning) {
        server->pruning =
            uv_queue_work(timer->loop, &server->prune_work, server_prune, server_pruned) == 0;
    }
}

/* Closes everything; the loop then ends by itself, after the requests that are being handled. */
static void server_stop(struct server *server)
{
    if (server->listener != NULL) {
        listener_stop(server->listener);
        server->listener = NULL;
    }
    if (server->metrics != NULL) {
        listener_stop(server->metrics);
        server->metrics = NULL;
    }
    upkeep_stop(server->upkeep);
    kds_stop(server->kds);
    uv_close((uv_handle_t *)&server->prune, NULL);
    uv_close((uv_handle_t *)&server->terminate, NULL);
    uv_close((uv_handle_t *)&server->interrupt, NULL);
    uv_close((uv_handle_t *)&server->hangup, NULL);
}

static void server_on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    log_info("server.stopping", kv_num("signal", number));
    server_stop(server);
}

/* Whoever knows the sidecar expects a reload; the system's own answer would be to end at once, with
   the requests under way. */
static void server_on_hangup(uv_signal_t *handle, int number)
{
    log_warn("server.not_reloaded",
             kv_text("effect", "settings, policy and collateral stay as they were at the start"),
             kv_text("instead", "restart"));
}

static int server_listen(struct server *server, struct err *err)
{
    const struct server_options *options = server->options;
    const struct listener_options enrol = {
        .loop = &server->loop,
        .name = "server",
        .address = options->listen,
        .connections_max = CONNECTIONS_MAX,
        .conn = {options->ctx, REQUEST_MS, service_on_request, server->service},
    };
    const struct listener_options metrics = {
        .loop = &server->loop,
        .name = "metrics",
        .address = options->metrics_listen,
        .connections_max = METRICS_CONNECTIONS_MAX,
        .conn = {NULL, REQUEST_MS, monitor_on_request, &server->monitor},
    };

    if (options->metrics_listen != NULL) {
        server->metrics = listener_start(&metrics, err);
        if (server->metrics == NULL) {
            return -1;
        }
    }
    server->listener = listener_start(&enrol, err);
    return server->listener != NULL ? 0 : -1;
}

static void server_fill_monitor(struct server *server)
{
    const struct policy_ca *ca = policy_ca(server->options->authority->policy);
    const struct keys *keys = server->options->keys;

    server->monitor = (struct monitor){
        .counters = &server->counters,
        .listener = &server->listener,
        .policy_id = ca->id,
        .policy_epoch = ca->epoch,
        .kds = server->kds,
        .upkeep = server->upkeep,
        .insecure_settings = server->options->insecure_settings,
        .limits_off = server->options->limits_off,
        .sim_enabled = ca->insecure_root != NULL,
        .root_not_after = keys_not_after(keys->root),
        .issuing_not_after = keys_not_after(keys->issuing),
        .server_not_after = keys_not_after(keys->server),
    };
}

/* Handles cannot fail to start here, but for memory; what is left then is closed by the caller. */
static int server_begin(struct server *server, struct err *err)
{
    struct service_options service = {
        .loop = &server->loop,
        .authority = server->options->authority,
        .root_der = server->options->keys->root_der,
        .issuing_der = server->options->keys->issuing_der,
        .counters = &server->counters,
    };

    uv_timer_init(&server->loop, &server->prune);
    uv_signal_init(&server->loop, &server->terminate);
    uv_signal_init(&server->loop, &server->interrupt);
    uv_signal_init(&server->loop, &server->hangup);
    server->prune.data = server;
    server->terminate.data = server;
    server->interrupt.data = server;
    if (server->options->kds != NULL) {
        server->kds = kds_start(&server->loop, server->options->kds, err);
        if (server->kds == NULL) {
            return -1;
        }
    }
    server->upkeep = upkeep_start(
        &(struct upkeep_options){&server->loop, server->options->authority, server->kds}, err);
    if (server->upkeep == NULL) {
        return -1;
    }
    service.kds = server->kds;
    server->service = service_new(&service, err);
    if (server->service == NULL) {
        return -1;
    }
    server_fill_monitor(server);
    if (uv_signal_start(&server->terminate, server_on_signal, SIGTERM) != 0 ||
        uv_signal_start(&server->interrupt, server_on_signal, SIGINT) != 0 ||
        uv_signal_start(&server->hangup, server_on_hangup, SIGHUP) != 0 ||
        uv_timer_start(&server->prune, server_on_prune, PRUNE_MS, PRUNE_MS) != 0) {
        return err_set(err, ERR_LIMIT, "event loop");
    }
    return server_listen(server, err);
}

int server_run(const struct server_options *options, struct err *err)
{
    struct server server = {.options = options};
    int rc = 0;

    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&server.loop) != 0) {
        return err_set(err, ERR_LIMIT, "event loop");
    }
    rc = server_begin(&server, err);
    if (rc != 0) {
        server_stop(&server);
    }
    uv_run(&server.loop, UV_RUN_DEFAULT);
    service_free(server.service);
    upkeep_free(server.upkeep);
    kds_free(server.kds);
    uv_loop_close(&server.loop);
    return rc;
}
