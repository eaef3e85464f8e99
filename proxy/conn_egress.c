/*
 * Egress in tcp mode: plaintext from the service, mutual TLS to the peer that the route expects.
 *
 * Happy path: CALLER says whether this process may use the route, HOLD until our identity is valid,
 * RESOLVE and DIAL until the peer accepts, HANDSHAKE until it is authorized, then as ingress.  The
 * application's bytes are not read before that. Failures: the application is reset; a refused peer
 * gets its alert (REFUSE).
 */
#include "proxy/conn_state.h"

static enum conn_state egress_hold(struct conn *c)
{
    const struct generation *generation = c->shared->generation;

    if (!generation_valid(generation, generation_now(generation))) {
        return CONN_HOLD; /* a new generation runs this again */
    }
    return CONN_RESOLVE;
}

static enum conn_state egress_dial(struct conn *c)
{
    return reach_dial(c, &c->peer, c->route->limits.write_stall_ms, CONN_HANDSHAKE);
}

static enum conn_state egress_handshake(struct conn *c)
{
    return handshake_run(c, CONN_RELAY);
}

/* clang-format off */
static const struct conn_row egress_rows[CONN_STATES] = {
    [CONN_CALLER]    = {"caller", admit_run, CONN_BIT(CONN_HOLD),
                        CONN_LIMIT(ready_wait_ms),  PROGRESS_NONE, REASON_READY_TIMEOUT, false},
    [CONN_HOLD]      = {"hold", egress_hold, CONN_BIT(CONN_RESOLVE),
                        CONN_LIMIT(ready_wait_ms),  PROGRESS_NONE, REASON_READY_TIMEOUT, false},
    [CONN_RESOLVE]   = {"resolve", reach_resolve, CONN_BIT(CONN_DIAL),
                        CONN_LIMIT(connect_ms),     PROGRESS_NONE, REASON_CONNECT_TIMEOUT, false},
    [CONN_DIAL]      = {"dial", egress_dial, CONN_BIT(CONN_HANDSHAKE),
                        CONN_LIMIT(connect_ms),     PROGRESS_NONE, REASON_CONNECT_TIMEOUT, true},
    [CONN_HANDSHAKE] = {"handshake", egress_handshake, CONN_BIT(CONN_RELAY) | CONN_BIT(CONN_REFUSE),
                        CONN_LIMIT(handshake_ms),   PROGRESS_NONE, REASON_HANDSHAKE_TIMEOUT, false},
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

const struct conn_kind conn_egress = {"egress", CONN_CALLER, egress_rows};
