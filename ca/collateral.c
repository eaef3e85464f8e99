/*
 * Collateral: reading the folder.
 */
#include "ca/collateral.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "attest/crl.h"
#include "common/err.h"
#include "common/file.h"

#define FILE_MAX 1048576 /* bytes */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static int add(struct collateral_set *set, const X509 *cert, const char *path, struct err *err)
{
    unsigned char *der = NULL;
    int len = 0;

    if (set->num_owned == COLLATERAL_FOLDER_CERTS_MAX) {
        return err_set(err, ERR_INVALID, "%s: more than %d certificates", path,
                       COLLATERAL_FOLDER_CERTS_MAX);
    }
    len = i2d_X509(cert, &der);
    if (len <= 0) {
        return err_set_openssl(err, ERR_LIMIT, "%s", path);
    }
    set->certs[set->num_owned++] = (struct bytes){der, (size_t)len};
    return 0;
}

static int add_pem(struct collateral_set *set, const uint8_t *text, size_t len, const char *path,
                   struct err *err)
{
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    size_t num = 0;
    int rc = bio != NULL ? 0 : err_set_openssl(err, ERR_LIMIT, "%s", path);

    while (rc == 0) {
        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (cert == NULL) {
            bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

            if (num == 0 || !end) {
                rc = err_set_openssl(err, ERR_INVALID, "%s: not a certificate", path);
            }
            ERR_clear_error();
            break;
        }
        num++;
        rc = add(set, cert, path, err);
        X509_free(cert);
    }
    BIO_free(bio);
    return rc;
}

static int add_der(struct collateral_set *set, const uint8_t *der, size_t len, const char *path,
                   struct err *err)
{
    const unsigned char *end = der;
    X509 *cert = d2i_X509(NULL, &end, (long)len);
    int rc = 0;

    if (cert == NULL || end != der + len) {
        rc = err_set_openssl(err, ERR_INVALID, "%s: not a certificate", path);
    } else {
        rc = add(set, cert, path, err);
    }
    X509_free(cert);
    return rc;
}

/* Takes the data.  Whose list it is, and whether it holds, is judged with each evidence. */
static int add_crl(struct collateral_set *set, struct bytes der, const char *path, struct err *err)
{
    struct crl crl;
    int rc = 0;

    if (set->num_crls == COLLATERAL_FOLDER_CRLS_MAX) {
        rc = err_set(err, ERR_INVALID, "%s: more than %d revocation lists", path,
                     COLLATERAL_FOLDER_CRLS_MAX);
    } else if (!crl_read(der, &crl)) {
        rc = err_set(err, ERR_INVALID, "%s: not a revocation list in DER", path);
    }
    if (rc != 0) {
        free((void *)(uintptr_t)der.data);
        return rc;
    }
    set->crls[set->num_crls++] = der;
    return 0;
}

static int add_file(struct collateral_set *set, const char *dir, const char *name, struct err *err)
{
    char path[PATH_MAX];
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = 0;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
        return err_set(err, ERR_INVALID, "%s: path too long", dir);
    }
    if (!has_suffix(name, ".pem") && !has_suffix(name, ".der") && !has_suffix(name, ".crl")) {
        return 0;
    }
    if (file_read(path, FILE_MAX, &data, &len, err) != 0) {
        return -1;
    }
    if (has_suffix(name, ".crl")) {
        return add_crl(set, (struct bytes){data, len}, path, err);
    }
    rc = has_suffix(name, ".pem") ? add_pem(set, data, len, path, err)
                                  : add_der(set, data, len, path, err);
    free(data);
    return rc;
}

static int add_folder(struct collateral_set *set, const char *dir, struct err *err)
{
    struct dirent **entries = NULL;
    int num = scandir(dir, &entries, NULL, alphasort);
    int rc = 0;

    if (num < 0) {
        return err_set_errno(err, ERR_IO, errno, "%s", dir);
    }
    for (int i = 0; i < num; i++) {
        if (rc == 0) {
            rc = add_file(set, dir, entries[i]->d_name, err);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int collateral_load(const char *dir, struct bytes lent, struct collateral_set *out_set,
                    struct err *err)
{
    struct collateral_set *set = out_set;

    *set = (struct collateral_set){0};
    if (dir != NULL && add_folder(set, dir, err) != 0) {
        collateral_deinit(set);
        return -1;
    }
    set->view = (struct collateral){.certs = set->certs,
                                    .num_certs = set->num_owned,
                                    .crls = set->crls,
                                    .num_crls = set->num_crls};
    if (lent.data != NULL) {
        set->certs[set->view.num_certs++] = lent;
    }
    return 0;
}

void collateral_deinit(struct collateral_set *set)
{
    for (size_t i = 0; i < set->num_owned; i++) {
        OPENSSL_free((void *)(uintptr_t)set->certs[i].data);
    }
    for (size_t i = 0; i < set->num_crls; i++) {
        free((void *)(uintptr_t)set->crls[i].data);
    }
    *set = (struct collateral_set){0};
}
