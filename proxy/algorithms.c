/*
 * Algorithms: the list, the provider that shows it, and its two contexts.
 *
 * The tables of the default provider are static in libcrypto, so that what is chosen from them is
 * chosen once for the process; what belongs to an instance are its contexts alone.
 */
#include "proxy/algorithms.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "common/err.h"

#define PER_OPERATION_MAX 24
#define GROUPS_MAX 8
#define NAME "liftgate"

/* What is taken of one operation: any of these names, from decoders and encoders only for these
   properties. */
struct wanted {
    int operation;
    const char *names[16];
    const char *properties[4];
};

static const struct wanted wanted[] = {
    /* SHA-1 only identifies certificates in OpenSSL's memory; as a signature's digest it is barred
       by the security level. */
    {OSSL_OP_DIGEST, {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"}, {NULL}},
    {OSSL_OP_CIPHER, {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"}, {NULL}},
    {OSSL_OP_MAC, {"HMAC"}, {NULL}},
    {OSSL_OP_KDF, {"HKDF", "TLS13-KDF", "TLS1-PRF"}, {NULL}},
    {OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}, {NULL}},
    {OSSL_OP_KEYMGMT,
     {"RSA", "RSA-PSS", "EC", "X25519", "ED25519", "HMAC", "X25519MLKEM768"},
     {NULL}},
    {OSSL_OP_KEYEXCH, {"ECDH", "X25519"}, {NULL}},
    {OSSL_OP_KEM, {"X25519MLKEM768"}, {NULL}},
    {OSSL_OP_SIGNATURE, {"RSA", "ECDSA", "ED25519", "HMAC"}, {NULL}},
    {OSSL_OP_DECODER,
     {"EC", "ED25519", "RSA", "RSA-PSS"},
     {"input=der", "structure=SubjectPublicKeyInfo"}},
    /* X509_set_pubkey() and the like encode. */
    {OSSL_OP_ENCODER,
     {"EC", "ED25519", "RSA", "RSA-PSS"},
     {"output=der", "structure=SubjectPublicKeyInfo"}},
};
#define NUM_OPERATIONS (sizeof(wanted) / sizeof(wanted[0]))

/* Groups by their number in TLS (RFC 8446 section 4.2.7): one may have several names. */
static const unsigned wanted_groups[] = {0x17, 0x18, 0x1d, 0x11ec};

/* What was found, made by choose() and never changed again. */
static OSSL_ALGORITHM chosen[NUM_OPERATIONS][PER_OPERATION_MAX + 1];
static OSSL_PARAM *chosen_groups[GROUPS_MAX];
static bool is_chosen;
static CRYPTO_ONCE choose_once = CRYPTO_ONCE_STATIC_INIT;

/* The default provider of the instance that is being made: init() has no argument of the user's. */
static _Thread_local OSSL_PROVIDER *making;

struct algorithms {
    OSSL_LIB_CTX *inner; /* with the default provider */
    OSSL_LIB_CTX *outer; /* with ours alone */
    OSSL_PROVIDER *whole;
    OSSL_PROVIDER *part;
};

/* Whether one of the names, with ':' between, is `name`. */
static bool has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (;;) {
        size_t one = strcspn(names, ":");

        if (one == len && strncasecmp(names, name, len) == 0) {
            return true;
        }
        if (names[one] == '\0') {
            return false;
        }
        names += one + 1;
    }
}

/* Whether the properties, with ',' between, have `property`. */
static bool has_property(const char *properties, const char *property)
{
    size_t len = strlen(property);

    for (const char *at = properties; (at = strcasestr(at, property)) != NULL; at++) {
        if ((at == properties || at[-1] == ',') && (at[len] == '\0' || at[len] == ',')) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct wanted *want, const OSSL_ALGORITHM *algorithm)
{
    bool named = false;

    for (size_t i = 0; want->names[i] != NULL && !named; i++) {
        named = has_name(algorithm->algorithm_names, want->names[i]);
    }
    for (size_t i = 0; want->properties[i] != NULL && named; i++) {
        named = has_property(algorithm->property_definition, want->properties[i]);
    }
    return named;
}

static int choose_group(const OSSL_PARAM params[], void *arg)
{
    const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ID);
    size_t *num = arg;
    unsigned number = 0;

    if (id == NULL || OSSL_PARAM_get_uint(id, &number) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(wanted_groups) / sizeof(wanted_groups[0]); i++) {
        if (wanted_groups[i] == number) {
            chosen_groups[*num] = *num < GROUPS_MAX ? OSSL_PARAM_dup(params) : NULL;
            return chosen_groups[(*num)++] != NULL;
        }
    }
    return 1;
}

static void choose(void)
{
    size_t num_groups = 0;

    for (size_t i = 0; i < NUM_OPERATIONS; i++) {
        int no_cache = 0;
        const OSSL_ALGORITHM *all =
            OSSL_PROVIDER_query_operation(making, wanted[i].operation, &no_cache);
        size_t num = 0;

        for (; all != NULL && all->algorithm_names != NULL; all++) {
            if (!is_wanted(&wanted[i], all)) {
                continue;
            }
            if (num == PER_OPERATION_MAX) {
                return;
            }
            chosen[i][num++] = *all;
        }
    }
    is_chosen = OSSL_PROVIDER_get_capabilities(making, "TLS-GROUP", choose_group, &num_groups) == 1;
}

static const OSSL_ALGORITHM *on_query(void *provider, int operation, int *no_cache)
{
    *no_cache = 0;
    for (size_t i = 0; i < NUM_OPERATIONS; i++) {
        if (wanted[i].operation == operation) {
            return chosen[i];
        }
    }
    return NULL;
}

static int on_capabilities(void *provider, const char *capability, OSSL_CALLBACK *tell, void *arg)
{
    if (strcmp(capability, "TLS-GROUP") != 0) {
        return 0;
    }
    for (size_t i = 0; i < GROUPS_MAX && chosen_groups[i] != NULL; i++) {
        if (tell(chosen_groups[i], arg) != 1) {
            return 0;
        }
    }
    return 1;
}

/* The default provider's context, which is ours too, goes with that provider. */
static void on_teardown(void *provider)
{
}

static int on_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                   const OSSL_DISPATCH **out, void **out_provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))on_teardown},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))on_capabilities},
        {0, NULL},
    };

    if (making == NULL) {
        return 0;
    }
    *out = functions;
    *out_provider = OSSL_PROVIDER_get0_provider_ctx(making);
    return 1;
}

