/*
 * Inspect: certificates and CSRs: the common fields by OpenSSL, AMD's extensions and the
 * attestation result by our own readers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attest/cert.h"
#include "attest/inspect.h"
#include "attest/inspect_x509.h"
#include "attest/product.h"
#include "attest/tcb.h"
#include "attest/vek.h"
#include "attest/verify.h"
#include "common/der.h"
#include "common/ear.h"
#include "common/err.h"

static void put_key(struct sheet *sheet, const X509_PUBKEY *pubkey)
{
    struct sheet_line line = {
        .name = "key SHA-256", .offset = SHEET_NO_OFFSET, .meaning = "of the SubjectPublicKeyInfo"};
    EVP_PKEY *key = X509_PUBKEY_get0(pubkey);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(pubkey, &der);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char group[32] = "";

    if (key == NULL) {
        sheet_put(sheet, "key", NULL, "of a kind that cannot be read");
    } else {
        const char *type = EVP_PKEY_get0_type_name(key);

        (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
        sheet_put(sheet, "key", NULL, "%s%s%s, %d bits", type != NULL ? type : "unknown",
                  group[0] != '\0' ? " " : "", group, EVP_PKEY_get_bits(key));
    }
    if (len > 0 && SHA256(der, (size_t)len, digest) != NULL) {
        for (size_t i = 0; i < verify_num_vendor_anchors; i++) {
            if (memcmp(verify_vendor_anchors[i].spki_sha256, digest, sizeof(digest)) == 0) {
                line.mark = SHEET_GOOD;
                line.meaning = "AMD's root, pinned in this program";
            }
        }
        if (product_intermediate_revoked(digest)) {
            line.mark = SHEET_DANGER;
            line.meaning = "an intermediate that AMD has revoked";
        }
        sheet_hex(sheet, &line, (struct bytes){digest, sizeof(digest)});
    }
    OPENSSL_free(der);
    ERR_clear_error();
}

/* AMD's extensions of a VEK. */

static void put_ia5(struct sheet *sheet, const char *name, const char *meaning, struct bytes value)
{
    struct bytes text;

    if (value.data == NULL) {
        return;
    }
    if (!vek_text(value, &text)) {
        const struct sheet_line line = {
            .name = name, .offset = SHEET_NO_OFFSET, .mark = SHEET_DANGER, .meaning = "malformed"};

        sheet_hex(sheet, &line, value);
        return;
    }
    sheet_put(sheet, name, meaning, "%.*s", (int)(text.len < 255 ? text.len : 255),
              (const char *)text.data);
}

static void put_vek(struct sheet *sheet, const char *title, const struct cert *cert)
{
    static const char *const spls[] = {NULL,   "bootloader", "tee",  "snp",       "spl4",
                                       "spl5", "spl6",       "spl7", "microcode", "fmc"};
    struct sheet_line hwid = {
        .name = "hwID", .offset = SHEET_NO_OFFSET, .meaning = "the chip; CHIP_ID of its reports"};
    struct vek vek = vek_read(cert);
    uint8_t number = 0;

    sheet_section(sheet, "%s: AMD's extensions", title);
    if (vek.struct_version.data != NULL && vek_uint8(vek.struct_version, &number)) {
        sheet_put(sheet, "structVersion", "layout of the TCB", "%u", number);
    }
    put_ia5(sheet, "productName", NULL, vek.product_name);
    for (unsigned i = 1; i <= TCB_SPL_MAX; i++) {
        if (vek.spl[i].data != NULL) {
            if (vek_uint8(vek.spl[i], &number)) {
                sheet_put(sheet, spls[i], "firmware level that this key stands for", "%u", number);
            } else {
                sheet_line(sheet, &inspect_malformed, "%s is no INTEGER from 0 to 255", spls[i]);
            }
        }
    }
    if (vek.hwid.data != NULL) {
        if (vek.hwid.len != tcb_hwid_len(0) && vek.hwid.len != tcb_hwid_len(1)) {
            hwid.mark = SHEET_DANGER;
            hwid.meaning = "not of a length that chips have";
        }
        sheet_hex(sheet, &hwid, vek.hwid);
    }
    put_ia5(sheet, "cspID", "the provider that this VLEK belongs to", vek.csp);
}

