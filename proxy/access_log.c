/*
 * Access log: what stands in a line.  Whoever was never authorized is a stranger, who may be many:
 * such lines have a rate.
 */
#include "proxy/access_log.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "common/log.h"
#include "common/svid.h"
#include "proxy/conn_state.h"

#define ACCESS_LOG_STRANGERS_MAX 20 /* lines a second */
#define ACCESS_LOG_ALPN_CAP 256
#define ACCESS_LOG_UID_CAP 11
#define ACCESS_LOG_HEX_CAP 129 /* of a measurement: 64 bytes and the NUL */

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

/* What was agreed on in the handshake; "-" for what was not. */
struct access_log_session {
    const char *sni; /* asked for by the client */
    const char *version;
    const char *group;
    char alpn[ACCESS_LOG_ALPN_CAP];
};

static struct access_log_session access_log_session(const struct conn *c)
{
    struct access_log_session session = {.sni = "-", .version = "-", .group = "-", .alpn = "-"};
    SSL *ssl = c->tls != NULL ? tls_ssl(c->tls) : NULL;
    const unsigned char *alpn = NULL;
    const char *name = NULL;
    unsigned len = 0;

    if (ssl == NULL) {
        return session;
    }
    name = c->route->egress ? c->route->sni : SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    session.sni = name != NULL ? name : "-";
    if (c->svid == NULL) { /* the handshake was never over */
        return session;
    }
    session.version = SSL_get_version(ssl);
    name = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
    session.group = name != NULL ? name : "-";
    SSL_get0_alpn_selected(ssl, &alpn, &len);
    if (len > 0 && len < sizeof(session.alpn)) {
        memcpy(session.alpn, alpn, len);
        session.alpn[len] = '\0';
    }
    return session;
}

static void access_log_uid(const struct conn *c, char out[static ACCESS_LOG_UID_CAP])
{
    if (c->caller_uid != CONN_NO_UID) {
        (void)snprintf(out, ACCESS_LOG_UID_CAP, "%u", (unsigned)c->caller_uid);
    }
}

void access_log(const struct conn *c, uint64_t now)
{
    static char nobody[] = "-";
    static const struct svid stranger = {.spiffe = nobody, .claims = {.tee = "-"}};
    const struct svid *peer = c->svid != NULL ? c->svid : &stranger;
    struct access_log_session session = {.sni = NULL};
    char source[SOCKETS_TEXT_CAP] = "";
    char target[SOCKETS_TARGET_CAP] = "";
    char fingerprint[ACCESS_LOG_HEX_CAP] = "-";
    char measurement[ACCESS_LOG_HEX_CAP] = "-";
    char uid[ACCESS_LOG_UID_CAP] = "-";

    if (!access_log_admits(c, now)) {
        return;
    }
    session = access_log_session(c);
    sockets_format(&c->source, source);
    access_log_target(c, target);
    access_log_uid(c, uid);
    if (c->svid != NULL) {
        access_log_hex(peer->sha256, sizeof(peer->sha256), fingerprint);
    }
    if (peer->has_claims) {
        access_log_hex(peer->claims.measurement, peer->claims.measurement_len, measurement);
    }
    log_info("conn.closed", kv_num("conn", (int64_t)c->id), kv_text("listener", c->route->name),
             kv_text("dir", c->kind->name), kv_text("mode", "tcp"), kv_text("src", source),
             kv_text("dst", target), kv_text("sni", session.sni), kv_text("alpn", session.alpn),
             kv_text("tls", session.version), kv_text("group", session.group),
             kv_text("spiffe", peer->spiffe), kv_text("cert_fp", fingerprint),
             kv_text("tee", peer->claims.tee[0] != '\0' ? peer->claims.tee : "-"),
             kv_text("measurement", measurement), kv_text("rule", c->svid != NULL ? c->rule : "-"),
             kv_text("caller_uid", uid), kv_num("bytes_in", (int64_t)c->bytes_in),
             kv_num("bytes_out", (int64_t)c->bytes_out),
             kv_num("handshake_ms", (int64_t)c->handshake_ms),
             kv_num("connect_ms", (int64_t)c->connect_ms),
             kv_num("duration_ms", (int64_t)(now - c->accepted_ms)),
             kv_text("reason", reason_name(c->reason)),
             kv_num("alert", c->tls != NULL ? tls_alert(c->tls) : -1), kv_text("detail", c->detail),
             kv_num("left_out", (int64_t)c->shared->failures_left_out));
    c->shared->failures_left_out = 0;
}
