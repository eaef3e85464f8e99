/*
 * Ending: the states in which a connection ends without a reset.
 *
 * FLUSH until all that is queued has been written; REFUSE the same for an alert, the application
 * being gone already; LINGER reads and discards until the peer's FIN, because closing with unread
 * input makes the kernel send an RST, which eats what the peer has not read yet.
 */
#include "proxy/conn_state.h"

/* Everything for the peer is on its way. */
static enum conn_state ending_finish(struct conn *c)
{
    leg_shut(&c->peer);
    return c->peer.eof ? CONN_CLOSING : CONN_LINGER;
}

enum conn_state ending_flush(struct conn *c)
{
    if (c->app.out.len == 0) {
        leg_shut(&c->app);
    }
    if (c->app.out.len > 0 || c->peer.out.len > 0) {
        return CONN_FLUSH;
    }
    conn_set_reason(c, REASON_CLEAN);
    leg_close(&c->app); /* both FINs have passed */
    return ending_finish(c);
}

enum conn_state ending_refuse(struct conn *c)
{
    if (c->peer.error != 0) {
        return CONN_CLOSING;
    }
    return c->peer.out.len > 0 ? CONN_REFUSE : ending_finish(c);
}

enum conn_state ending_linger(struct conn *c)
{
    size_t moved = 0;

    c->peer.reading = true;
    /* A turn is over when enough was moved, unless no event would ever continue it. */
    while (c->peer.readable && (moved < CONN_TURN_MAX || leg_mask(&c->peer) == 0)) {
        moved += leg_recv(&c->peer, c->shared->cipher_in, CONN_CIPHER_IN_CAP);
    }
    c->discarded += moved;
    if (c->peer.eof || c->peer.error != 0 || c->discarded > CONN_LINGER_MAX) {
        return CONN_CLOSING;
    }
    return CONN_LINGER;
}
