/*
 * Product_authority: liftgate-ca as it would serve machines of AMD's, with a simulated vendor in
 * the place of AMD: the root that is pinned for PRODUCT is exchanged, and nothing else.
 *
 * Usage: product_authority PRODUCT          prints the folder of the simulated vendor
 *        product_authority PRODUCT CONFIG   serves
 */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/policy_rules.h"
#include "attest/product.h"
#include "ca/setup.h"
#include "common/err.h"
#include "config/ca_config.h"
#include "tests/lib/vendor.h"

/* SHA-256 of the SubjectPublicKeyInfo of the vendor's root. */
static int read_root(const char *vendor, uint8_t out_sha256[static 32])
{
    char path[VENDOR_PATH_CAP + 16];
    unsigned char *spki = NULL;
    X509 *root = NULL;
    FILE *file = NULL;
    int len = 0;

    snprintf(path, sizeof(path), "%s/ark.pem", vendor);
    file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    root = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    len = root != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(root), &spki) : 0;
    if (len > 0) {
        SHA256(spki, (size_t)len, out_sha256);
    }
    OPENSSL_free(spki);
    X509_free(root);
    return len > 0 ? 0 : -1;
}

static int exchange_root(struct policy *policy, enum product product, const char *vendor)
{
    for (size_t i = 0; i < policy->ca.num_anchors; i++) {
        struct anchor *anchor = &policy->anchors[i];

        if (anchor->product == product) {
            return read_root(vendor, anchor->spki_sha256);
        }
    }
    return -1;
}

static int serve(const char *path, enum product product, const char *vendor)
{
    struct setup setup = {0};
    struct err err = {.msg = "no such root"};
    struct ca_config *config = ca_config_load(path, &err);
    int rc = -1;

    if (config != NULL && setup_init(&setup, config, &err) == 0 &&
        exchange_root(setup.policy, product, vendor) == 0 &&
        setup_open_store(&setup, config, &err) == 0) {
        rc = server_run(&setup.server, &err);
    }
    if (rc != 0) {
        fprintf(stderr, "product_authority: %s\n", err.msg);
    }
    setup_deinit(&setup);
    ca_config_free(config);
    return rc;
}

int main(int argc, char **argv)
{
    char vendor[VENDOR_PATH_CAP];
    enum product product;

    if (argc < 2 || argc > 3 || !product_find(argv[1], &product)) {
        fprintf(stderr, "usage: product_authority PRODUCT [CONFIG]\n");
        return 2;
    }
    vendor_path(argv[1], vendor);
    if (argc == 2) {
        puts(vendor);
        return 0;
    }
    return serve(argv[2], product, vendor) == 0 ? 0 : 1;
}
