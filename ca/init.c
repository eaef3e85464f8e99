/*
 * Init: making the keys, signing downwards from the root, writing the files.
 */
#include "ca/init.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "ca/init_text.h"
#include "ca/nonce.h"
#include "ca/profile.h"
#include "common/err.h"
#include "common/file.h"
#include "common/spiffe.h"

#define DAY_S 86400
#define ROOT_DAYS 3650
#define ISSUING_DAYS 30
#define SERVER_DAYS 365
#define BACKDATE_S 3600     /* for clients whose clock lags */
#define TEXT_MAX 8192       /* bytes of a file for the operator */
#define TRUST_DOMAIN_MAX 64 /* bytes of organizationName (RFC 5280 appendix A), which holds it */

enum init_file {
    ROOT_KEY,
    ROOT_CERT,
    ISSUING_KEY,
    ISSUING_CERT,
    SERVER_KEY,
    SERVER_CERT,
    NONCE_SECRET,
    CA_INI,
    POLICY_INI,
    FILES,
};

static const struct {
    const char *name;
    unsigned mode;
} files[FILES] = {
    [ROOT_KEY] = {"root.key", 0400},         [ROOT_CERT] = {"root.pem", 0644},
    [ISSUING_KEY] = {"issuing.key", 0400},   [ISSUING_CERT] = {"issuing.pem", 0644},
    [SERVER_KEY] = {"server.key", 0400},     [SERVER_CERT] = {"server.pem", 0644},
    [NONCE_SECRET] = {"nonce.secret", 0400}, [CA_INI] = {"ca.ini", 0600},
    [POLICY_INI] = {"policy.ini", 0600},
};

struct init {
    const struct init_options *options;
    char dir[PATH_MAX]; /* absolute */
    EVP_PKEY *root_key;
    X509 *root;
    EVP_PKEY *issuing_key;
    X509 *issuing;
    EVP_PKEY *server_key;
    X509 *server;
    size_t num_written;
};

static int path_of(const struct init *init, const char *name, char out_path[static PATH_MAX],
                   struct err *err)
{
    int len = snprintf(out_path, PATH_MAX, "%s/%s", init->dir, name);

    return len > 0 && len < PATH_MAX ? 0 : err_set(err, ERR_INVALID, "path too long");
}

/* An address, or LDH labels (RFC 1123) of which the last is no number. */
static bool host_valid(const char *name)
{
    const char *label = name;
    struct in6_addr address;

    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) {
        return true;
    }
    for (;;) {
        size_t len =
            strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

        if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-') {
            return false;
        }
        if (label[len] == '\0') {
            return strlen(name) <= 253 && strspn(label, "0123456789") != len;
        }
        if (label[len] != '.') {
            return false;
        }
        label += len + 1;
    }
}

static int check_options(const struct init_options *options, struct err *err)
{
    size_t len = strlen(options->trust_domain);

    if (!spiffe_trust_domain_valid(options->trust_domain, len)) {
        return err_set(err, ERR_INVALID, "%s: not a trust domain of [a-z0-9._-]",
                       options->trust_domain);
    }
    if (len > TRUST_DOMAIN_MAX) {
        return err_set(err, ERR_INVALID, "trust domain longer than %d bytes", TRUST_DOMAIN_MAX);
    }
    if (options->num_names == 0 || options->num_names > INIT_NAMES_MAX) {
        return err_set(err, ERR_INVALID, "need 1 to %d names", INIT_NAMES_MAX);
    }
    for (size_t i = 0; i < options->num_names; i++) {
        if (!host_valid(options->names[i])) {
            return err_set(err, ERR_INVALID, "%s: not a host name or address", options->names[i]);
        }
    }
    return 0;
}

/* The folder that will hold the keys: one that ca.ini can name, and where only its owner may
   replace files. */
static int check_dir(const struct init *init, struct err *err)
{
    struct stat info;

    if (!init_text_dir_valid(init->dir)) {
        return err_set(err, ERR_INVALID,
                       "%s: too long, or with a byte that settings cannot hold (blank, quote, not "
                       "ASCII)",
                       init->dir);
    }
    if (stat(init->dir, &info) != 0) {
        return err_set_errno(err, ERR_IO, errno, "%s", init->dir);
    }
    return (info.st_mode & 022) == 0
               ? 0
               : err_set(err, ERR_INVALID, "%s: others may write to it; chmod 0700", init->dir);
}

static int open_dir(struct init *init, struct err *err)
{
    const char *dir = init->options->dir;
    bool made = mkdir(dir, 0700) == 0;
    char path[PATH_MAX];

    if (!made && errno != EEXIST) {
        return err_set_errno(err, ERR_IO, errno, "%s", dir);
    }
    if (realpath(dir, init->dir) == NULL) {
        return err_set_errno(err, ERR_IO, errno, "%s", dir);
    }
    if (check_dir(init, err) != 0) {
        if (made) {
            rmdir(init->dir);
        }
        return -1;
    }
    for (unsigned i = 0; i < FILES; i++) {
        if (path_of(init, files[i].name, path, err) != 0) {
            return -1;
        }
        if (access(path, F_OK) == 0) {
            return err_set(err, ERR_INVALID, "%s: exists; nothing was changed", path);
        }
    }
    if (path_of(init, INIT_COLLATERAL, path, err) != 0) {
        return -1;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_set_errno(err, ERR_IO, errno, "%s", path);
    }
    return 0;
}

