/*
 * Reason: the names of the reasons.
 */
#include "proxy/reason.h"

#include <assert.h>
#include <stddef.h>

static const char *const reason_names[REASONS] = {
    [REASON_NONE] = "none",
    [REASON_CLEAN] = "clean",
    [REASON_PEER_TRUNCATED] = "peer_truncated",
    [REASON_PEER_RESET] = "peer_reset",
    [REASON_ALERT_RECEIVED] = "alert_received",
    [REASON_PEER_REJECTED_US] = "peer_rejected_us",
    [REASON_ALERT_SENT] = "alert_sent",
    [REASON_AUTHZ_DENIED] = "authz_denied",
    [REASON_APP_RESET] = "app_reset",
    [REASON_CONNECT_REFUSED] = "connect_refused",
    [REASON_CONNECT_TIMEOUT] = "connect_timeout",
    [REASON_RESOLVE_FAILED] = "resolve_failed",
    [REASON_HANDSHAKE_TIMEOUT] = "handshake_timeout",
    [REASON_READY_TIMEOUT] = "ready_timeout",
    [REASON_IDENTITY_INVALID] = "identity_invalid",
    [REASON_IDLE_TIMEOUT] = "idle_timeout",
    [REASON_HALF_CLOSE_TIMEOUT] = "half_close_timeout",
    [REASON_WRITE_STALL_TIMEOUT] = "write_stall_timeout",
    [REASON_LIFETIME] = "lifetime",
    [REASON_PEER_EXPIRED] = "peer_expired",
    [REASON_REVOKED] = "revoked",
    [REASON_DRAIN] = "drain",
    [REASON_URGENT_DATA] = "urgent_data",
    [REASON_KEYUPDATE] = "keyupdate",
    [REASON_PROXY_HEADER] = "proxy_header",
    [REASON_CALLER_DENIED] = "caller_denied",
    [REASON_LOOP_REFUSED] = "loop_refused",
    [REASON_LIMIT] = "limit",
};

const char *reason_name(enum reason reason)
{
    assert((unsigned)reason < REASONS);
    return reason_names[reason];
}
