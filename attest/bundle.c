/*
 * Bundle: three layers, outermost first: DER AttestationBundle, CBOR CMW record, tsm-report map.
 *
 * DER is judged on the received bytes by our own cursor; nothing is decoded by OpenSSL here.
 */
#include "attest/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "attest/tsm.h"
#include "common/cbor.h"
#include "common/der.h"
#include "common/err.h"

#define CMW_TYPE "application/vnd.veraison.tsm-report+cbor"
#define CMW_IND_EVIDENCE 4 /* RFC 9999: bit 2 */
#define CMW_OVERHEAD 64    /* bytes around the tsm-report, at most */
#define DER_HEAD_MAX 6     /* bytes: tag and a length of 32 bits */

/* Content octets of 1.3.6.1.5.5.7.1.35. */
#define CMW_OID "\x2b\x06\x01\x05\x05\x07\x01\x23"
#define CMW_OID_LEN 8

/* Writing. */

static size_t der_head(uint8_t tag, size_t len, uint8_t out_head[static DER_HEAD_MAX])
{
    size_t num_octets = 0;

    out_head[0] = tag;
    if (len < 0x80) {
        out_head[1] = (uint8_t)len;
        return 2;
    }
    while (len >> (8 * num_octets) > 0) {
        num_octets++;
    }
    out_head[1] = (uint8_t)(0x80 | num_octets);
    for (size_t i = 0; i < num_octets; i++) {
        out_head[2 + i] = (uint8_t)(len >> (8 * (num_octets - 1 - i)));
    }
    return 2 + num_octets;
}

/* Bytes of an item with `len` bytes of content. */
static size_t der_len(size_t len)
{
    uint8_t head[DER_HEAD_MAX];

    return der_head(0, len, head) + len;
}

static bool put_head(struct buf *out, uint8_t tag, size_t len)
{
    uint8_t head[DER_HEAD_MAX];

    return buf_append(out, head, der_head(tag, len, head));
}

static bool is_certificate(struct bytes bytes)
{
    struct der der = der_over(bytes);
    struct der_item item;

    return der_take(&der, DER_SEQUENCE, &item) && der_end(&der);
}

static int put_cmw(const struct evidence *evidence, struct buf *out, struct err *err)
{
    int rc = -1;
    uint8_t *storage = malloc(BUNDLE_LEN_MAX);
    struct buf report = buf_over(storage, BUNDLE_LEN_MAX);

    if (storage == NULL) {
        err_set(err, ERR_LIMIT, "no memory for a tsm-report");
        goto out;
    }
    if (tsm_encode(evidence, &report, err) != 0) {
        goto out;
    }
    if (!cbor_put_array(out, 3) || !cbor_put_text(out, CMW_TYPE) ||
        !cbor_put_bytes(out, (struct bytes){report.data, report.len}) ||
        !cbor_put_uint(out, CMW_IND_EVIDENCE)) {
        err_set(err, ERR_LIMIT, "CMW record does not fit");
        goto out;
    }
    rc = 0;
out:
    free(storage);
    return rc;
}

/* The DER around a finished CMW record. */
static bool put_bundle(const struct evidence *evidence, struct bytes cmw, struct buf *out)
{
    size_t statement_len = der_len(CMW_OID_LEN) + der_len(cmw.len);
    size_t attestations_len = der_len(statement_len);
    size_t certs_len = 0;
    bool fits = true;

    for (size_t i = 0; i < evidence->num_certs; i++) {
        certs_len += evidence->certs[i].len;
    }
    fits = put_head(out, DER_SEQUENCE,
                    der_len(attestations_len) + (certs_len > 0 ? der_len(certs_len) : 0)) &&
           put_head(out, DER_SEQUENCE, attestations_len) &&
           put_head(out, DER_SEQUENCE, statement_len) && put_head(out, DER_OID, CMW_OID_LEN) &&
           buf_append(out, CMW_OID, CMW_OID_LEN) && put_head(out, DER_OCTET_STRING, cmw.len) &&
           buf_append(out, cmw.data, cmw.len);
    if (certs_len > 0) {
        fits = fits && put_head(out, DER_SEQUENCE, certs_len);
    }
    for (size_t i = 0; fits && i < evidence->num_certs; i++) {
        fits = buf_append(out, evidence->certs[i].data, evidence->certs[i].len);
    }
    return fits;
}

int bundle_encode(const struct evidence *evidence, struct buf *out, struct err *err)
{
    int rc = -1;
    size_t before = out->len;
    uint8_t *storage = NULL;
    struct buf cmw = {0};

    if (evidence->num_certs > EVIDENCE_CERTS_MAX) {
        return err_set(err, ERR_INVALID, "more than %d certificates", EVIDENCE_CERTS_MAX);
    }
    for (size_t i = 0; i < evidence->num_certs; i++) {
        if (!is_certificate(evidence->certs[i])) {
            return err_set(err, ERR_INVALID, "certificate %zu is not DER", i + 1);
        }
    }
    storage = malloc(BUNDLE_LEN_MAX + CMW_OVERHEAD);
    if (storage == NULL) {
        err_set(err, ERR_LIMIT, "no memory for a CMW record");
        goto out;
    }
    cmw = buf_over(storage, BUNDLE_LEN_MAX + CMW_OVERHEAD);
    if (put_cmw(evidence, &cmw, err) != 0) {
        goto out;
    }
    if (!put_bundle(evidence, (struct bytes){cmw.data, cmw.len}, out) ||
        out->len - before > BUNDLE_LEN_MAX) {
        out->len = before;
        err_set(err, ERR_LIMIT, "attestation bundle does not fit");
        goto out;
    }
    rc = 0;
out:
    free(storage);
    return rc;
}

