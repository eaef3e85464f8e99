/*
 * Authority: put together from the parts that the program uses.
 */
#include "tests/lib/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "ca/init.h"
#include "common/err.h"
#include "tests/lib/vendor.h"

static void check(int rc, const struct err *err)
{
    if (rc != 0) {
        fail_msg("%s", err->msg);
    }
}

static void load_keys(struct authority *a)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    char dir[FOLDER_PATH_CAP + 16];
    char paths[6][FOLDER_PATH_CAP + 64];
    static const char *const files[] = {"root.pem",   "issuing.pem", "issuing.key",
                                        "server.pem", "server.key",  "nonce.secret"};
    struct err err = {0};

    snprintf(dir, sizeof(dir), "%s/ca", a->dir);
    check(init_create(&(struct init_options){dir, AUTHORITY_TRUST_DOMAIN, names, 3,
                                             AUTHORITY_NOW_MS / 1000},
                      &err),
          &err);
    for (unsigned i = 0; i < 6; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, files[i]);
    }
    check(keys_load(&(struct keys_options){paths[0], paths[1], paths[2], paths[3], paths[4],
                                           paths[5], AUTHORITY_TRUST_DOMAIN},
                    &a->keys, &err),
          &err);
}

static void make_machine(struct authority *a)
{
    char vendor[VENDOR_PATH_CAP];
    char dir[FOLDER_PATH_CAP + 16];
    char key[FOLDER_PATH_CAP + 32];
    BIO *bio = NULL;
    uint8_t measurement[48];
    struct err err = {0};

    memset(measurement, 0xaa, sizeof(measurement));
    vendor_path("Sim", vendor);
    snprintf(dir, sizeof(dir), "%s/machine", a->dir);
    check(sim_machine_create(vendor, dir,
                             &(struct sim_machine_options){
                                 .measurement = measurement,
                                 .not_before = AUTHORITY_NOW_MS / 1000 - 86400,
                             },
                             &err),
          &err);
    a->machine = sim_open(dir, &err);
    check(a->machine != NULL ? 0 : -1, &err);
    snprintf(key, sizeof(key), "%s/vek.key", dir);
    bio = BIO_new_file(key, "r");
    a->machine_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(a->machine_key);
    BIO_free(bio);
}

void authority_set_policy(struct authority *a, const char *policy_text, bool with_sim)
{
    char vendor[VENDOR_PATH_CAP];
    char text[4096];
    struct err err = {0};

    policy_free(a->policy);
    collateral_deinit(&a->collateral);
    vendor_path("Sim", vendor);
    if (with_sim) {
        snprintf(text, sizeof(text),
                 "[ca]\ntrust_domain = " AUTHORITY_TRUST_DOMAIN "\nepoch = 42\n"
                 "[platform sim]\ninsecure_root = %s/ark.pem\n%s",
                 vendor, policy_text);
    } else {
        snprintf(text, sizeof(text), "[ca]\ntrust_domain = " AUTHORITY_TRUST_DOMAIN "\n%s",
                 policy_text);
    }
    a->policy = policy_parse("policy.ini", text, strlen(text), &err);
    check(a->policy != NULL ? 0 : -1, &err);
    check(collateral_load(NULL, policy_ca(a->policy)->insecure_root_der, &a->collateral, &err),
          &err);
    a->enrol.policy = a->policy;
    a->enrol.collateral = &a->collateral.view;
}

void authority_init(struct authority *a, const char *policy_text)
{
    char path[FOLDER_PATH_CAP + 16];
    struct err err = {0};

    *a = (struct authority){0};
    folder_make(a->dir);
    load_keys(a);
    make_machine(a);
    authority_set_policy(a, policy_text, true);
    snprintf(path, sizeof(path), "%s/ca.db", a->dir);
    a->enrol.store = store_open(path, &err);
    check(a->enrol.store != NULL ? 0 : -1, &err);
    a->enrol.issuer = (struct issuer){a->keys.issuing, a->keys.issuing_key};
    a->enrol.nonces.trust_domain = AUTHORITY_TRUST_DOMAIN;
    a->enrol.nonces.replica = store_replica(a->enrol.store);
    memcpy(a->enrol.nonces.secret, a->keys.secret, NONCE_SECRET_LEN);
}

void authority_deinit(struct authority *a)
{
    store_close(a->enrol.store);
    EVP_PKEY_free(a->machine_key);
    sim_free(a->machine);
    collateral_deinit(&a->collateral);
    policy_free(a->policy);
    keys_deinit(&a->keys);
    folder_remove(a->dir);
}