/* The attestation result. */

static const char *status_text(enum ear_status status)
{
    switch (status) {
    case EAR_NONE:
        return "none: nobody vouches for this platform";
    case EAR_AFFIRMING:
        return "affirming";
    case EAR_WARNING:
        return "warning";
    case EAR_CONTRAINDICATED:
        return "contraindicated";
    }
    return "unknown";
}

static void put_ear_claims(struct sheet *sheet, const struct ear *ear)
{
    static const char *const components[EAR_TCB_COMPONENTS] = {"bootloader", "tee", "snp",
                                                               "microcode", "fmc"};
    const struct sheet_line measurement = {.name = "measurement",
                                           .offset = SHEET_NO_OFFSET,
                                           .meaning = "of the guest that holds this key"};

    sheet_put(sheet, "tee", ear->genuine ? "a vendor's root vouched for it" : "SIMULATED", "%s",
              ear->tee);
    sheet_hex(sheet, &measurement, (struct bytes){ear->measurement, ear->measurement_len});
    sheet_put(sheet, "guest_policy", "POLICY of the report", "0x%" PRIx64, ear->guest_policy);
    sheet_put(sheet, "epoch", "of the CA's policy", "%" PRIu64, ear->epoch);
    for (unsigned i = 0; i < EAR_TCB_COMPONENTS; i++) {
        if (ear->tcb_present[i]) {
            sheet_put(sheet, components[i], "REPORTED_TCB", "%u", ear->tcb[i]);
        }
    }
}

static void put_ear(struct sheet *sheet, const char *title, struct bytes value)
{
    struct der der = der_over(value);
    struct der_item cmw;
    struct sheet_line status = {.name = "status", .offset = SHEET_NO_OFFSET};
    const struct sheet_line iat = {
        .name = "iat", .offset = SHEET_NO_OFFSET, .meaning = "when it was given"};
    struct ear ear;
    struct err err;

    sheet_section(sheet, "%s: attestation result", title);
    if (!der_take(&der, DER_OCTET_STRING, &cmw) || !der_end(&der)) {
        sheet_line(sheet, &inspect_malformed, "no OCTET STRING");
        return;
    }
    if (ear_decode(cmw.content, &ear, &err) != 0) {
        sheet_line(sheet, &inspect_malformed, "%s", err.msg);
        return;
    }
    status.mark = ear.status == EAR_AFFIRMING ? SHEET_GOOD : SHEET_DANGER;
    sheet_line(sheet, &status, "%u (%s)", (unsigned)ear.status, status_text(ear.status));
    inspect_time(sheet, &iat, ear.iat);
    sheet_put(sheet, "instance-identity", NULL, "%s",
              ear.instance_identified ? "affirmed: the policy lists this chip" : "not claimed");
    sheet_put(sheet, "hardware", NULL, "%s", ear.genuine ? "affirmed" : "not claimed");
    sheet_put(sheet, "policy", "digest of the policy it was given by", "%s", ear.policy_id);
    sheet_put(sheet, "verifier", NULL, "%s", ear.verifier_build);
    put_ear_claims(sheet, &ear);
}

/* Certificates. */

