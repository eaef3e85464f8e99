/*
 * Store: what was issued, in SQLite (WAL, synchronous=FULL): the one place that decides whether a
 * nonce or a key was used before.
 *
 * Every call blocks on the disk, and may be made from any thread; an event loop calls none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/verify.h"
#include "ca/nonce.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/spiffe.h"

struct err;
struct store; /* opaque */

#define STORE_SERIAL_LEN 16
#define STORE_CERT_MAX 8192       /* bytes of a stored certificate */
#define STORE_CLOCK_SLACK_MS 5000 /* how far the clock may stand behind the newest row */
#define STORE_CRL_MARKS_MAX 16    /* roots, twice */
#define STORE_RETENTION_S 2592000 /* rows are kept this long after notAfter: 30 days */

/* Opens `path`, making it (mode 0600) if it is not there. */
struct store *store_open(const char *path, struct err *err);
void store_close(struct store *store); /* accepts NULL */

/* A random number, drawn when the database was made, that tells apart authorities which share a
   nonce secret but no database. */
uint16_t store_replica(const struct store *store);

/* The guest that a certificate was issued to. */
struct store_instance {
    uint8_t report_id[CLAIMS_REPORT_ID_LEN];
    uint8_t report_id_ma[CLAIMS_REPORT_ID_LEN];
};

/* One issued certificate; all borrowed. */
struct store_record {
    uint8_t serial[STORE_SERIAL_LEN];
    uint8_t nonce_id[NONCE_ID_LEN];
    uint8_t spki_sha256[32];
    uint8_t evidence_sha256[32];
    const char *spiffe;
    const char *policy_id;
    int64_t issued_ms;          /* milliseconds since 1970 */
    int64_t not_after;          /* seconds since 1970 */
    struct bytes cert;          /* DER */
    const struct crl_mark *crl; /* the vendor's list that was consulted; NULL: none */
    struct store_instance instance;
};

enum store_outcome {
    STORE_NEW,            /* never seen, or stored just now */
    STORE_SAME,           /* nonce, key and evidence of one row: the answer was lost */
    STORE_NONCE_REPLAYED, /* the nonce served another request */
    STORE_KEY_REUSED,     /* the key has a certificate from another nonce */
    STORE_CLOCK_BEHIND,   /* the clock stands behind the newest row */
};

/* Has this been seen?  With STORE_SAME the stored certificate is appended to `out_cert`.  ERR_IO
   if the database does not answer. */
MUST_CHECK int store_find(struct store *store, const struct store_record *record,
                          struct buf *out_cert, enum store_outcome *out_outcome, struct err *err);

/* To whom a certificate was issued. */
struct store_holder {
    char spiffe[SPIFFE_ID_MAX + 1];
    int64_t not_after; /* seconds since 1970 */
    bool has_instance; /* false: issued before instances were kept */
    struct store_instance instance;
};

/* Finds the holder of `cert` (DER) by its serial number: it must be stored byte for byte. */
MUST_CHECK int store_find_holder(struct store *store, const uint8_t serial[static STORE_SERIAL_LEN],
                                 struct bytes cert, bool *out_found,
                                 struct store_holder *out_holder, struct err *err);

/* The newest revocation list that was accepted for each root and kind of key; ERR_IO too if there
   are more than STORE_CRL_MARKS_MAX. */
MUST_CHECK int store_crl_marks(struct store *store,
                               struct crl_mark out_marks[static STORE_CRL_MARKS_MAX],
                               size_t *out_num, struct err *err);

/* Remembers a list that was accepted, if it is newer than the one remembered. */
MUST_CHECK int store_crl_raise(struct store *store, const struct crl_mark *mark, struct err *err);

/* As store_find(), and stores the record if it is new, with the mark of its revocation list if that
   is newer, in one transaction: on disk when this returns.  ERR_IO too if the file at the path is
   no longer the one that was opened. */
MUST_CHECK int store_insert(struct store *store, const struct store_record *record,
                            struct buf *out_cert, enum store_outcome *out_outcome, struct err *err);

/* Remembers that this policy rules under this epoch.  ERR_DENIED if a higher epoch was in force
   before, or another policy under the same one. */
MUST_CHECK int store_accept_policy(struct store *store, uint64_t epoch, const char *policy_id,
                                   struct err *err);

/* Fails with ERR_DENIED if the clock stands behind the newest row. */
MUST_CHECK int store_check_clock(struct store *store, int64_t now_ms, struct err *err);

/* Forgets certificates that ended more than STORE_RETENTION_S ago, and what of the vendor's has
   ended. */
MUST_CHECK int store_prune(struct store *store, int64_t now_s, struct err *err);

/* The version of SQLite, for --version. */
const char *store_library_version(void);
