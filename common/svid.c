/*
 * Svid: reading a leaf, and the order in which a peer is judged: the path, the rules for each
 * certificate above the leaf, the leaf.  The rules themselves live in common/svid_rules.c.
 */
#include "common/svid.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/der.h"
#include "common/dns_name.h"
#include "common/err.h"
#include "common/spiffe.h"
#include "common/svid_names.h"
#include "common/svid_rules.h"

#define AUTH_LEVEL 2 /* OpenSSL's security level of data-path.md section 5 */

static bool seconds_of(const ASN1_TIME *time, int64_t *out_seconds)
{
    struct tm parts = {0};

    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out_seconds = (int64_t)timegm(&parts);
    return true;
}

/* The attestation result, if there is one: OCTET STRING { CMW } (enrollment.md section 2.6). */
static int read_claims(const X509 *leaf, struct svid *svid, struct err *err)
{
    struct bytes value = svid_extension(leaf, EAR_CMW_OID, EAR_CMW_OID_LEN);
    struct der der = der_over(value);
    struct der_item cmw;

    if (value.data == NULL) {
        return 0;
    }
    if (!der_take(&der, DER_OCTET_STRING, &cmw) || !der_end(&der)) {
        return err_set(err, ERR_INVALID, "attestation result: not one OCTET STRING");
    }
    svid->has_claims = true;
    return ear_decode(cmw.content, &svid->claims, err);
}

static int read_digests(const X509 *leaf, struct svid *svid, struct err *err)
{
    uint8_t *spki = NULL;
    int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    bool ok = spki_len > 0 && X509_digest(leaf, EVP_sha256(), svid->sha256, NULL) == 1 &&
              EVP_Digest(spki, (size_t)spki_len, svid->spki_sha256, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(spki);
    return ok ? 0 : err_set_openssl(err, ERR_LIMIT, "digest of a certificate");
}

int svid_describe(X509 *leaf, struct svid *out_svid, struct err *err)
{
    struct svid svid = {0};
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    const char *reason = NULL;

    if (!seconds_of(X509_get0_notBefore(leaf), &svid.not_before) ||
        !seconds_of(X509_get0_notAfter(leaf), &svid.not_after)) {
        return err_set(err, ERR_INVALID, "malformed validity");
    }
    svid.serial_len = (size_t)ASN1_STRING_length(serial);
    if (svid.serial_len > sizeof(svid.serial)) {
        return err_set(err, ERR_INVALID, "serial number over 20 octets");
    }
    memcpy(svid.serial, ASN1_STRING_get0_data(serial), svid.serial_len);
    if (read_digests(leaf, &svid, err) != 0 || read_claims(leaf, &svid, err) != 0) {
        return -1;
    }
    reason = svid_names_read(leaf, &svid);
    if (reason != NULL) {
        return err_set(err, ERR_INVALID, "%s", reason);
    }
    *out_svid = svid;
    return 0;
}

bool svid_copy(const struct svid *svid, struct svid *out)
{
    char *spiffe = strdup(svid->spiffe);
    char *dns = svid->dns != NULL ? malloc(svid->dns_len) : NULL;

    if (spiffe == NULL || (svid->dns != NULL && dns == NULL)) {
        free(spiffe);
        free(dns);
        return false;
    }
    if (dns != NULL) {
        memcpy(dns, svid->dns, svid->dns_len);
    }
    *out = *svid;
    out->spiffe = spiffe;
    out->dns = dns;
    return true;
}

bool svid_has_dns(const struct svid *svid, const char *name)
{
    struct bytes wanted = {(const uint8_t *)name, strlen(name)};

    for (size_t at = 0; at < svid->dns_len; at += strlen(svid->dns + at) + 1) {
        struct bytes own = {(const uint8_t *)svid->dns + at, strlen(svid->dns + at)};

        if (dns_name_same(own, wanted)) {
            return true;
        }
    }
    return false;
}

void svid_deinit(struct svid *svid)
{
    free(svid->spiffe);
    free(svid->dns);
    svid->spiffe = NULL;
    svid->dns = NULL;
    svid->dns_len = 0;
}

static int deny(int *out_x509_error, int x509_error, struct err *err, const char *reason)
{
    *out_x509_error = x509_error;
    return err_set(err, ERR_DENIED, "peer certificate: %s", reason);
}

/* The rules may leave reasons in OpenSSL's queue, which is the next SSL call's to read. */
static int check_leaf(X509 *leaf, const char *trust_domain, int64_t now, struct svid *out_svid,
                      int *out_x509_error, struct err *err)
{
    struct svid_flaw flaw = svid_leaf_flaw(leaf);
    struct err inner = {0};
    struct svid svid;

    if (flaw.reason != NULL) {
        return deny(out_x509_error, flaw.x509_error, err, flaw.reason);
    }
    if (svid_describe(leaf, &svid, &inner) != 0) {
        return deny(out_x509_error, X509_V_ERR_CERT_REJECTED, err, inner.msg);
    }
    if (now < svid.not_before) {
        (void)deny(out_x509_error, X509_V_ERR_CERT_NOT_YET_VALID, err, "not yet valid");
    } else if (now >= svid.not_after) {
        (void)deny(out_x509_error, X509_V_ERR_CERT_HAS_EXPIRED, err, "expired");
    } else if (!spiffe_id_in(svid.spiffe, trust_domain)) {
        (void)deny(out_x509_error, X509_V_ERR_CERT_REJECTED, err, "of another trust domain");
    } else {
        *out_svid = svid;
        return 0;
    }
    svid_deinit(&svid);
    return -1;
}

int svid_check_leaf(X509 *leaf, const char *trust_domain, int64_t now, struct svid *out_svid,
                    int *out_x509_error, struct err *err)
{
    int rc = check_leaf(leaf, trust_domain, now, out_svid, out_x509_error, err);

    ERR_clear_error();
    return rc;
}

/* A time that is set overrides X509_V_FLAG_NO_CHECK_TIME; purpose and trust replace the context's.
 */
static bool set_parameters(X509_STORE_CTX *ctx, enum svid_role role, int64_t now)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    bool server = role == SVID_SERVER;

    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_WILDCARDS);
    return X509_VERIFY_PARAM_set_flags(param,
                                       X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
           X509_VERIFY_PARAM_set_purpose(param, server ? X509_PURPOSE_SSL_SERVER
                                                       : X509_PURPOSE_SSL_CLIENT) == 1 &&
           X509_VERIFY_PARAM_set_trust(param,
                                       server ? X509_TRUST_SSL_SERVER : X509_TRUST_SSL_CLIENT) == 1;
}