/* Reading. */

static bool refuse(struct verdict *out_verdict, const char *slug)
{
    return verdict_refuse(out_verdict, VERDICT_ENVELOPE_INVALID, 0, slug);
}

static bool decode_cmw(struct bytes bytes, struct bytes *out_report, struct verdict *out_verdict)
{
    struct cbor_reader reader = cbor_over(bytes);
    struct cbor_item array;
    struct cbor_item type;
    struct cbor_item value;
    struct cbor_item ind;

    /* A collection is a map and the tag form a tag: both end here. */
    if (!cbor_take(&reader, CBOR_ARRAY, &array) || array.num != 3 || !cbor_next(&reader, &type) ||
        (type.kind != CBOR_TEXT && type.kind != CBOR_UINT) ||
        !cbor_take(&reader, CBOR_BYTES, &value) || !cbor_take(&reader, CBOR_UINT, &ind) ||
        !cbor_end(&reader)) {
        return refuse(out_verdict, "cmw-malformed");
    }
    if (type.kind != CBOR_TEXT || type.string.len != sizeof(CMW_TYPE) - 1 ||
        memcmp(type.string.data, CMW_TYPE, type.string.len) != 0) {
        return verdict_refuse(out_verdict, VERDICT_PLATFORM_UNSUPPORTED, 0, "cmw-type");
    }
    if (ind.num != CMW_IND_EVIDENCE) {
        return refuse(out_verdict, "cmw-indicator");
    }
    *out_report = value.string;
    return true;
}

/* SEQUENCE OF AttestationStatement with one element: OID and the cbor arm of CMW. */
static bool decode_statement(struct bytes attestations, struct bytes *out_cmw,
                             struct verdict *out_verdict)
{
    struct der list = der_over(attestations);
    struct der fields;
    struct der_item statement;
    struct der_item type;
    struct der_item value;

    if (!der_take(&list, DER_SEQUENCE, &statement)) {
        return refuse(out_verdict, "bundle-malformed");
    }
    if (!der_end(&list)) {
        return refuse(out_verdict, "bundle-statements");
    }
    fields = der_over(statement.content);
    if (!der_take(&fields, DER_OID, &type)) {
        return refuse(out_verdict, "bundle-malformed");
    }
    if (!der_is_oid(&type, CMW_OID, CMW_OID_LEN)) {
        return refuse(out_verdict, "bundle-statement-type");
    }
    if (der_at(&fields, DER_UTF8_STRING)) {
        return refuse(out_verdict, "bundle-json-arm");
    }
    if (!der_take(&fields, DER_OCTET_STRING, &value)) {
        return refuse(out_verdict, "bundle-malformed");
    }
    if (!der_end(&fields)) {
        return refuse(out_verdict, "bundle-statement-fields");
    }
    *out_cmw = value.content;
    return true;
}

/* SEQUENCE OF Certificate, 1 to EVIDENCE_CERTS_MAX; a context tag would be another kind. */
static bool decode_certs(struct bytes bytes, struct evidence *evidence, struct verdict *out_verdict)
{
    struct der list = der_over(bytes);
    struct der_item cert;

    if (der_end(&list)) {
        return refuse(out_verdict, "bundle-certs");
    }
    while (!der_end(&list)) {
        if (evidence->num_certs == EVIDENCE_CERTS_MAX || !der_take(&list, DER_SEQUENCE, &cert)) {
            return refuse(out_verdict, "bundle-certs");
        }
        evidence->certs[evidence->num_certs++] = cert.whole;
    }
    return true;
}

bool bundle_decode(struct bytes der, struct evidence *out_evidence, struct verdict *out_verdict)
{
    struct der outer = der_over(der);
    struct der fields;
    struct der_item bundle;
    struct der_item attestations;
    struct der_item certs = {0};
    struct bytes cmw = {0};
    struct bytes report = {0};
    struct evidence evidence;

    if (der.len > BUNDLE_LEN_MAX || !der_take(&outer, DER_SEQUENCE, &bundle) || !der_end(&outer)) {
        return refuse(out_verdict, "bundle-malformed");
    }
    fields = der_over(bundle.content);
    if (!der_take(&fields, DER_SEQUENCE, &attestations)) {
        return refuse(out_verdict, "bundle-malformed");
    }
    if (!der_end(&fields) && (!der_take(&fields, DER_SEQUENCE, &certs) || !der_end(&fields))) {
        return refuse(out_verdict, "bundle-malformed");
    }
    if (!decode_statement(attestations.content, &cmw, out_verdict) ||
        !decode_cmw(cmw, &report, out_verdict) || !tsm_decode(report, &evidence, out_verdict)) {
        return false;
    }
    if (certs.whole.data != NULL && !decode_certs(certs.content, &evidence, out_verdict)) {
        return false;
    }
    *out_evidence = evidence;
    return true;
}
