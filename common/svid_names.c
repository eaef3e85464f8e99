/*
 * Svid names: reading the subjectAltName.
 */
#include "common/svid_names.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "common/bytes.h"
#include "common/spiffe.h"
#include "common/svid_rules.h"

#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool label_valid(struct bytes label)
{
    if (label.len < 1 || label.len > DNS_LABEL_MAX || !is_alphanumeric(label.data[0]) ||
        !is_alphanumeric(label.data[label.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alphanumeric(label.data[i]) && label.data[i] != '-') {
            return false;
        }
    }
    return true;
}

/* Letters, digits and hyphens only (RFC 5890 section 2.3.1), so no wildcard either. */
static bool dns_name_valid(struct bytes name)
{
    size_t start = 0;

    if (name.len > DNS_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '.') {
            continue;
        }
        if (!label_valid((struct bytes){name.data + start, i - start})) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

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

const char *svid_names_spiffe(const X509 *leaf, char **out_spiffe)
{
    int critical = 0;
    GENERAL_NAMES *names = svid_decode(leaf, NID_subject_alt_name, &critical);
    struct bytes id = {NULL, 0};
    const char *reason = names != NULL ? spiffe_of(names, &id) : "no valid subjectAltName";

    if (reason == NULL) {
        char *spiffe = strndup((const char *)id.data, id.len);

        if (spiffe != NULL) {
            *out_spiffe = spiffe;
        } else {
            reason = "out of memory";
        }
    }
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
