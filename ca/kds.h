/*
 * Kds: asks the vendor's key service for certificates and revocation lists, for all enrolments that
 * wait for the same thing at once.
 *
 * Lives on the event loop; a thread of its own does what blocks (ca/fetcher.h), and kds_plan
 * decides what is asked when.  What comes back is as hostile as evidence: nothing here vouches for
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>
#include <uv.h>

#include "ca/kds_plan.h"
#include "ca/kds_reply.h"
#include "ca/vendor.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;
struct kds; /* opaque */

#define KDS_WAIT_MS 8000     /* how long an enrolment waits for an answer */
#define KDS_TIMEOUT_MS 10000 /* for a request */
/* Who waits keeps a connection: most of the server's stay free, whoever asks for what. */
#define KDS_WAITERS_MAX 64
#define KDS_STRANGERS_MAX 32 /* of them, with chips of which nothing was accepted before */

/* Borrowed, but for the context, for the call of kds_start(). */
struct kds_options {
    const char *authority; /* HOST:PORT */
    SSL_CTX *ctx;          /* referenced; NULL: plaintext */
    uint64_t interval_ms;  /* between requests, at least 1 */
};

struct kds_answer {
    bool answered;     /* false: not now */
    struct bytes data; /* borrowed for the call; data NULL: the service has no such thing */
    unsigned retry_s;  /* unless answered: when to try again; 0: soon */
};

typedef void kds_on_answer(void *user, const struct kds_answer *answer);

/* For /metrics. */
struct kds_counters {
    uint64_t requests[KDS_OUTCOMES];
    uint64_t refused; /* enrolments that were told to try again */
    uint64_t doubted; /* answers that evidence did not hold with */
    size_t waiting;   /* enrolments */
};

struct kds *kds_start(uv_loop_t *loop, const struct kds_options *options, struct err *err);

/* Answers all who wait that it is not now, and takes nothing more. */
void kds_stop(struct kds *kds); /* accepts NULL */

/* After kds_stop(), once the loop has run; accepts NULL. */
void kds_free(struct kds *kds);

/* Gets `key`.  `on_answer` is called once, maybe before this returns. */
void kds_ask(struct kds *kds, const struct vendor_key *key, const struct kds_asker *asker,
             kds_on_answer *on_answer, void *user);

/* What became of an answer: evidence was refused for it, or the store has it now. */
void kds_doubt(struct kds *kds, const struct vendor_key *key);
void kds_settle(struct kds *kds, const struct vendor_key *key);

const struct kds_counters *kds_counters(const struct kds *kds);
