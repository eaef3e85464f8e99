/*
 * Ingress in tcp mode: mutual TLS in, plaintext to the application.
 *
 * Happy path: PREFACE until a header of the PROXY protocol is read, if there has to be one,
 * HANDSHAKE until the peer is authorized, DIAL until the application accepts, RELAY
 * until one side ends its stream, HALF_* until the other does, FLUSH until all is written, LINGER.
 * Failures: a refused peer gets its alert (REFUSE); everything else resets both legs.
 */
#include "proxy/conn_state.h"

static enum conn_state ingress_handshake(struct conn *c)
{
    return handshake_run(c, CONN_DIAL);
}

static enum conn_state ingress_dial(struct conn *c)
{
    enum conn_state next = reach_dial(c, &c->app, 0, CONN_RELAY);

    return next == CONN_RELAY ? announce_peer(c, next) : next;
}

/* clang-format off */
static const struct conn_row ingress_rows[CONN_STATES] = {
    [CONN_PREFACE]   = {"preface", preface_run, CONN_BIT(CONN_HANDSHAKE),
                        CONN_LIMIT(handshake_ms),   PROGRESS_NONE, REASON_HANDSHAKE_TIMEOUT, false},
    [CONN_HANDSHAKE] = {"handshake", ingress_handshake, CONN_BIT(CONN_DIAL) | CONN_BIT(CONN_REFUSE),
                        CONN_LIMIT(handshake_ms),   PROGRESS_NONE, REASON_HANDSHAKE_TIMEOUT, true},
    [CONN_DIAL]      = {"dial", ingress_dial, CONN_BIT(CONN_RELAY),
                        CONN_LIMIT(connect_ms),     PROGRESS_NONE, REASON_CONNECT_TIMEOUT, false},
    [CONN_RELAY]     = {"relay", relay_run, CONN_BIT(CONN_HALF_PEER) | CONN_BIT(CONN_HALF_APP) | CONN_BIT(CONN_REFUSE),
                        CONN_LIMIT(idle_ms),        PROGRESS_APP,  REASON_IDLE_TIMEOUT, false},
    [CONN_HALF_PEER] = {"half_peer", relay_half_peer, CONN_BIT(CONN_FLUSH) | CONN_BIT(CONN_REFUSE),
                        CONN_LIMIT(half_close_ms),  PROGRESS_SENT, REASON_HALF_CLOSE_TIMEOUT, false},
    [CONN_HALF_APP]  = {"half_app", relay_half_app, CONN_BIT(CONN_FLUSH) | CONN_BIT(CONN_REFUSE),
                        CONN_LIMIT(half_close_ms),  PROGRESS_SENT, REASON_HALF_CLOSE_TIMEOUT, false},
    [CONN_FLUSH]     = {"flush", ending_flush, CONN_BIT(CONN_LINGER),
                        CONN_LIMIT(write_stall_ms), PROGRESS_SENT, REASON_WRITE_STALL_TIMEOUT, false},
    [CONN_REFUSE]    = {"refuse", ending_refuse, CONN_BIT(CONN_LINGER),
                        CONN_LIMIT_REFUSE,          PROGRESS_NONE, REASON_NONE, false},
    [CONN_LINGER]    = {"linger", ending_linger, 0,
                        CONN_LIMIT(linger_ms),      PROGRESS_NONE, REASON_NONE, false},
    [CONN_CLOSING]   = {"closing", NULL, 0, 0, PROGRESS_NONE, REASON_NONE, false},
};
/* clang-format on */

const struct conn_kind conn_ingress = {"ingress", CONN_PREFACE, ingress_rows};