static int check_path(X509_STORE_CTX *ctx, int *out_x509_error, struct err *err)
{
    const STACK_OF(X509) *chain = NULL;
    int error = X509_V_OK;

    if (X509_verify_cert(ctx) != 1) {
        error = X509_STORE_CTX_get_error(ctx);
        error = error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED;
        return deny(out_x509_error, error, err, X509_verify_cert_error_string(error));
    }
    chain = X509_STORE_CTX_get0_chain(ctx);
    if (sk_X509_num(chain) < 2) {
        return deny(out_x509_error, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, err,
                    "a trust anchor itself");
    }
    for (int i = 1; i < sk_X509_num(chain); i++) {
        struct svid_flaw flaw = svid_ca_flaw(sk_X509_value(chain, i));

        if (flaw.reason != NULL) {
            (void)deny(out_x509_error, flaw.x509_error, err, flaw.reason);
            return err_wrap(err, "CA certificate %d above the leaf", i);
        }
    }
    return 0;
}

/* The path was found valid, so its dates can be read.  A digest that cannot be made, for want of
   memory, stays zero: that of no anchor. */
static void set_path(const STACK_OF(X509) * chain, struct svid *svid)
{
    svid->path_from = svid->not_before;
    svid->path_until = svid->not_after;
    for (int i = 1; i < sk_X509_num(chain); i++) {
        int64_t from = INT64_MAX;
        int64_t until = INT64_MIN;

        (void)seconds_of(X509_get0_notBefore(sk_X509_value(chain, i)), &from);
        (void)seconds_of(X509_get0_notAfter(sk_X509_value(chain, i)), &until);
        svid->path_from = from > svid->path_from ? from : svid->path_from;
        svid->path_until = until < svid->path_until ? until : svid->path_until;
    }
    (void)X509_digest(sk_X509_value(chain, sk_X509_num(chain) - 1), EVP_sha256(),
                      svid->anchor_sha256, NULL);
}

int svid_verify(X509_STORE_CTX *ctx, enum svid_role role, const char *trust_domain, int64_t now,
                struct svid *out_svid, struct err *err)
{
    int x509_error = X509_V_ERR_UNSPECIFIED;
    int rc = -1;

    if (X509_STORE_CTX_get0_cert(ctx) == NULL || !set_parameters(ctx, role, now)) {
        (void)deny(&x509_error, X509_V_ERR_UNSPECIFIED, err, "cannot be judged");
    } else if (check_path(ctx, &x509_error, err) == 0) {
        rc = check_leaf(X509_STORE_CTX_get0_cert(ctx), trust_domain, now, out_svid, &x509_error,
                        err);
    }
    if (rc == 0) {
        set_path(X509_STORE_CTX_get0_chain(ctx), out_svid);
    }
    ERR_clear_error();
    X509_STORE_CTX_set_error(ctx, rc == 0 ? X509_V_OK : x509_error);
    return rc;
}
