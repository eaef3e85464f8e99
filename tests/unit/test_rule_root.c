/*
 * Row 25 for the root's own certificate: the pinned key may have signed several.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "tests/lib/specimen.h"

static void add_to_root(struct specimen *specimen, const char *oid, int critical)
{
    X509 *x509 = specimen_open(&specimen->ark);
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;

    assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *)"\0\0", 2), 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    specimen_close(&specimen->ark, x509, specimen->ark_key);
}

static void constraints_twice(struct specimen *specimen)
{
    add_to_root(specimen, "2.5.29.19", 0);
}

static void critical_extension(struct specimen *specimen)
{
    add_to_root(specimen, "1.2.3.4", 1);
}

// clang-format off
static const struct specimen_case cases[] = {
    {"cert-duplicate-extension", 25, VERDICT_CHAIN_INVALID, constraints_twice, {0}},
    {"cert-critical-extension",  25, VERDICT_CHAIN_INVALID, critical_extension, {0}},
};
// clang-format on

int main(void)
{
    return specimen_run("the root's certificate", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
