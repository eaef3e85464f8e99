/*
 * Pool: two orders over one array.  A VEK is taken from the evidence first, as it is the guest's
 * own; intermediates and roots are taken from the verifier's collateral first.
 */
#include "attest/pool.h"

#include <stdlib.h>
#include <string.h>

#include "attest/memo.h"
#include "attest/product.h"
#include "attest/vek.h"

#define OFFERED_MAX (EVIDENCE_CERTS_MAX + TABLE_ENTRIES_MAX)
#define POOL_MAX (OFFERED_MAX + COLLATERAL_CERTS_MAX)
#define CRLS_MAX (COLLATERAL_CRLS_MAX + 1) /* a table has one place for one */

/* Room for the DER of what came as PEM: the evidence's own (at most a table of 32 KiB of base64 and
   four more), then 2 KiB for each of the collateral, above what any known certificate takes. */
#define STORAGE_CAP                                                                                \
    (TABLE_LEN_MAX + EVIDENCE_CERTS_MAX * CERT_DER_MAX + COLLATERAL_CERTS_MAX * 2048U)

enum kind { KIND_VEK, KIND_INTERMEDIATE, KIND_ROOT };

struct pool {
    struct cert certs[POOL_MAX];
    enum kind kinds[POOL_MAX];
    size_t num_offered; /* those with the evidence come first */
    size_t num_certs;
    enum cert_status unreadable;
    struct crl crls[CRLS_MAX];
    size_t num_crls;
    bool crl_unreadable;
    struct buf storage;
    uint8_t bytes[STORAGE_CAP];
};

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static enum kind kind_of(const struct cert *cert)
{
    struct bytes name;

    if (vek_looks_like(cert) || (cert_common_name(cert->subject, &name) &&
                                 (is_text(name, "SEV-VCEK") || is_text(name, "SEV-VLEK")))) {
        return KIND_VEK;
    }
    return bytes_same(cert->issuer, cert->subject) ? KIND_ROOT : KIND_INTERMEDIATE;
}

static void add(struct pool *pool, struct bytes bytes)
{
    struct cert cert;
    enum cert_status status = CERT_OK;

    if (bytes.data == NULL || bytes.len == 0 || pool->num_certs == POOL_MAX) {
        return;
    }
    status = cert_read(bytes, &pool->storage, &cert);
    if (status != CERT_OK) {
        pool->unreadable = pool->unreadable == CERT_OK ? status : pool->unreadable;
        return;
    }
    for (size_t i = 0; i < pool->num_certs; i++) {
        if (bytes_same(pool->certs[i].der, cert.der)) {
            return; /* the same from another source */
        }
    }
    pool->certs[pool->num_certs] = cert;
    pool->kinds[pool->num_certs] = kind_of(&cert);
    pool->num_certs++;
}

static void add_crl(struct pool *pool, struct bytes der)
{
    if (pool->num_crls == CRLS_MAX || der.len == 0) {
        return;
    }
    if (crl_read(der, &pool->crls[pool->num_crls])) {
        pool->num_crls++;
    } else {
        pool->crl_unreadable = true;
    }
}

