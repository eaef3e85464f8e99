/*
 * Status: rendering of /identity.  What it says of the certificate is read from the certificate.
 */
#include "proxy/status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/svid.h"

#define HEX_CAP 129 /* 64 bytes and NUL */

static void to_hex(const uint8_t *data, size_t len, char out[static HEX_CAP])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static json_t *time_json(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm utc;
    char text[32];

    gmtime_r(&when, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *hex_json(const uint8_t *data, size_t len)
{
    char text[HEX_CAP];

    to_hex(data, len, text);
    return json_string(text);
}

/* PEM of leaf and issuing CA; NULL if memory is short. */
static json_t *chain_json(const struct identity *identity)
{
    BIO *bio = BIO_new(BIO_s_mem());
    json_t *chain = NULL;
    char *text = NULL;
    long len = 0;

    if (bio != NULL && PEM_write_bio_X509(bio, identity_leaf(identity)) == 1 &&
        (identity_issuer(identity) == NULL ||
         PEM_write_bio_X509(bio, identity_issuer(identity)) == 1)) {
        len = BIO_get_mem_data(bio, &text);
        chain = json_stringn(text, (size_t)len);
    }
    BIO_free(bio);
    return chain;
}

static json_t *claims_json(const struct ear *ear)
{
    static const char *const components[EAR_TCB_COMPONENTS] = {"bootloader", "tee", "snp",
                                                               "microcode", "fmc"};
    json_t *tcb = json_object();

    for (size_t i = 0; i < EAR_TCB_COMPONENTS; i++) {
        if (ear->tcb_present[i]) {
            json_object_set_new(tcb, components[i], json_integer(ear->tcb[i]));
        }
    }
    return json_pack("{s:s, s:i, s:o, s:I, s:o, s:s}", "tee", ear->tee, "status", (int)ear->status,
                     "measurement", hex_json(ear->measurement, ear->measurement_len), "epoch",
                     (json_int_t)ear->epoch, "tcb", tcb, "policy_id", ear->policy_id);
}

static json_t *identity_json(const struct identity *identity, struct err *err)
{
    struct svid svid = {.spiffe = NULL};
    json_t *object = NULL;

    if (svid_describe(identity_leaf(identity), &svid, err) == 0) {
        object = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "spiffe", svid.spiffe, "serial",
                           hex_json(svid.serial, svid.serial_len), "sha256",
                           hex_json(svid.sha256, sizeof(svid.sha256)), "not_before",
                           time_json(svid.not_before), "not_after", time_json(svid.not_after),
                           "chain", chain_json(identity));
        if (object != NULL && svid.has_claims) {
            json_object_set_new(object, "claims", claims_json(&svid.claims));
        }
        if (object == NULL) {
            err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    svid_deinit(&svid);
    return object;
}

static json_t *listeners_json(const struct status_facts *facts)
{
    json_t *list = json_array();

    for (size_t i = 0; i < facts->num_listeners; i++) {
        const struct status_listener *listener = &facts->listeners[i];
        char address[SOCKETS_TEXT_CAP];

        sockets_format(&listener->address, address);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", listener->name,
                                              "direction", listener->egress ? "egress" : "ingress",
                                              "address", address));
    }
    return list;
}

int status_render(const struct status_facts *facts, struct buf *out, struct err *err)
{
    json_t *root = NULL;
    json_t *identity = json_null();
    char *text = NULL;
    int rc = -1;

    if (facts->identity != NULL) {
        identity = identity_json(facts->identity, err);
        if (identity == NULL) {
            return -1;
        }
    }
    root = json_pack("{s:b, s:b, s:b, s:I, s:o, s:o}", "ready", facts->ready, "draining",
                     facts->draining, "reboot_needed", facts->reboot_needed, "generation",
                     (json_int_t)facts->generation, "listeners", listeners_json(facts), "identity",
                     identity);
    text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (text == NULL || !buf_printf(out, "%s\n", text)) {
        err_set(err, ERR_LIMIT, "/identity does not fit");
    } else {
        rc = 0;
    }
    free(text);
    json_decref(root);
    return rc;
}
