/*
 * Rig: workers of the data path over loopback, with a test at both ends: plain sockets for
 * applications, OpenSSL on blocking sockets for peers.
 *
 * With RIG_PLAIN=unix in the environment the plaintext passes unix sockets instead, which carry no
 * reset: rig_expect_reset() then is content with an end.
 *
 * Everything waits with a deadline of RIG_WAIT_MS and then fails the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "proxy/census.h"
#include "proxy/entrance.h"
#include "proxy/tenure.h"
#include "proxy/worker.h"
#include "tests/lib/folder.h"
#include "tests/lib/generation_double.h"

#define RIG_WAIT_MS 20000
#define RIG_URI "spiffe://test/sidecar"    /* what the sidecars are */
#define RIG_FRIEND "spiffe://test/sidecar" /* what they let in */
#define RIG_STRANGER "spiffe://test/stranger"

enum rig_shape {
    RIG_INGRESS, /* test peer -> ingress -> test application */
    RIG_EGRESS,  /* test application -> egress -> test peer */
    RIG_CHAIN,   /* test application -> egress -> ingress -> test application */
};

struct rig {
    enum rig_shape shape;
    struct pki pki;
    struct counters counters; /* of the ingress, or of the egress if that is all there is */
    struct counters egress_counters;
    struct census census[2]; /* of the ingress, of the egress */
    struct sources *sources; /* of the ingress */
    struct tenures tenures;  /* of all generations */
    struct worker *ingress;
    struct worker *egress;
    int target;                    /* listening: the application, or the peer of an egress */
    struct sockets_address entry;  /* where connections go in */
    struct sockets_address behind; /* where `target` listens */
    struct entrance door;          /* unix: of the egress */
    char folder[FOLDER_PATH_CAP];  /* unix: of the sockets */
};

struct rig_options {
    enum rig_shape shape;
    enum conn_truncation on_truncation;
    struct conn_limits limits;   /* zeros become generous */
    struct worker_limits worker; /* zeros become generous */
    size_t connections_max;      /* of the worker; zero becomes generous */
    size_t connections_max_on_listener;
    size_t connections_max_from_source; /* of the ingress; zero becomes generous */
    const char *host;                   /* where to connect to; NULL: the address of `target` */
    struct conn_proxy proxy;            /* of the ingress */
    struct caller_rules callers;
    struct redirection redirection;
    bool stays_awake; /* the worker, see there */
    bool no_identity;
    bool no_target; /* nothing listens where the sidecar connects to */
};

/* True if the plaintext passes unix sockets. */
bool rig_over_unix(void);

void rig_start(struct rig *rig, const struct rig_options *options);

/* Stops the workers; checks that nothing is left in them. */
void rig_stop(struct rig *rig);

/* The generation that rig_start() gives, with another number, peer or life. */
struct generation *rig_generation(struct rig *rig, uint64_t number, const char *expected,
                                  int64_t seconds);

/* Blocking sockets with RIG_WAIT_MS as their time-out. */
int rig_connect(const struct rig *rig);
int rig_accept(const struct rig *rig);

/* True if nobody has connected to `target` so far. */
bool rig_untouched(const struct rig *rig);

/* A TLS peer of either side on `fd`, which it does not own, after the handshake; `uri` is what its
   certificate says, NULL: none.  rig_tls_begin() leaves the handshake to the test. */
SSL *rig_tls(const struct rig *rig, int fd, const char *uri);
SSL *rig_tls_begin(const struct rig *rig, int fd, const char *uri, bool server);

/* The ends of a whole connection of RIG_INGRESS or RIG_EGRESS. */
struct rig_pair {
    int peer_fd;
    SSL *peer;
    int app;
};
struct rig_pair rig_pair(const struct rig *rig);
void rig_pair_close(struct rig_pair *pair);

/* Sends or receives exactly so much. */
void rig_put(int fd, const char *text);
void rig_expect(int fd, const char *text);
void rig_tls_put(SSL *ssl, const char *text);
void rig_tls_expect(SSL *ssl, const char *text);

/* What the next recv on a raw socket shows; before a reset there may be bytes. */
void rig_expect_eof(int fd);
void rig_expect_reset(int fd);

/* What a TLS peer sees next: a fatal alert; a reset that no close_notify came before; close_notify.
   There may be bytes before the last two. */
void rig_tls_expect_alert(SSL *ssl, int alert);
void rig_tls_expect_reset(SSL *ssl);
void rig_tls_expect_close(SSL *ssl);

/* A client's first message, which shows the connection to the listener; waits for no answer. */
void rig_say_hello(SSL *ssl);

/* Sends until the sidecar has paused this end and nothing on the way takes more. */
void rig_fill(const struct rig *rig, int fd);
void rig_tls_fill(const struct rig *rig, SSL *ssl);

/* The same, but goes on until the sidecar ends the connection. */
void rig_fill_until_broken(const struct rig *rig, int fd);
void rig_tls_fill_until_broken(const struct rig *rig, SSL *ssl);

/* Nothing comes on a socket, no end either, for `ms`. */
void rig_expect_silence(int fd, int ms);

/* Waits until a counter has the value. */
void rig_await(const struct counters *counters, enum counter counter, uint64_t value);
void rig_await_closed(const struct counters *counters, enum reason reason);