struct pool *pool_new(const struct evidence *evidence, const struct table *table,
                      const struct collateral *collateral)
{
    struct pool *pool = malloc(sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }
    pool->num_certs = 0;
    pool->unreadable = CERT_OK;
    pool->num_crls = 0;
    pool->crl_unreadable = false;
    for (size_t i = 0; i < collateral->num_crls && i < COLLATERAL_CRLS_MAX; i++) {
        add_crl(pool, collateral->crls[i]);
    }
    pool->storage = buf_over(pool->bytes, sizeof(pool->bytes));
    for (size_t i = 0; i < evidence->num_certs && i < EVIDENCE_CERTS_MAX; i++) {
        add(pool, evidence->certs[i]);
    }
    for (size_t i = 0; i < table->num_entries; i++) {
        enum table_kind kind = table_kind(table, i);

        if (kind == TABLE_CRL) {
            add_crl(pool, table_body(table, i));
        } else if (kind != TABLE_OTHER) {
            add(pool, table_body(table, i));
        }
    }
    pool->num_offered = pool->num_certs;
    for (size_t i = 0; i < collateral->num_certs && i < COLLATERAL_CERTS_MAX; i++) {
        add(pool, collateral->certs[i]);
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    free(pool);
}

enum cert_status pool_unreadable(const struct pool *pool)
{
    return pool->unreadable;
}

size_t pool_num_certs(const struct pool *pool)
{
    return pool->num_certs;
}

const struct cert *pool_next_vek(const struct pool *pool, size_t *cursor)
{
    while (*cursor < pool->num_certs) {
        size_t i = (*cursor)++;

        if (pool->kinds[i] == KIND_VEK) {
            return &pool->certs[i];
        }
    }
    return NULL;
}

/* The place of the `i`th certificate in the order that starts with the collateral. */
static size_t collateral_first(const struct pool *pool, size_t i)
{
    size_t num_collateral = pool->num_certs - pool->num_offered;

    return i < num_collateral ? pool->num_offered + i : i - num_collateral;
}

const struct cert *pool_next_issuer(const struct pool *pool, const struct cert *vek, size_t *cursor)
{
    while (*cursor < pool->num_certs) {
        size_t i = collateral_first(pool, (*cursor)++);

        if (&pool->certs[i] != vek && bytes_same(pool->certs[i].subject, vek->issuer)) {
            return &pool->certs[i];
        }
    }
    return NULL;
}

const struct cert *pool_next_intermediate(const struct pool *pool, size_t *cursor)
{
    while (*cursor < pool->num_certs) {
        size_t i = collateral_first(pool, (*cursor)++);

        if (pool->kinds[i] == KIND_INTERMEDIATE) {
            return &pool->certs[i];
        }
    }
    return NULL;
}

const struct cert *pool_any_intermediate(const struct pool *pool)
{
    size_t cursor = 0;

    return pool_next_intermediate(pool, &cursor);
}

size_t pool_num_crls(const struct pool *pool)
{
    return pool->num_crls;
}

const struct crl *pool_crl(const struct pool *pool, size_t i)
{
    return &pool->crls[i];
}

bool pool_crl_unreadable(const struct pool *pool)
{
    return pool->crl_unreadable;
}

static const struct anchor *find_anchor(const struct verify_options *options,
                                        const struct cert *cert)
{
    uint8_t hash[32];

    if (!cert_spki_sha256(cert, hash)) {
        return NULL;
    }
    for (size_t i = 0; i < options->num_anchors; i++) {
        if (memcmp(hash, options->anchors[i].spki_sha256, sizeof(hash)) == 0) {
            return &options->anchors[i];
        }
    }
    return NULL;
}

/* True if some anchor's certificate bears this name: "ARK-Milan". */
static bool is_anchor_name(const struct verify_options *options, struct bytes name)
{
    struct bytes text;

    if (!cert_common_name(name, &text) || text.len < 4 || memcmp(text.data, "ARK-", 4) != 0) {
        return false;
    }
    text = (struct bytes){text.data + 4, text.len - 4};
    for (size_t i = 0; i < options->num_anchors; i++) {
        if (is_text(text, product_info(options->anchors[i].product)->name)) {
            return true;
        }
    }
    return false;
}

enum pool_root pool_find_root(const struct pool *pool, const struct cert *ask,
                              const struct verify_options *options, const struct cert **out_ark,
                              const struct anchor **out_anchor)
{
    enum pool_root found = is_anchor_name(options, ask->issuer) ? ROOT_MISSING : ROOT_NOT_PINNED;

    for (size_t i = 0; i < pool->num_certs; i++) {
        const struct cert *cert = &pool->certs[collateral_first(pool, i)];
        const struct anchor *anchor = NULL;

        if (!bytes_same(cert->subject, ask->issuer) || !bytes_same(cert->subject, cert->issuer)) {
            continue;
        }
        anchor = find_anchor(options, cert);
        /* Its name, key id and dates are the anchor's only if the pinned key signed them. */
        if (anchor != NULL && bytes_same(cert_subject_key_id(cert), cert_authority_key_id(ask)) &&
            memo_signed_by(options->memo, cert, cert)) {
            *out_ark = cert;
            *out_anchor = anchor;
            return ROOT_FOUND;
        }
        found = ROOT_NOT_PINNED;
    }
    return found;
}
