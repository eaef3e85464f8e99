/*
 * Cert: its extensions and names, looked up in the received bytes at each call.
 */
#include "attest/cert.h"

#include <string.h>

#include "common/der.h"

#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_SUBJECT_KEY_ID "\x55\x1d\x0e"
#define OID_AUTHORITY_KEY_ID "\x55\x1d\x23"
#define OID_EXTENSION_LEN 3
#define OID_COMMON_NAME "\x55\x04\x03"

#define TAG_PRINTABLE_STRING 0x13
#define TAG_CONTEXT_0_PRIMITIVE 0x80

bool cert_next_extension(struct bytes *extensions, struct cert_extension *out_extension)
{
    struct der der = der_over(*extensions);
    struct der_item item;
    struct der inner;
    struct der_item oid;
    struct der_item value;
    bool critical = false;

    if (!der_take(&der, DER_SEQUENCE, &item)) {
        return false;
    }
    inner = der_over(item.content);
    if (!der_take(&inner, DER_OID, &oid) || oid.content.len == 0) {
        return false;
    }
    if (der_at(&inner, DER_BOOLEAN)) {
        /* DEFAULT FALSE: DER knows only an explicit TRUE. */
        if (!der_any(&inner, &value) || value.content.len != 1 || value.content.data[0] != 0xff) {
            return false;
        }
        critical = true;
    }
    if (!der_take(&inner, DER_OCTET_STRING, &value) || !der_end(&inner)) {
        return false;
    }
    *extensions = (struct bytes){der.data, der.len};
    *out_extension = (struct cert_extension){
        .oid = oid.content,
        .critical = critical,
        .value = value.content,
    };
    return true;
}

bool cert_find_extension(const struct cert *cert, const void *oid, size_t oid_len,
                         struct cert_extension *out_extension)
{
    struct bytes rest = cert->extensions;
    struct cert_extension extension;

    while (cert_next_extension(&rest, &extension)) {
        if (extension.oid.len == oid_len && memcmp(extension.oid.data, oid, oid_len) == 0) {
            *out_extension = extension;
            return true;
        }
    }
    return false;
}

bool cert_extensions_unique(const struct cert *cert)
{
    struct bytes rest = cert->extensions;
    struct cert_extension extension;
    struct cert_extension first;

    while (cert_next_extension(&rest, &extension)) {
        if (!cert_find_extension(cert, extension.oid.data, extension.oid.len, &first) ||
            first.oid.data != extension.oid.data) {
            return false;
        }
    }
    return true;
}

static bool is_extension(const struct cert_extension *extension, const char *oid)
{
    return extension->oid.len == OID_EXTENSION_LEN &&
           memcmp(extension->oid.data, oid, OID_EXTENSION_LEN) == 0;
}

bool cert_is_constraints(const struct cert_extension *extension)
{
    return is_extension(extension, OID_BASIC_CONSTRAINTS);
}

bool cert_is_usage(const struct cert_extension *extension)
{
    return is_extension(extension, OID_KEY_USAGE);
}

/* The two fields of BasicConstraints (RFC 5280 section 4.2.1.9). */
static bool read_constraints(struct bytes value, struct cert_constraints *out_constraints)
{
    struct der outer = der_over(value);
    struct der_item item;
    struct der inner;

    if (!der_take(&outer, DER_SEQUENCE, &item) || !der_end(&outer)) {
        return false;
    }
    inner = der_over(item.content);
    if (der_at(&inner, DER_BOOLEAN)) {
        if (!der_any(&inner, &item) || item.content.len != 1 || item.content.data[0] != 0xff) {
            return false;
        }
        out_constraints->ca = true;
    }
    if (der_at(&inner, DER_INTEGER)) {
        if (!der_any(&inner, &item) || item.content.len != 1 || item.content.data[0] > 0x7f) {
            return false;
        }
        out_constraints->has_pathlen = true;
        out_constraints->pathlen = item.content.data[0];
    }
    return der_end(&inner);
}

struct cert_constraints cert_constraints(const struct cert *cert)
{
    struct cert_constraints constraints = {0};
    struct cert_extension extension;