/* True for those of AMD's that put_vek() shows. */
static bool is_vek_extension(const char *oid)
{
    static const char prefix[] = "1.3.6.1.4.1.3704.1.";
    static const char *const known[] = {"1",   "2",   "3.1", "3.2", "3.3", "3.4", "3.5",
                                        "3.6", "3.7", "3.8", "3.9", "4",   "5"};

    if (strncmp(oid, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(oid + sizeof(prefix) - 1, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Those that have no section of their own. */
static void put_extensions(struct sheet *sheet, BIO *bio, const X509 *x509, bool is_vek)
{
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        char oid[80];

        OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);
        if (!(is_vek && is_vek_extension(oid)) && strcmp(oid, "1.3.6.1.5.5.7.1.35") != 0) {
            inspect_extension(sheet, bio, extension,
                              X509_EXTENSION_get_critical(extension) != 0 ? "critical" : NULL);
        }
    }
}

static void put_x509(struct sheet *sheet, BIO *bio, X509 *cert)
{
    char text[INSPECT_TEXT_MAX];

    inspect_name(sheet, bio, "subject", X509_get_subject_name(cert));
    inspect_name(sheet, bio, "issuer", X509_get_issuer_name(cert));
    i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(cert));
    inspect_text(bio, text);
    sheet_put(sheet, "serial number", NULL, "%s", text);
    sheet_put(sheet, "signature algorithm", NULL, "%s", OBJ_nid2ln(X509_get_signature_nid(cert)));
    put_key(sheet, X509_get_X509_PUBKEY(cert));
}

static void put_own(struct sheet *sheet, const char *title, const struct cert *cert)
{
    struct cert_extension extension;

    if (vek_looks_like(cert)) {
        put_vek(sheet, title, cert);
    }
    if (cert_find_extension(cert, EAR_CMW_OID, EAR_CMW_OID_LEN, &extension)) {
        put_ear(sheet, title, extension.value);
    }
}

void inspect_certificate(struct sheet *sheet, const char *title, struct bytes certificate,
                         int64_t now)
{
    uint8_t storage[CERT_DER_MAX];
    struct buf room = buf_over(storage, sizeof(storage));
    const unsigned char *at = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x509 = NULL;
    struct cert cert;
    uint8_t digest[SHA256_DIGEST_LENGTH];

    sheet_section(sheet, "%s", title);
    switch (cert_read(certificate, &room, &cert)) {
    case CERT_OK:
        break;
    case CERT_TOO_LONG:
        sheet_line(sheet, &inspect_malformed, "longer than %d bytes", CERT_DER_MAX);
        goto out;
    case CERT_MALFORMED:
        sheet_line(sheet, &inspect_malformed, "not one certificate in strict DER or PEM");
        goto out;
    }
    at = cert.der.data;
    x509 = d2i_X509(NULL, &at, (long)cert.der.len);
    if (bio == NULL || x509 == NULL) {
        sheet_line(sheet, &inspect_malformed, "not a certificate");
        goto out;
    }
    put_x509(sheet, bio, x509);
    inspect_begin(sheet, "notBefore", cert.not_before, now);
    inspect_end(sheet, "notAfter", cert.not_after, now);
    put_extensions(sheet, bio, x509, vek_looks_like(&cert));
    if (SHA256(cert.der.data, cert.der.len, digest) != NULL) {
        const struct sheet_line line = {
            .name = "certificate SHA-256", .offset = SHEET_NO_OFFSET, .meaning = NULL};

        sheet_hex(sheet, &line, (struct bytes){digest, sizeof(digest)});
    }
    put_own(sheet, title, &cert);
out:
    ERR_clear_error();
    X509_free(x509);
    BIO_free(bio);
}

void inspect_csr(struct sheet *sheet, struct bytes csr)
{
    struct sheet_line proof = {.name = "signature", .offset = SHEET_NO_OFFSET};
    const unsigned char *at = csr.data;
    BIO *bio = BIO_new(BIO_s_mem());
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr.len);
    STACK_OF(X509_EXTENSION) *extensions = NULL;

    sheet_section(sheet, "Certificate signing request");
    if (bio == NULL || request == NULL) {
        sheet_line(sheet, &inspect_malformed, "not a CSR");
        goto out;
    }
    inspect_name(sheet, bio, "subject", X509_REQ_get_subject_name(request));
    put_key(sheet, X509_REQ_get_X509_PUBKEY(request));
    if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1) {
        proof.mark = SHEET_GOOD;
        sheet_line(sheet, &proof, "holds: whoever made this has the key");
    } else {
        proof.mark = SHEET_DANGER;
        sheet_line(sheet, &proof, "does not hold");
    }
    extensions = X509_REQ_get_extensions(request);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        inspect_extension(sheet, bio, sk_X509_EXTENSION_value(extensions, i),
                          "asked for; the CA's policy decides");
    }
out:
    ERR_clear_error();
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    BIO_free(bio);
}