static int sign(struct profile profile, const struct init *init, long days, X509 **out_cert,
                struct err *err)
{
    profile.organization = init->options->trust_domain;
    profile.not_before = init->options->now - BACKDATE_S;
    profile.not_after = init->options->now + days * DAY_S;
    if (profile_serial(profile.serial, err) != 0) {
        return -1;
    }
    *out_cert = profile_sign(&profile, err);
    return *out_cert != NULL ? 0 : -1;
}

static int make_certificates(struct init *init, struct err *err)
{
    const char *trust_domain = init->options->trust_domain;
    char uri[sizeof("spiffe://") + SPIFFE_TRUST_DOMAIN_MAX];

    init->root_key = EVP_EC_gen("P-384");
    init->issuing_key = EVP_EC_gen("P-256");
    init->server_key = EVP_EC_gen("P-256");
    if (init->root_key == NULL || init->issuing_key == NULL || init->server_key == NULL) {
        return err_set_openssl(err, ERR_LIMIT, "make keys");
    }
    snprintf(uri, sizeof(uri), "spiffe://%s", trust_domain);
    if (sign(
            (struct profile){
                .kind = PROFILE_ROOT, .key = init->root_key, .common_name = "root-1", .uri = uri},
            init, ROOT_DAYS, &init->root, err) != 0 ||
        sign((struct profile){.kind = PROFILE_ISSUING,
                              .key = init->issuing_key,
                              .issuer = init->root,
                              .issuer_key = init->root_key,
                              .common_name = "issuing-1",
                              .uri = uri,
                              .permitted_uri = trust_domain},
             init, ISSUING_DAYS, &init->issuing, err) != 0 ||
        sign((struct profile){.kind = PROFILE_SERVER,
                              .key = init->server_key,
                              .issuer = init->root,
                              .issuer_key = init->root_key,
                              .common_name = "server-1",
                              .dns = init->options->names,
                              .num_dns = init->options->num_names},
             init, SERVER_DAYS, &init->server, err) != 0) {
        return -1;
    }
    return 0;
}

static int write_file(struct init *init, enum init_file which, const void *data, size_t len,
                      struct err *err)
{
    char path[PATH_MAX];

    assert(init->num_written == which); /* what is undone is what comes before it */
    if (path_of(init, files[which].name, path, err) != 0 ||
        file_create(path, files[which].mode, data, len, err) != 0) {
        return -1;
    }
    init->num_written++;
    return 0;
}

/* Key, then certificate, as PEM; the key's text lies in memory that is wiped. */
static int write_pair(struct init *init, enum init_file which, EVP_PKEY *key, X509 *cert,
                      struct err *err)
{
    BIO *key_text = BIO_new(BIO_s_secmem());
    BIO *cert_text = BIO_new(BIO_s_mem());
    char *key_data = NULL;
    char *cert_data = NULL;
    long key_len = 0;
    long cert_len = 0;
    int rc = -1;

    if (key_text == NULL || cert_text == NULL ||
        PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(cert_text, cert) != 1) {
        err_set_openssl(err, ERR_LIMIT, "%s", files[which].name);
        goto out;
    }
    key_len = BIO_get_mem_data(key_text, &key_data);
    cert_len = BIO_get_mem_data(cert_text, &cert_data);
    if (write_file(init, which, key_data, (size_t)key_len, err) != 0 ||
        write_file(init, which + 1, cert_data, (size_t)cert_len, err) != 0) {
        goto out;
    }
    rc = 0;
out:
    BIO_free(cert_text);
    BIO_free(key_text);
    return rc;
}

static int write_secret(struct init *init, struct err *err)
{
    uint8_t secret[NONCE_SECRET_LEN];
    int rc = 0;

    if (RAND_priv_bytes(secret, sizeof(secret)) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random bytes");
    }
    rc = write_file(init, NONCE_SECRET, secret, sizeof(secret), err);
    OPENSSL_cleanse(secret, sizeof(secret));
    return rc;
}

static int write_texts(struct init *init, struct err *err)
{
    char text[TEXT_MAX];
    struct buf out = buf_over(text, sizeof(text));

    if (!init_text_settings(init->dir, &out)) {
        return err_set(err, ERR_INVALID, "path too long");
    }
    if (write_file(init, CA_INI, text, out.len, err) != 0) {
        return -1;
    }
    out.len = 0;
    if (!init_text_policy(init->options->trust_domain, &out)) {
        return err_set(err, ERR_INVALID, "trust domain too long");
    }
    return write_file(init, POLICY_INI, text, out.len, err);
}

static void undo(const struct init *init)
{
    struct err ignored; /* the first error is the one to report */
    char path[PATH_MAX];

    for (size_t i = 0; i < init->num_written; i++) {
        if (path_of(init, files[i].name, path, &ignored) == 0) {
            unlink(path);
        }
    }
}

int init_create(const struct init_options *options, struct err *err)
{
    struct init init = {.options = options};
    int rc = -1;

    if (check_options(options, err) != 0 || open_dir(&init, err) != 0) {
        return -1;
    }
    if (make_certificates(&init, err) != 0) {
        goto out;
    }
    if (write_pair(&init, ROOT_KEY, init.root_key, init.root, err) != 0 ||
        write_pair(&init, ISSUING_KEY, init.issuing_key, init.issuing, err) != 0 ||
        write_pair(&init, SERVER_KEY, init.server_key, init.server, err) != 0 ||
        write_secret(&init, err) != 0 || write_texts(&init, err) != 0) {
        undo(&init);
        goto out;
    }
    rc = 0;
out:
    X509_free(init.server);
    X509_free(init.issuing);
    X509_free(init.root);
    EVP_PKEY_free(init.server_key);
    EVP_PKEY_free(init.issuing_key);
    EVP_PKEY_free(init.root_key);
    return rc;
}
