/*
 * Reason: why a connection ended, as it stands in the access log and in metrics.
 */
#pragma once

enum reason {
    REASON_NONE, /* still open */
    REASON_CLEAN,
    REASON_PEER_TRUNCATED, /* FIN without close_notify */
    REASON_PEER_RESET,
    REASON_ALERT_RECEIVED,
    REASON_PEER_REJECTED_US, /* egress: an alert before the first byte */
    REASON_ALERT_SENT,       /* protocol error, or a certificate that does not verify */
    REASON_AUTHZ_DENIED,     /* a verified peer that no rule lets in */
    REASON_APP_RESET,
    REASON_CONNECT_REFUSED,
    REASON_CONNECT_TIMEOUT,
    REASON_RESOLVE_FAILED,
    REASON_HANDSHAKE_TIMEOUT,
    REASON_READY_TIMEOUT,    /* egress: our identity did not come in time */
    REASON_IDENTITY_INVALID, /* our identity is missing or expired */
    REASON_IDLE_TIMEOUT,
    REASON_HALF_CLOSE_TIMEOUT,
    REASON_WRITE_STALL_TIMEOUT,
    REASON_LIFETIME,
    REASON_PEER_EXPIRED,
    REASON_REVOKED,
    REASON_DRAIN,
    REASON_URGENT_DATA,
    REASON_KEYUPDATE,     /* the peer changes its key without end */
    REASON_PROXY_HEADER,  /* no good header of the PROXY protocol, or not from who may send it */
    REASON_CALLER_DENIED, /* egress: a local user that may not use the route, or that has gone */
    REASON_LOOP_REFUSED,  /* egress: not redirected to us, from or to ourselves */
    REASON_LIMIT,         /* memory, descriptors or a bound of ours */
    REASONS,              /* how many there are */
};

/* Lower case with underscores, e.g. "peer_truncated". */
const char *reason_name(enum reason reason);
