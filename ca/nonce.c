/*
 * Nonce: layout, keys of the day, and the tag.
 *
 *   0 version | 1 kid | 2 time u48be, ms | 8 replica u16be | 10 random r | 10+r tag t
 */
#include "ca/nonce.h"

#include <assert.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "common/err.h"

#define VERSION 1
#define HEAD_LEN 10 /* bytes before the random ones */
#define DAY_MS 86400000U
#define TAG_LABEL "attested-ca nonce v1" /* its NUL is part of it */
#define KEY_LABEL "liftgate nonce key v1"

/* Random bytes of a nonce of `len`; 0 if that length is not served. */
static size_t random_len(size_t len)
{
    switch (len) {
    case 32:
        return 8;
    case 48:
        return 14;
    case 64:
        return 22;
    default:
        return 0;
    }
}

bool nonce_len_served(size_t len)
{
    return random_len(len) != 0;
}

int nonce_key(const uint8_t secret[static NONCE_SECRET_LEN], uint64_t day,
              uint8_t out_key[static NONCE_KEY_LEN], struct err *err)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    uint8_t key_material[NONCE_SECRET_LEN];
    uint8_t info[sizeof(KEY_LABEL) + 8] = KEY_LABEL;
    OSSL_PARAM params[4];
    int rc = -1;

    memcpy(key_material, secret, sizeof(key_material));
    for (unsigned i = 0; i < 8; i++) {
        info[sizeof(KEY_LABEL) + i] = (uint8_t)(day >> (56 - 8 * i));
    }
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_material, sizeof(key_material));
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info));
    params[3] = OSSL_PARAM_construct_end();
    if (ctx == NULL || EVP_KDF_derive(ctx, out_key, NONCE_KEY_LEN, params) != 1) {
        err_set_openssl(err, ERR_LIMIT, "nonce key");
        goto out;
    }
    rc = 0;
out:
    OPENSSL_cleanse(key_material, sizeof(key_material));
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return rc;
}

/* The whole HMAC over label, trust domain, everything before the tag, and binder. */
static int compute_tag(const uint8_t key[static NONCE_KEY_LEN], const char *trust_domain,
                       struct bytes body, struct bytes binder, uint8_t out_tag[static 32],
                       struct err *err)
{
    uint8_t input[sizeof(TAG_LABEL) + 1 + 255 + NONCE_LEN_MAX + 32];
    size_t domain_len = strlen(trust_domain);
    uint8_t *end = input;
    size_t tag_len = 0;

    assert(domain_len <= 255 && body.len <= NONCE_LEN_MAX && binder.len <= 32);
    memcpy(end, TAG_LABEL, sizeof(TAG_LABEL));
    end += sizeof(TAG_LABEL);
    *end++ = (uint8_t)domain_len;
    memcpy(end, trust_domain, domain_len);
    end += domain_len;
    memcpy(end, body.data, body.len);
    end += body.len;
    if (binder.len > 0) {
        memcpy(end, binder.data, binder.len);
        end += binder.len;
    }
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, NONCE_KEY_LEN, input,
                  (size_t)(end - input), out_tag, 32, &tag_len) == NULL ||
        tag_len != 32) {
        return err_set_openssl(err, ERR_LIMIT, "nonce tag");
    }
    return 0;
}

int nonce_seal(const uint8_t key[static NONCE_KEY_LEN], const char *trust_domain,
               struct bytes binder, uint8_t *nonce, size_t len, struct err *err)
{
    size_t body_len = HEAD_LEN + random_len(len);
    uint8_t tag[32];

    assert(nonce_len_served(len));
    if (compute_tag(key, trust_domain, (struct bytes){nonce, body_len}, binder, tag, err) != 0) {
        return -1;
    }
    memcpy(nonce + body_len, tag, len - body_len);
    return 0;
}

int nonce_issue(const struct nonce_issuer *issuer, size_t len, uint64_t now_ms, uint8_t *out_nonce,
                struct err *err)
{
    uint8_t nonce[NONCE_LEN_MAX];
    uint8_t key[NONCE_KEY_LEN];
    uint64_t day = now_ms / DAY_MS;
    int rc = -1;

