/*
 * Monitor: three paths.
 */
#include "ca/monitor.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "ca/kds.h"
#include "ca/listener.h"
#include "ca/upkeep.h"
#include "common/http1.h"

#define METRICS_TYPE "text/plain; version=0.0.4"

static void answer_text(struct conn *conn, unsigned status, const char *text)
{
    conn_answer(conn, &(struct conn_answer){
                          status, "text/plain", {(const uint8_t *)text, strlen(text)}, NULL});
}

/* Ready: sidecars can get a certificate and believe the one that we serve with. */
static void answer_ready(const struct monitor *monitor, struct conn *conn)
{
    int64_t now = (int64_t)time(NULL);

    if (*monitor->listener == NULL) {
        answer_text(conn, 503, "not listening\n");
    } else if (now >= monitor->issuing_not_after) {
        answer_text(conn, 503, "the issuing certificate has expired\n");
    } else if (now >= monitor->server_not_after) {
        answer_text(conn, 503, "the server certificate has expired\n");
    } else {
        answer_text(conn, 200, "ok\n");
    }
}

static bool put_kds(const struct kds_counters *kds, struct buf *out)
{
    bool ok = buf_printf(out,
                         "liftgate_ca_kds_waiting %zu\n"
                         "liftgate_ca_kds_refused_total %" PRIu64 "\n"
                         "liftgate_ca_kds_doubted_total %" PRIu64 "\n",
                         kds->waiting, kds->refused, kds->doubted);

    for (unsigned i = 0; ok && i < KDS_OUTCOMES; i++) {
        ok = buf_printf(out, "liftgate_ca_kds_requests_total{result=\"%s\"} %" PRIu64 "\n",
                        kds_outcome_name((enum kds_outcome)i), kds->requests[i]);
    }
    return ok;
}

static bool put_collateral(const struct upkeep *upkeep, struct buf *out)
{
    struct upkeep_gauge gauges[UPKEEP_ITEMS_MAX];
    size_t num = upkeep_gauges(upkeep, gauges);
    int64_t now = (int64_t)time(NULL);
    bool ok = true;

    for (size_t i = 0; ok && i < num; i++) {
        const struct vendor_key *key = &gauges[i].key;
        const char *product = product_name(key->product);
        const char *kind = vendor_kind_name(key->kind);
        const char *keys = key->vlek ? "vlek" : "vcek";

        ok = buf_printf(out,
                        "liftgate_ca_collateral_age_seconds{product=\"%s\",kind=\"%s\","
                        "keys=\"%s\"} %" PRId64 "\n"
                        "liftgate_ca_collateral_left_seconds{product=\"%s\",kind=\"%s\","
                        "keys=\"%s\"} %" PRId64 "\n",
                        product, kind, keys, now - gauges[i].from, product, kind, keys,
                        gauges[i].until - now);
    }
    return ok;
}

static void answer_metrics(const struct monitor *monitor, struct conn *conn)
{
    char text[CONN_ANSWER_MAX - 1024];
    struct buf out = buf_over(text, sizeof(text));
    size_t connections = *monitor->listener != NULL ? listener_connections(*monitor->listener) : 0;

    if (!buf_printf(&out,
                    "liftgate_build_info{version=\"%s\"} 1\n"
                    "liftgate_ca_sim_enabled %d\n"
                    "liftgate_ca_insecure_settings %u\n"
                    "liftgate_ca_limits_off %u\n"
                    "liftgate_ca_policy_epoch %" PRIu64 "\n"
                    "liftgate_ca_policy_info{id=\"%s\"} 1\n"
                    "liftgate_ca_not_after_seconds{issuer=\"root\"} %" PRId64 "\n"
                    "liftgate_ca_not_after_seconds{issuer=\"issuing\"} %" PRId64 "\n"
                    "liftgate_ca_not_after_seconds{issuer=\"server\"} %" PRId64 "\n"
                    "liftgate_ca_connections_open %zu\n",
                    LIFTGATE_VERSION, monitor->sim_enabled ? 1 : 0, monitor->insecure_settings,
                    monitor->limits_off, monitor->policy_epoch, monitor->policy_id,
                    monitor->root_not_after, monitor->issuing_not_after, monitor->server_not_after,
                    connections) ||
        !counters_render(monitor->counters, &out) || !put_collateral(monitor->upkeep, &out) ||
        (monitor->kds != NULL && !put_kds(kds_counters(monitor->kds), &out))) {
        answer_text(conn, 500, "too long\n");
        return;
    }
    conn_answer(conn, &(struct conn_answer){200, METRICS_TYPE, {out.data, out.len}, NULL});
}

void monitor_on_request(void *user, struct conn *conn, unsigned refused_status)
{
    const struct monitor *monitor = user;
    const struct http1 *request = conn_request(conn);
    struct bytes target = {0};

    if (refused_status != 0) {
        answer_text(conn, refused_status, "bad request\n");
        return;
    }
    target = http1_target(request);
    if (strcmp(http1_method(request), "GET") != 0) {
        answer_text(conn, 405, "GET only\n");
    } else if (target.len == 6 && memcmp(target.data, "/livez", 6) == 0) {
        answer_text(conn, 200, "ok\n");
    } else if (target.len == 7 && memcmp(target.data, "/readyz", 7) == 0) {
        answer_ready(monitor, conn);
    } else if (target.len == 8 && memcmp(target.data, "/metrics", 8) == 0) {
        answer_metrics(monitor, conn);
    } else {
        answer_text(conn, 404, "not found\n");
    }
}
