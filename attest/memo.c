/*
 * Memo: digests in an array, behind one lock that is never held while something is worked out.
 */
#include "attest/memo.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/err.h"

#define DIGEST_LEN 32
#define PARTS_MAX 4

enum memo_kind { MEMO_SIGNATURE = 1, MEMO_KEY = 2 };

struct entry {
    uint64_t used; /* 0: free */
    uint8_t digest[DIGEST_LEN];
    EVP_PKEY *key; /* of MEMO_KEY, owned */
};

struct memo {
    pthread_mutex_t lock;
    uint64_t clock; /* counts uses */
    struct entry entries[MEMO_ENTRIES];
};

struct memo *memo_new(struct err *err)
{
    struct memo *memo = calloc(1, sizeof(*memo));

    if (memo == NULL || pthread_mutex_init(&memo->lock, NULL) != 0) {
        free(memo);
        err_set(err, ERR_LIMIT, "memo: out of memory");
        return NULL;
    }
    return memo;
}

void memo_free(struct memo *memo)
{
    if (memo == NULL) {
        return;
    }
    for (size_t i = 0; i < MEMO_ENTRIES; i++) {
        EVP_PKEY_free(memo->entries[i].key);
    }
    pthread_mutex_destroy(&memo->lock);
    free(memo);
}

/* The lengths count too: no two lists of parts have the same bytes. */
static bool digest(enum memo_kind kind, const struct bytes *parts, size_t num_parts,
                   uint8_t out_digest[static DIGEST_LEN])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint64_t head[1 + PARTS_MAX] = {kind};
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; i < num_parts; i++) {
        head[1 + i] = parts[i].len;
    }
    ok = ok && EVP_DigestUpdate(context, head, sizeof(head)) == 1;
    for (size_t i = 0; ok && i < num_parts; i++) {
        ok = EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, out_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static struct entry *find(struct memo *memo, const uint8_t wanted[static DIGEST_LEN])
{
    for (size_t i = 0; i < MEMO_ENTRIES; i++) {
        struct entry *entry = &memo->entries[i];

        if (entry->used > 0 && memcmp(entry->digest, wanted, DIGEST_LEN) == 0) {
            entry->used = ++memo->clock;
            return entry;
        }
    }
    return NULL;
}

/* True if it is known; with `out_key` its key, the caller's. */
static bool recall(struct memo *memo, const uint8_t wanted[static DIGEST_LEN], EVP_PKEY **out_key)
{
    const struct entry *entry = NULL;
    bool known = false;

    pthread_mutex_lock(&memo->lock);
    entry = find(memo, wanted);
    known = entry != NULL && (out_key == NULL || EVP_PKEY_up_ref(entry->key) == 1);
    if (known && out_key != NULL) {
        *out_key = entry->key;
    }
    pthread_mutex_unlock(&memo->lock);
    return known;
}

/* Takes a reference of its own to `key` (NULL: none). */
static void remember(struct memo *memo, const uint8_t held[static DIGEST_LEN], EVP_PKEY *key)
{
    struct entry *oldest = &memo->entries[0];

    if (key != NULL && EVP_PKEY_up_ref(key) != 1) {
        return;
    }
    pthread_mutex_lock(&memo->lock);
    for (size_t i = 1; i < MEMO_ENTRIES; i++) {
        oldest = memo->entries[i].used < oldest->used ? &memo->entries[i] : oldest;
    }
    EVP_PKEY_free(oldest->key);
    *oldest = (struct entry){.used = ++memo->clock, .key = key};
    memcpy(oldest->digest, held, DIGEST_LEN);
    pthread_mutex_unlock(&memo->lock);
}

bool memo_signed_by(struct memo *memo, const struct cert *cert, const struct cert *issuer)
{
    const struct bytes parts[PARTS_MAX] = {cert->tbs, cert->algorithm_outer, cert->signature,
                                           issuer->spki};
    uint8_t name[DIGEST_LEN];
    bool named = memo != NULL && digest(MEMO_SIGNATURE, parts, PARTS_MAX, name);

    if (named && recall(memo, name, NULL)) {
        return true;
    }
    if (!cert_signed_by(cert, issuer)) {
        return false;
    }
    if (named) {
        remember(memo, name, NULL);
    }
    return true;
}

EVP_PKEY *memo_p384_key(struct memo *memo, const struct cert *cert)
{
    uint8_t name[DIGEST_LEN];
    bool named = memo != NULL && digest(MEMO_KEY, &cert->spki, 1, name);
    EVP_PKEY *key = NULL;

    if (named && recall(memo, name, &key)) {
        return key;
    }
    key = cert_key_is_p384(cert) ? cert_key(cert) : NULL;
    if (named && key != NULL) {
        remember(memo, name, key);
    }
    return key;
}