    if (!cert_find_extension(cert, OID_BASIC_CONSTRAINTS, OID_EXTENSION_LEN, &extension)) {
        return constraints;
    }
    if (!read_constraints(extension.value, &constraints)) {
        return (struct cert_constraints){.found = true};
    }
    constraints.found = true;
    constraints.valid = true;
    constraints.critical = extension.critical;
    return constraints;
}

/* In DER the bits that are not used are zero (X.690 section 11.2.1). */
static bool unused_bits_clear(struct bytes bits)
{
    return bits.data[0] <= 7 && (bits.data[bits.len - 1] & ((1U << bits.data[0]) - 1)) == 0;
}

struct cert_usage cert_usage(const struct cert *cert)
{
    struct cert_extension extension;
    struct der outer;
    struct der_item item;

    if (!cert_find_extension(cert, OID_KEY_USAGE, OID_EXTENSION_LEN, &extension)) {
        return (struct cert_usage){0};
    }
    outer = der_over(extension.value);
    if (!der_take(&outer, DER_BIT_STRING, &item) || !der_end(&outer) || item.content.len < 2 ||
        !unused_bits_clear(item.content)) {
        return (struct cert_usage){.found = true};
    }
    return (struct cert_usage){
        .found = true,
        .valid = true,
        .critical = extension.critical,
        .bits = item.content.data[1],
    };
}

struct bytes cert_subject_key_id(const struct cert *cert)
{
    struct cert_extension extension;
    struct der outer;
    struct der_item item;

    if (!cert_find_extension(cert, OID_SUBJECT_KEY_ID, OID_EXTENSION_LEN, &extension)) {
        return (struct bytes){0};
    }
    outer = der_over(extension.value);
    if (!der_take(&outer, DER_OCTET_STRING, &item) || !der_end(&outer)) {
        return (struct bytes){0};
    }
    return item.content;
}

struct bytes cert_authority_key_id(const struct cert *cert)
{
    struct cert_extension extension;
    struct der outer;
    struct der_item item;
    struct der inner;

    if (!cert_find_extension(cert, OID_AUTHORITY_KEY_ID, OID_EXTENSION_LEN, &extension)) {
        return (struct bytes){0};
    }
    outer = der_over(extension.value);
    if (!der_take(&outer, DER_SEQUENCE, &item) || !der_end(&outer)) {
        return (struct bytes){0};
    }
    inner = der_over(item.content);
    if (!der_take(&inner, TAG_CONTEXT_0_PRIMITIVE, &item)) {
        return (struct bytes){0};
    }
    return item.content;
}

/* The text of one AttributeTypeAndValue, if it is a commonName. */
static bool read_common_name(struct der *set, bool *out_is_name, struct bytes *out_text)
{
    struct der_item pair;
    struct der inner;
    struct der_item type;
    struct der_item value;

    if (!der_take(set, DER_SEQUENCE, &pair)) {
        return false;
    }
    inner = der_over(pair.content);
    if (!der_take(&inner, DER_OID, &type) || !der_any(&inner, &value) || !der_end(&inner)) {
        return false;
    }
    *out_is_name = der_is_oid(&type, OID_COMMON_NAME, OID_EXTENSION_LEN);
    if (*out_is_name && value.tag != DER_UTF8_STRING && value.tag != TAG_PRINTABLE_STRING) {
        return false;
    }
    *out_text = value.content;
    return true;
}

bool cert_common_name(struct bytes name, struct bytes *out_text)
{
    struct der outer = der_over(name);
    struct der_item item;
    struct der names;
    struct bytes found = {0};

    if (!der_take(&outer, DER_SEQUENCE, &item)) {
        return false;
    }
    names = der_over(item.content);
    while (!der_end(&names)) {
        struct der set;

        if (!der_take(&names, DER_SET, &item)) {
            return false;
        }
        set = der_over(item.content);
        while (!der_end(&set)) {
            bool is_name = false;
            struct bytes text;

            if (!read_common_name(&set, &is_name, &text) || (is_name && found.data != NULL)) {
                return false;
            }
            if (is_name) {
                found = text;
            }
        }
    }
    if (found.data == NULL) {
        return false;
    }
    *out_text = found;
    return true;
}
