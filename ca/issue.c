/*
 * Issue: from grant and claims to the leaf.
 */
#include "ca/issue.h"

#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include "common/ear.h"
#include "common/err.h"

static int describe(const struct issue_request *request, struct buf *out_cmw, struct err *err)
{
    const struct claims *claims = request->claims;
    struct ear ear = {
        .iat = request->now,
        .status = claims->tee == TEE_SIM ? EAR_NONE : EAR_AFFIRMING,
        .genuine = claims->tee != TEE_SIM,
        .epoch = request->ca->epoch,
        .measurement_len = claims->measurement_len,
        .guest_policy = claims->guest_policy,
        .verifier_build = "liftgate-ca " LIFTGATE_VERSION,
    };

    _Static_assert(EAR_TCB_COMPONENTS == (int)TCB_COMPONENTS, "same components in the same order");
    snprintf(ear.policy_id, sizeof(ear.policy_id), "%s", request->ca->id);
    snprintf(ear.tee, sizeof(ear.tee), "%s", tee_name(claims->tee));
    memcpy(ear.measurement, claims->measurement, sizeof(ear.measurement));
    memcpy(ear.tcb, claims->reported.value, sizeof(ear.tcb));
    memcpy(ear.tcb_present, claims->reported.present, sizeof(ear.tcb_present));
    return ear_encode(&ear, out_cmw, err);
}

static int issuer_end(const struct issuer *issuer, int64_t *out_end, struct err *err)
{
    struct tm end;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(issuer->cert), &end) != 1) {
        return err_set_openssl(err, ERR_INVALID, "issuing certificate: notAfter");
    }
    *out_end = (int64_t)timegm(&end);
    return 0;
}

int issue_leaf(const struct issuer *issuer, const struct issue_request *request,
               struct issued *out_issued, struct buf *out, struct err *err)
{
    uint8_t storage[EAR_CMW_MAX];
    struct buf cmw = buf_over(storage, sizeof(storage));
    struct profile profile = {
        .kind = PROFILE_LEAF,
        .key = request->key,
        .issuer = issuer->cert,
        .issuer_key = issuer->key,
        .uri = request->grant->spiffe,
        .dns = request->grant->dns,
        .num_dns = request->grant->num_dns,
        .not_before = request->now - ISSUE_BACKDATE_S,
        .not_after = request->now + request->grant->ttl_s,
    };
    int64_t end = 0;
    X509 *cert = NULL;
    unsigned char *der = NULL;
    int len = 0;
    int rc = -1;

    if (issuer_end(issuer, &end, err) != 0) {
        return -1;
    }
    if (end <= request->now) {
        return err_set(err, ERR_DENIED, "the issuing certificate has expired");
    }
    if (profile.not_after > end) {
        profile.not_after = end;
    }
    if (describe(request, &cmw, err) != 0 || profile_serial(profile.serial, err) != 0) {
        return -1;
    }
    profile.cmw = (struct bytes){cmw.data, cmw.len};
    cert = profile_sign(&profile, err);
    if (cert == NULL) {
        return -1;
    }
    len = i2d_X509(cert, &der);
    if (len <= 0 || !buf_append(out, der, (size_t)len)) {
        err_set_openssl(err, ERR_LIMIT, "certificate too long");
        goto out;
    }
    memcpy(out_issued->serial, profile.serial, sizeof(out_issued->serial));
    out_issued->not_after = profile.not_after;
    rc = 0;
out:
    OPENSSL_free(der);
    X509_free(cert);
    return rc;
}
