/*
 * Identity files: an identity that somebody else renews, in three PEM files.
 *
 * The trust bundle's certificates become the anchors as they are: whoever writes the file decides.
 * The leaf is held to the rules that peers hold it to, so that a file that would be refused by all
 * of them does not replace one that serves.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "ca-client/certs.h"
#include "ca-client/enrol.h"
#include "ca-client/identity.h"
#include "common/err.h"
#include "common/file.h"
#include "common/secrecy.h"
#include "common/spiffe.h"
#include "common/svid.h"
#include "common/svid_rules.h"

#define KEY_FILE_MAX 65536 /* bytes */

static EVP_PKEY *load_key(const char *path, struct err *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    EVP_PKEY *key = NULL;

    if (file_read(path, KEY_FILE_MAX, &data, &len, err) != 0) {
        return NULL;
    }
    ERR_clear_error();
    key = secrecy_decode_key(data, len);
    if (key == NULL && memmem(data, len, "ENCRYPTED", strlen("ENCRYPTED")) != NULL) {
        ERR_clear_error(); /* it speaks of an interruption, or of a cipher */
        err_set(err, ERR_INVALID, "%s: no private key that can be read: it is encrypted", path);
    } else if (key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no private key that can be read", path);
    }
    OPENSSL_cleanse(data, len);
    free(data);
    return key;
}

static X509_STORE *load_anchors(const char *path, struct err *err)
{
    STACK_OF(X509) *certs = certs_load(path, err);
    X509_STORE *store = NULL;

    if (certs == NULL) {
        return NULL;
    }
    store = X509_STORE_new();
    for (int i = 0; store != NULL && i < sk_X509_num(certs); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(certs, i)) != 1) {
            X509_STORE_free(store);
            store = NULL;
        }
    }
    if (store == NULL || X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1) {
        err_set_openssl(err, ERR_LIMIT, "%s", path);
        X509_STORE_free(store);
        store = NULL;
    }
    certs_free(certs);
    return store;
}

/* The leaf comes first, then perhaps the CA that issued it. */
static int check_order(const STACK_OF(X509) * certs, struct err *err)
{
    if (sk_X509_num(certs) > 2) {
        return err_set(err, ERR_INVALID, "more than a leaf and its issuing CA");
    }
    if (sk_X509_num(certs) == 2 &&
        X509_check_issued(sk_X509_value(certs, 1), sk_X509_value(certs, 0)) != X509_V_OK) {
        return err_set(err, ERR_INVALID, "the second certificate did not issue the first");
    }
    return 0;
}

static int check_leaf(X509 *leaf, const char *trust_domain, struct err *err)
{
    struct svid_flaw flaw = svid_leaf_flaw(leaf);
    struct svid svid = {.spiffe = NULL};
    int64_t now = (int64_t)time(NULL);
    int rc = -1;

    ERR_clear_error(); /* the rules may leave reasons there */
    if (flaw.reason != NULL) {
        err_set(err, ERR_INVALID, "%s", flaw.reason);
    } else if (svid_describe(leaf, &svid, err) != 0) {
        /* `err` says it */
    } else if (!spiffe_id_in(svid.spiffe, trust_domain)) {
        err_set(err, ERR_INVALID, "%.120s is not in trust domain %.80s", svid.spiffe, trust_domain);
    } else if (now < svid.not_before || now >= svid.not_after) {
        err_set(err, ERR_INVALID, now < svid.not_before ? "not yet valid" : "expired");
    } else {
        rc = 0;
    }
    svid_deinit(&svid);
    return rc;
}

int identity_load_files(const struct identity_files *files, const char *trust_domain,
                        struct identity **out_identity, struct err *err)
{
    STACK_OF(X509) *certs = certs_load(files->certificate, err);
    struct identity_parts parts = {0};
    struct identity *identity = NULL;

    if (certs == NULL) {
        goto out;
    }
    if (check_order(certs, err) != 0 ||
        check_leaf(sk_X509_value(certs, 0), trust_domain, err) != 0) {
        err_wrap(err, "%s", files->certificate);
        goto out;
    }
    parts.leaf = sk_X509_value(certs, 0);
    parts.issuer = sk_X509_value(certs, 1); /* NULL if there is none */
    parts.key = load_key(files->private_key, err);
    if (parts.key == NULL) {
        goto out;
    }
    parts.anchors = load_anchors(files->trust_bundle, err);
    if (parts.anchors == NULL) {
        goto out;
    }
    identity = identity_new(&parts, err);
    if (identity == NULL) {
        err_wrap(err, "%s", files->certificate);
    }
out:
    X509_STORE_free(parts.anchors);
    EVP_PKEY_free(parts.key);
    certs_free(certs);
    if (identity == NULL) {
        return -1;
    }
    *out_identity = identity;
    return 0;
}
