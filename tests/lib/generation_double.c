/*
 * Generation double: a stand-in for the proxy's generation, with throw-away certificates and a
 * clock that the test sets.
 */
#include "tests/lib/generation_double.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "proxy/judge.h"
#include "proxy/tenure.h"

#define DOMAIN "spiffe://test/"

/* What the verify callback leaves on an SSL. */
struct note {
    struct svid svid;
    const char *refusal; /* NULL: welcome */
    bool denied;
};

struct generation {
    atomic_uint references;
    uint64_t number;
    char expected[256];
    struct authz_rule rule;
    struct tenure *tenure;
    SSL_CTX *ctx;
    int64_t not_after;
};

static _Atomic int64_t generation_offset;

void generation_double_set_offset(int64_t offset)
{
    atomic_store(&generation_offset, offset);
}

int64_t generation_now(const struct generation *generation)
{
    return (int64_t)time(NULL) + atomic_load(&generation_offset);
}

/* The note hangs on the SSL, as in the real one. */
static void generation_free_note(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index,
                                 long argl, void *argp)
{
    struct note *note = ptr;

    if (note != NULL) {
        svid_deinit(&note->svid);
        free(note);
    }
}

static int generation_index(void)
{
    static _Atomic int index = -1;

    if (atomic_load(&index) < 0) { /* tests make the first generation before they start threads */
        atomic_store(&index, SSL_get_ex_new_index(0, NULL, NULL, NULL, generation_free_note));
    }
    return atomic_load(&index);
}

static int64_t generation_time(const ASN1_TIME *time)
{
    struct tm tm = {0};

    assert(ASN1_TIME_to_tm(time, &tm) == 1);
    return (int64_t)timegm(&tm);
}

/* False without memory, which tests of shortages take away here too. */
static bool generation_describe(X509 *leaf, struct svid *out)
{
    static const uint8_t measurement[] = {0x00, 0xa1, 0xff};
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    if (names == NULL) {
        return false;
    }
    assert(sk_GENERAL_NAME_num(names) == 1);
    out->spiffe = strdup((const char *)ASN1_STRING_get0_data(
        sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier));
    GENERAL_NAMES_free(names);
    out->not_after = generation_time(X509_get0_notAfter(leaf));
    out->has_claims = true;
    out->claims.measurement_len = sizeof(measurement);
    memcpy(out->claims.measurement, measurement, sizeof(measurement));
    (void)snprintf(out->claims.tee, sizeof(out->claims.tee), "sim");
    return out->spiffe != NULL;
}

static int generation_verify(X509_STORE_CTX *ctx, void *arg)
{
    struct generation *generation = arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct note *note = NULL;

    X509_STORE_CTX_set_time(ctx, 0, (time_t)generation_now(generation));
    if (X509_verify_cert(ctx) != 1) {
        return 0;
    }
    note = calloc(1, sizeof(*note));
    if (note == NULL || SSL_set_ex_data(ssl, generation_index(), note) != 1) {
        free(note);
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (!generation_describe(X509_STORE_CTX_get0_cert(ctx), &note->svid)) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (strncmp(note->svid.spiffe, DOMAIN, strlen(DOMAIN)) != 0) {
        note->refusal = "domain";
    } else if (strcmp(note->svid.spiffe, generation->expected) != 0) {
        note->refusal = "spiffe";
        note->denied = true;
    }
    X509_STORE_CTX_set_error(ctx, note->refusal == NULL ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return note->refusal == NULL;
}

struct generation *generation_double_new(uint64_t number,
                                         const struct generation_double_options *options)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;

    assert(generation != NULL && generation_index() >= 0);
    generation->references = 1;
    generation->number = number;
    generation->rule.name = "expected";
    generation->tenure = tenure_new(options->tenures);
    (void)snprintf(generation->expected, sizeof(generation->expected), "%s", options->expected);
    if (options->uri != NULL) {
        pki_leaf(options->pki, options->uri, options->seconds, &leaf, &key);
        generation->not_after = generation_time(X509_get0_notAfter(leaf));
        generation->ctx = pki_ctx(options->pki, leaf, key);
        SSL_CTX_set_cert_verify_callback(generation->ctx, generation_verify, generation);
        X509_free(leaf);
        EVP_PKEY_free(key);
    }
    return generation;
}

struct generation *generation_ref(struct generation *generation)
{
    generation->references++;
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation != NULL && --generation->references == 0) {
        SSL_CTX_free(generation->ctx);
        tenure_unref(generation->tenure);
        free(generation);
    }
}

uint64_t generation_number(const struct generation *generation)
{
    return generation->number;
}

bool generation_valid(const struct generation *generation, int64_t now)
{
    return generation->ctx != NULL && now < generation->not_after;
}

int64_t generation_not_after(const struct generation *generation)
{
    return generation->not_after;
}

SSL_CTX *generation_ctx(const struct generation *generation, size_t route)
{
    return generation->ctx;
}

const struct svid *judge_peer(SSL *ssl, const struct authz_rule **out_rule)
{
    static const struct authz_rule rule = {.name = "expected"};
    const struct note *note = SSL_get_ex_data(ssl, generation_index());

    if (note == NULL || note->refusal != NULL) {
        return NULL;
    }
    *out_rule = &rule;
    return &note->svid;
}

const char *judge_refusal(SSL *ssl)
{
    const struct note *note = SSL_get_ex_data(ssl, generation_index());

    return note != NULL ? note->refusal : NULL;
}

/* The double validates no path, and its contexts judge for it. */
bool generation_attach(const struct generation *generation, size_t route, SSL *ssl,
                       struct peer_cache *cache)
{
    return true;
}

void judge_release(SSL *ssl)
{
}

struct tenure *generation_tenure(const struct generation *generation)
{
    return generation->tenure;
}

const char *judge_denial(SSL *ssl)
{
    const struct note *note = SSL_get_ex_data(ssl, generation_index());

    return note != NULL && note->denied ? note->refusal : NULL;
}

bool generation_serves(const struct generation *generation, size_t route)
{
    return true;
}

const struct authz_rule *generation_allows(const struct generation *generation, size_t route,
                                           const struct svid *peer)
{
    return strcmp(peer->spiffe, generation->expected) == 0 ? &generation->rule : NULL;
}