    assert(nonce_len_served(len));
    nonce[0] = VERSION;
    nonce[1] = (uint8_t)day;
    for (unsigned i = 0; i < 6; i++) {
        nonce[2 + i] = (uint8_t)(now_ms >> (40 - 8 * i));
    }
    nonce[8] = (uint8_t)(issuer->replica >> 8);
    nonce[9] = (uint8_t)issuer->replica;
    if (RAND_bytes(nonce + HEAD_LEN, (int)random_len(len)) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random bytes");
    }
    if (nonce_key(issuer->secret, day, key, err) == 0 &&
        nonce_seal(key, issuer->trust_domain, (struct bytes){NULL, 0}, nonce, len, err) == 0) {
        memcpy(out_nonce, nonce, len);
        rc = 0;
    }
    OPENSSL_cleanse(key, sizeof(key));
    return rc;
}

/* The day whose key has this kid: that of the oldest or of the newest acceptable nonce. */
static bool find_day(uint8_t kid, uint64_t now_ms, uint64_t *out_day)
{
    const uint64_t days[] = {
        (now_ms - (NONCE_LIFETIME_S + NONCE_SKEW_S) * 1000U) / DAY_MS,
        (now_ms + NONCE_SKEW_S * 1000U) / DAY_MS,
    };

    for (unsigned i = 0; i < 2; i++) {
        if ((uint8_t)days[i] == kid) {
            *out_day = days[i];
            return true;
        }
    }
    return false;
}

static bool check_tag(const struct nonce_issuer *issuer, struct bytes nonce, uint64_t day,
                      struct verdict *out_verdict)
{
    size_t body_len = HEAD_LEN + random_len(nonce.len);
    uint8_t key[NONCE_KEY_LEN];
    uint8_t tag[32];
    struct err err;
    bool ok = false;

    if (nonce_key(issuer->secret, day, key, &err) != 0 ||
        compute_tag(key, issuer->trust_domain, (struct bytes){nonce.data, body_len},
                    (struct bytes){NULL, 0}, tag, &err) != 0) {
        verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "nonce-key-unavailable");
        verdict_actual(out_verdict, "%s", err.msg);
    } else if (CRYPTO_memcmp(tag, nonce.data + body_len, nonce.len - body_len) != 0) {
        verdict_refuse(out_verdict, VERDICT_NONCE_INVALID, 0, "nonce-tag");
    } else {
        ok = true;
    }
    OPENSSL_cleanse(key, sizeof(key));
    return ok;
}

bool nonce_check(const struct nonce_issuer *issuer, struct bytes nonce, uint64_t now_ms,
                 struct verdict *out_verdict)
{
    uint64_t day = 0;
    uint64_t issued_ms = 0;
    uint16_t replica = 0;

    if (!nonce_len_served(nonce.len) || nonce.data[0] != VERSION) {
        return verdict_refuse(out_verdict, VERDICT_NONCE_INVALID, 0, "nonce-format");
    }
    for (unsigned i = 0; i < 6; i++) {
        issued_ms = issued_ms << 8 | nonce.data[2 + i];
    }
    if (!find_day(nonce.data[1], now_ms, &day)) {
        return verdict_refuse(out_verdict, VERDICT_NONCE_INVALID, 0, "nonce-key-unknown");
    }
    if (!check_tag(issuer, nonce, day, out_verdict)) {
        return false;
    }
    if (issued_ms > now_ms + NONCE_SKEW_S * 1000U) {
        verdict_refuse(out_verdict, VERDICT_NONCE_INVALID, 0, "nonce-from-the-future");
        verdict_actual(out_verdict, "%llu ms", (unsigned long long)issued_ms);
        return false;
    }
    if (issued_ms + (NONCE_LIFETIME_S + NONCE_SKEW_S) * 1000U < now_ms) {
        verdict_refuse(out_verdict, VERDICT_NONCE_EXPIRED, 0, "nonce-too-old");
        verdict_expected(out_verdict, "at most %d s", NONCE_LIFETIME_S + NONCE_SKEW_S);
        verdict_actual(out_verdict, "%llu ms", (unsigned long long)(now_ms - issued_ms));
        return false;
    }
    replica = (uint16_t)(nonce.data[8] << 8 | nonce.data[9]);
    if (replica != issuer->replica) {
        verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "nonce-of-another-replica");
        verdict_expected(out_verdict, "%u", issuer->replica);
        verdict_actual(out_verdict, "%u", replica);
        return false;
    }
    return true;
}

bool nonce_id(struct bytes nonce, uint8_t out_id[static NONCE_ID_LEN])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    if (SHA256(nonce.data, nonce.len, digest) == NULL) {
        return false;
    }
    memcpy(out_id, digest, NONCE_ID_LEN);
    return true;
}
