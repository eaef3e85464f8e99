/*
 * Conn_kind: the shape of a table of states: what a state does, what bounds it, what may follow.
 * The tables themselves are conn_ingress.c and conn_egress.c; conn.c follows them.
 *
 * A state's function does what it can and returns the next state, or its own to wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/conn_shared.h"
#include "proxy/reason.h"

enum conn_state {
    CONN_PREFACE,   /* ingress: the header of the PROXY protocol, if there has to be one */
    CONN_CALLER,    /* egress: who calls, and to where */
    CONN_HOLD,      /* egress: until our identity is valid */
    CONN_RESOLVE,   /* egress: addresses of the peer */
    CONN_DIAL,      /* connects: to the application, or to the peer */
    CONN_HANDSHAKE, /* TLS, and who the peer is */
    CONN_RELAY,     /* copies both ways */
    CONN_HALF_PEER, /* the peer has ended its stream; app -> peer still flows */
    CONN_HALF_APP,  /* the app has; peer -> app still flows */
    CONN_FLUSH,     /* both have; what is queued is written */
    CONN_REFUSE,    /* our alert is written */
    CONN_LINGER,    /* our FIN is sent; reads and discards until the peer's */
    CONN_CLOSING,   /* waits for the close callbacks */
    CONN_STATES,
};

#define CONN_BIT(state) (1U << (state))

enum conn_progress {
    PROGRESS_NONE, /* the deadline is fixed */
    PROGRESS_APP,  /* application bytes extend it */
    PROGRESS_SENT, /* bytes that a socket took extend it */
};

/* A row of a state table. */
struct conn_row {
    const char *name;
    enum conn_state (*run)(struct conn *c);
    uint32_t next;               /* CONN_BITs of the states it may move to */
    size_t limit;                /* offset in struct conn_limits of what bounds the stay */
    enum conn_progress progress; /* what extends it */
    enum reason expired;         /* REASON_NONE: the deadline closes without an RST */
    bool same_clock;             /* the clock of the state before goes on */
};

#define CONN_LIMIT(field) offsetof(struct conn_limits, field)
#define CONN_LIMIT_REFUSE SIZE_MAX /* CONN_REFUSE_MS, not a setting */

struct conn_kind {
    const char *name; /* "ingress", "egress" */
    enum conn_state start;
    const struct conn_row *rows; /* CONN_STATES of them */
};

extern const struct conn_kind conn_ingress;
extern const struct conn_kind conn_egress;
