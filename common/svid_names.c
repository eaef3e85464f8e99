/*
 * Svid names: reading the subjectAltName.
 */
#include "common/svid_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "common/bytes.h"
#include "common/dns_name.h"
#include "common/spiffe.h"
#include "common/svid.h"
#include "common/svid_rules.h"

static struct bytes text_of(const ASN1_STRING *string)
{
    return (struct bytes){ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)};
}

static const char *dns_flaw(const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS && !dns_name_valid(text_of(name->d.dNSName))) {
            return "DNS name with a wildcard or a character that is not allowed";
        }
    }
    return NULL;
}

static const char *spiffe_of(const GENERAL_NAMES *names, struct bytes *out_id)
{
    struct bytes id = {NULL, 0};
    int num_uri = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI) {
            id = text_of(name->d.uniformResourceIdentifier);
            num_uri++;
        }
    }
    if (num_uri != 1) {
        return num_uri == 0 ? "no URI name" : "several URI names";
    }
    if (!spiffe_id_valid((const char *)id.data, id.len)) {
        return "URI name is no SPIFFE ID";
    }
    *out_id = id;
    return NULL;
}

/* Copies the DNS names, each with a NUL behind it, to `out` unless that is NULL; their length. */
static size_t dns_of(const GENERAL_NAMES *names, char *out)
{
    size_t len = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        struct bytes text = {NULL, 0};

        if (name->type != GEN_DNS) {
            continue;
        }
        text = text_of(name->d.dNSName);
        if (out != NULL) {
            memcpy(out + len, text.data, text.len);
            out[len + text.len] = '\0';
        }
        len += text.len + 1;
    }
    return len;
}

static const char *read_names(const GENERAL_NAMES *names, struct svid *svid)
{
    struct bytes id = {NULL, 0};
    const char *reason = spiffe_of(names, &id);
    size_t dns_len = dns_of(names, NULL);
    char *spiffe = NULL;
    char *dns = NULL;

    if (reason != NULL) {
        return reason;
    }
    dns_len = dns_len <= SVID_DNS_MAX ? dns_len : 0;
    spiffe = strndup((const char *)id.data, id.len);
    dns = dns_len > 0 ? malloc(dns_len) : NULL;
    if (spiffe == NULL || (dns_len > 0 && dns == NULL)) {
        free(spiffe);
        free(dns);
        return "out of memory";
    }
    if (dns != NULL) {
        (void)dns_of(names, dns);
    }
    svid->spiffe = spiffe;
    svid->dns = dns;
    svid->dns_len = dns_len;
    return NULL;
}

const char *svid_names_read(const X509 *leaf, struct svid *svid)
{
    int critical = 0;
    GENERAL_NAMES *names = svid_decode(leaf, NID_subject_alt_name, &critical);
    const char *reason = names != NULL ? read_names(names, svid) : "no valid subjectAltName";

    GENERAL_NAMES_free(names);
    return reason;
}

const char *svid_names_flaw(X509 *leaf)
{
    int critical = 0;
    GENERAL_NAMES *names = svid_decode(leaf, NID_subject_alt_name, &critical);
    bool subject_empty = X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0;
    struct bytes id = {NULL, 0};
    const char *reason = NULL;

    if (names == NULL) {
        reason = "no valid subjectAltName";
    } else if ((critical == 1) != subject_empty) {
        reason = "subjectAltName must be critical if and only if the subject is empty";
    } else {
        reason = spiffe_of(names, &id);
    }
    if (reason == NULL) {
        reason = dns_flaw(names);
    }
    GENERAL_NAMES_free(names);
    return reason;
}
