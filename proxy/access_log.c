/*
 * Access log: what stands in a line.  Whoever was never authorized is a stranger, who may be many:
 * such lines have a rate.
 */
#include "proxy/access_log.h"

#include <string.h>

#include "common/log.h"
#include "common/svid.h"
#include "proxy/conn_state.h"

#define ACCESS_LOG_STRANGERS_MAX 20 /* lines a second */
#define ACCESS_LOG_HEX_CAP 129      /* of a measurement: 64 bytes and the NUL */

/* False if the line is left out, which is counted. */
static bool access_log_admits(const struct conn *c, uint64_t now)
{
    struct conn_shared *shared = c->shared;

    if (now - shared->refilled_ms >= 1000) {
        shared->refilled_ms = now;
        shared->failures_logged = 0;
    }
    if (c->svid == NULL && shared->failures_logged++ >= ACCESS_LOG_STRANGERS_MAX) {
        shared->failures_left_out++;
        return false;
    }
    return true;
}

static void access_log_hex(const uint8_t *data, size_t len, char out[static ACCESS_LOG_HEX_CAP])
{
    static const char digits[] = "0123456789abcdef";
    size_t num = len < (ACCESS_LOG_HEX_CAP - 1) / 2 ? len : (ACCESS_LOG_HEX_CAP - 1) / 2;

    for (size_t i = 0; i < num; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * num] = '\0';
}

/* Where it was connected to; before that, where it would have been. */
static void access_log_target(const struct conn *c, char out[static SOCKETS_TARGET_CAP])
{
    if (c->target.len > 0) {
        sockets_format(&c->target, out);
    } else {
        sockets_join(c->route->host, c->route->port, out);
    }
}

void access_log(const struct conn *c, uint64_t now)
{
    static char nobody[] = "-";
    static const struct svid stranger = {.spiffe = nobody, .claims = {.tee = "-"}};
    const struct svid *peer = c->svid != NULL ? c->svid : &stranger;
    char source[SOCKETS_TEXT_CAP] = "";
    char target[SOCKETS_TARGET_CAP] = "";
    char fingerprint[ACCESS_LOG_HEX_CAP] = "-";
    char measurement[ACCESS_LOG_HEX_CAP] = "-";

    if (!access_log_admits(c, now)) {
        return;
    }
    sockets_format(&c->source, source);
    access_log_target(c, target);
    if (c->svid != NULL) {
        access_log_hex(peer->sha256, sizeof(peer->sha256), fingerprint);
    }
    if (peer->has_claims) {
        access_log_hex(peer->claims.measurement, peer->claims.measurement_len, measurement);
    }
    log_info("conn.closed", kv_num("conn", (int64_t)c->id), kv_text("listener", c->route->name),
             kv_text("dir", c->kind->name), kv_text("mode", "tcp"), kv_text("src", source),
             kv_text("dst", target), kv_text("spiffe", peer->spiffe),
             kv_text("cert_fp", fingerprint),
             kv_text("tee", peer->claims.tee[0] != '\0' ? peer->claims.tee : "-"),
             kv_text("measurement", measurement), kv_text("rule", c->svid != NULL ? c->rule : "-"),
             kv_num("bytes_in", (int64_t)c->bytes_in), kv_num("bytes_out", (int64_t)c->bytes_out),
             kv_num("handshake_ms", (int64_t)c->handshake_ms),
             kv_num("connect_ms", (int64_t)c->connect_ms),
             kv_num("duration_ms", (int64_t)(now - c->accepted_ms)),
             kv_text("reason", reason_name(c->reason)),
             kv_num("alert", c->tls != NULL ? tls_alert(c->tls) : -1), kv_text("detail", c->detail),
             kv_num("left_out", (int64_t)c->shared->failures_left_out));
    c->shared->failures_left_out = 0;
}
