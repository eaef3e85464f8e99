/*
 * Anchors: OpenSSL's path validation for each candidate, and the trust domain in its names.
 */
#include "ca-client/anchors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/err.h"
#include "common/spiffe.h"

/* The trust domain is the certificate's only URI: "spiffe://TD" (SPIFFE X509-SVID section 3). */
static bool names_domain(const X509 *cert, const char *trust_domain)
{
    char wanted[sizeof("spiffe://") + SPIFFE_TRUST_DOMAIN_MAX] = "";
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    unsigned num = 0;

    (void)snprintf(wanted, sizeof(wanted), "spiffe://%s", trust_domain);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = 0;
        const ASN1_STRING *text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type == GEN_URI) {
            num++;
            found = (size_t)ASN1_STRING_length(text) == strlen(wanted) &&
                    memcmp(ASN1_STRING_get0_data(text), wanted, strlen(wanted)) == 0;
        }
    }
    GENERAL_NAMES_free(names);
    return found && num == 1;
}

static bool chains_to(X509 *cert, X509_STORE *roots, int64_t now)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = ctx != NULL && X509_STORE_CTX_init(ctx, roots, cert, NULL) == 1;

    if (ok) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
        ok = X509_verify_cert(ctx) == 1 &&
             sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) >= 2; /* no root is its own anchor */
    }
    X509_STORE_CTX_free(ctx);
    return ok;
}

static X509_STORE *store_of(const STACK_OF(X509) * certs)
{
    X509_STORE *store = X509_STORE_new();

    for (int i = 0; store != NULL && i < sk_X509_num(certs); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(certs, i)) != 1) {
            X509_STORE_free(store);
            return NULL;
        }
    }
    return store;
}

X509_STORE *anchors_select(const STACK_OF(X509) * certs, const STACK_OF(X509) * roots,
                           const char *trust_domain, int64_t now, struct err *err)
{
    X509_STORE *root_store = store_of(roots);
    X509_STORE *store = X509_STORE_new();
    bool ok = root_store != NULL && store != NULL &&
              X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    unsigned num = 0;

    for (int i = 0; ok && i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (X509_check_ca(cert) == 1 && names_domain(cert, trust_domain) &&
            chains_to(cert, root_store, now)) {
            ok = X509_STORE_add_cert(store, cert) == 1;
            num++;
        }
    }
    if (!ok) {
        err_set_openssl(err, ERR_LIMIT, "trust anchors");
    } else if (num == 0) {
        ok = false;
        err_set(err, ERR_DENIED,
                "the CA has no issuing certificate for trust domain %s under the pinned root",
                trust_domain);
    }
    ERR_clear_error();
    X509_STORE_free(root_store);
    if (!ok) {
        X509_STORE_free(store);
        return NULL;
    }
    return store;
}