static bool make(struct algorithms *algorithms)
{
    algorithms->inner = OSSL_LIB_CTX_new();
    algorithms->outer = OSSL_LIB_CTX_new();
    if (algorithms->inner == NULL || algorithms->outer == NULL) {
        return false;
    }
    algorithms->whole = OSSL_PROVIDER_load(algorithms->inner, "default");
    if (algorithms->whole == NULL) {
        return false;
    }
    making = algorithms->whole;
    if (CRYPTO_THREAD_run_once(&choose_once, choose) == 1 && is_chosen &&
        OSSL_PROVIDER_add_builtin(algorithms->outer, NAME, on_init) == 1) {
        /* Not try_load: this one also keeps the default provider from stepping in. */
        algorithms->part = OSSL_PROVIDER_load(algorithms->outer, NAME);
    }
    making = NULL;
    return algorithms->part != NULL;
}

int algorithms_begin(struct err *err)
{
    /* SHA-1 to identify certificates; of signatures those that the security level admits, since it
       is for whoever issues a certificate to choose. */
    const EVP_MD *const digests[] = {
        EVP_sha1(),     EVP_sha224(),     EVP_sha256(),     EVP_sha384(),
        EVP_sha512(),   EVP_sha512_224(), EVP_sha512_256(), EVP_sha3_224(),
        EVP_sha3_256(), EVP_sha3_384(),   EVP_sha3_512(),
    };
    bool done = OPENSSL_init_crypto(
                    OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS, NULL) == 1;

    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]) && done; i++) {
        done = EVP_add_digest(digests[i]) == 1;
    }
    return done ? 0 : err_set_openssl(err, ERR_LIMIT, "the names of algorithms");
}

struct algorithms *algorithms_new(struct err *err)
{
    struct algorithms *algorithms = calloc(1, sizeof(*algorithms));

    if (algorithms == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    ERR_clear_error();
    if (!make(algorithms)) {
        err_set_openssl(err, ERR_LIMIT, "the list of algorithms");
        algorithms_free(algorithms);
        return NULL;
    }
    return algorithms;
}

void algorithms_free(struct algorithms *algorithms)
{
    if (algorithms == NULL) {
        return;
    }
    OPENSSL_thread_stop_ex(algorithms->outer);
    OPENSSL_thread_stop_ex(algorithms->inner);
    if (algorithms->part != NULL) {
        OSSL_PROVIDER_unload(algorithms->part);
    }
    OSSL_LIB_CTX_free(algorithms->outer);
    if (algorithms->whole != NULL) {
        OSSL_PROVIDER_unload(algorithms->whole);
    }
    OSSL_LIB_CTX_free(algorithms->inner);
    free(algorithms);
}

OSSL_LIB_CTX *algorithms_context(const struct algorithms *algorithms)
{
    return algorithms->outer;
}
