/*
 * Warmth: what a tick makes of it.
 */
#include "proxy/warmth.h"

#include "proxy/conn_state.h"

void warmth_tick(struct conn *c)
{
    uint64_t moved = c->peer.sent + c->bytes_in + c->bytes_out;
    bool was_busy = c->warmth.moved > 0 && c->warmth.degree == WARMTH_TEPID;

    if (c->svid == NULL || moved != c->warmth.moved) {
        if (c->warmth.degree == WARMTH_COLD) {
            c->warmth.degree = WARMTH_TEPID;
        } else if (was_busy && c->svid != NULL && c->shared->num_warm < WARMTH_MAX) {
            c->warmth.degree = WARMTH_WARM;
            c->shared->num_warm++;
            tls_keep_buffers(c->tls);
        }
        c->warmth.moved = moved;
    } else if (c->warmth.degree != WARMTH_COLD) {
        tls_trim(c->tls);
        warmth_end(c);
    }
}

void warmth_end(struct conn *c)
{
    c->shared->num_warm -= c->warmth.degree == WARMTH_WARM ? 1 : 0;
    c->warmth.degree = WARMTH_COLD;
}
