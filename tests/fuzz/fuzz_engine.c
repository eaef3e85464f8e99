/*
 * Fuzz: two engines in memory, each with a real generation; the input says who writes, closes, asks
 * for new keys, how much of what was sent arrives at a time, and what is altered or lost on the
 * way.
 *
 * Whatever comes: what is read is a beginning of what was written, nothing is read before the
 * handshake has ended well, and a clean end means that all of it was read.
 */
#include <stdlib.h>

#include <openssl/ssl.h>

#include "common/err.h"
#include "common/tls.h"
#include "proxy/generation.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/member.h"
#include "tests/lib/party.h"
#include "tests/lib/pki.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"
#define WIRE_CAP ((size_t)512 * 1024)
#define WRITE_MAX 16384
#define ROOM                                                                                       \
    (3 * (WRITE_MAX + TLS_RECORD_OVERHEAD)) /* for a write, and what a delivery answers            \
                                             */

struct side {
    struct tls *tls;
    struct buf wire; /* sent, and not delivered yet */
    uint8_t *storage;
    enum tls_status status; /* TLS_WANT_MORE: in the handshake; TLS_OK: after it */
    bool closed;            /* close_notify is written */
    size_t written;
    size_t read;
    uint8_t salt;
};

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint8_t byte_at(const struct side *writer, size_t index)
{
    return (uint8_t)(index * 131 + index / 251 + writer->salt);
}

static void take(struct side *to, const struct side *from, const uint8_t *data, size_t len)
{
    demand(to->status == TLS_OK && len <= from->written - to->read);
    for (size_t i = 0; i < len; i++) {
        demand(data[i] == byte_at(from, to->read + i));
    }
    to->read += len;
}

static void deliver(struct side *to, struct side *from, size_t len)
{
    static uint8_t plain[WRITE_MAX];
    struct tls_io io = {.in = {from->wire.data, len}, .out = &to->wire};
    enum tls_status status = TLS_OK;
    struct err err;

    if (to->status == TLS_WANT_MORE) {
        to->status = tls_handshake(to->tls, &io, &err);
    }
    while (to->status == TLS_OK && status == TLS_OK) {
        size_t got = 0;

        status = tls_read(to->tls, &io, plain, sizeof(plain), &got, &err);
        take(to, from, plain, got);
        demand(status != TLS_OK || got > 0);
    }
    if (status == TLS_CLOSED) {
        demand(from->closed && to->read == from->written && tls_peer_closed(to->tls));
    }
    if (to->status == TLS_OK && (status == TLS_CLOSED || status == TLS_FAILED)) {
        to->status = status;
    }
    buf_consume(&from->wire, len);
}

static void put(struct side *side, size_t len)
{
    static uint8_t plain[WRITE_MAX];
    struct tls_io io = {.out = &side->wire};
    struct err err;

    if (side->status != TLS_OK || side->closed || !tls_may_write(side->tls)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        plain[i] = byte_at(side, side->written + i);
    }
    demand(tls_write(side->tls, &io, plain, len, &err) == TLS_OK);
    side->written += len;
}

static void end(struct side *side)
{
    struct tls_io io = {.out = &side->wire};
    struct err err;

    if (side->status == TLS_OK && !side->closed && tls_may_write(side->tls)) {
        demand(tls_close(side->tls, &io, &err) == TLS_OK);
        side->closed = true;
    }
}

/* Asks the peer for new keys as well; the request leaves in the next call. */
static void change_keys(struct side *side, struct side *other)
{
    if (side->status == TLS_OK && !side->closed && tls_may_write(side->tls)) {
        demand(SSL_key_update(tls_ssl(side->tls), SSL_KEY_UPDATE_REQUESTED) == 1);
        deliver(side, other, 0);
    }
}

/* One thing that happens to `side`, or to what it has sent. */
static void happen(struct side *side, struct side *other, unsigned what, unsigned how)
{
    switch (what) {
    case 0:
        if (buf_room(&side->wire) > ROOM) {
            put(side, 1 + how * 64);
        }
        break;
    case 1:
        end(side);
        break;
    case 2:
        change_keys(side, other);
        break;
    case 3: /* altered */
        if (side->wire.len > 0) {
            side->wire.data[how * 7 % side->wire.len] ^= (uint8_t)(how | 1);
        }
        break;
    case 4: /* lost */
        buf_consume(&side->wire, side->wire.len < how ? side->wire.len : how);
        break;
    case 5: /* all of it */
        deliver(other, side, side->wire.len);
        break;
    default: /* a part */
        deliver(other, side, side->wire.len < how + 1 ? side->wire.len : how + 1);
        break;
    }
}

static struct generation *make(const struct pki *pki, bool egress)
{
    const struct member member = {
        .issuer = pki, .uri = egress ? CLIENT : SERVER, .seconds = 365 * 86400};

    return party(member_identity(&member), egress, egress ? SERVER : CLIENT, NULL);
}

static void begin(struct side *side, struct tls *tls, uint8_t salt)
{
    *side = (struct side){.tls = tls, .status = TLS_WANT_MORE, .salt = salt};
    side->storage = malloc(WIRE_CAP);
    demand(tls != NULL && side->storage != NULL);
    side->wire = buf_over(side->storage, WIRE_CAP);
}

static void stop(struct side *side)
{
    tls_free(side->tls);
    free(side->storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct generation *generations[2];
    struct side sides[2];

    if (generations[0] == NULL) {
        static struct pki pki;

        pki_init(&pki);
        generations[0] = make(&pki, true);
        generations[1] = make(&pki, false);
    }
    begin(&sides[0], tls_new_client(generation_ctx(generations[0], 0), NULL), 0);
    begin(&sides[1], tls_new_server(generation_ctx(generations[1], 0)), 77);
    demand(generation_attach(generations[0], 0, tls_ssl(sides[0].tls), NULL));
    demand(generation_attach(generations[1], 0, tls_ssl(sides[1].tls), NULL));
    deliver(&sides[0], &sides[1], 0); /* a client speaks first */
    for (size_t i = 0; i + 1 < len && i < 512; i += 2) {
        unsigned which = data[i] % 2;

        happen(&sides[which], &sides[1 - which], data[i] / 2 % 8, data[i + 1]);
    }
    stop(&sides[0]);
    stop(&sides[1]);
    return 0;
}
