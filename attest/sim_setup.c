/*
 * Sim: making a vendor and a machine.  Only here are vendor keys read.
 */
#include "attest/sim.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/idblock.h"
#include "attest/simcert.h"
#include "attest/simdir.h"
#include "attest/simstate.h"
#include "common/err.h"

#define PLATFORM_INFO 0x25 /* SMT on, ECC on, alias check done */
#define GUEST_POLICY 0x30000

/* TCBs as seen on genuine machines. */
static const uint8_t default_tcbs[TCB_LAYOUTS][TCB_LEN] = {
    {4, 0, 0, 0, 0, 0, 24, 219},
    {1, 1, 1, 4, 0, 0, 0, 81},
};

static int write_vendor(const char *dir, const char *product, EVP_PKEY *ark_key, EVP_PKEY *ask_key,
                        struct err *err)
{
    int rc = -1;
    X509 *ark = simcert_ark(product, ark_key, err);
    X509 *ask = ark == NULL ? NULL : simcert_ask(product, false, ask_key, ark_key, err);

    if (ask == NULL || simdir_make(dir, err) != 0 ||
        simdir_write_key(dir, "ark.key", ark_key, err) != 0 ||
        simdir_write_key(dir, "ask.key", ask_key, err) != 0 ||
        simdir_write_cert(dir, "ark.pem", ark, err) != 0 ||
        simdir_write_cert(dir, "ask.pem", ask, err) != 0) {
        goto out;
    }
    rc = 0;
out:
    X509_free(ask);
    X509_free(ark);
    return rc;
}

static int check_product(const char *product, struct err *err)
{
    enum product found;

    if (!product_find(product, &found)) {
        return err_set(err, ERR_INVALID, "%s: not a product", product);
    }
    return 0;
}

int sim_vendor_create(const char *dir, const char *product, struct err *err)
{
    int rc = -1;
    EVP_PKEY *ark_key = NULL;
    EVP_PKEY *ask_key = NULL;

    if (check_product(product, err) != 0) {
        goto out;
    }
    ark_key = simcert_new_rsa(err);
    ask_key = ark_key == NULL ? NULL : simcert_new_rsa(err);
    if (ask_key != NULL) {
        rc = write_vendor(dir, product, ark_key, ask_key, err);
    }
out:
    EVP_PKEY_free(ask_key);
    EVP_PKEY_free(ark_key);
    return rc;
}

int sim_vendor_copy(const char *dir, const char *from, const char *product, struct err *err)
{
    int rc = -1;
    EVP_PKEY *ark_key = NULL;
    EVP_PKEY *ask_key = NULL;

    if (check_product(product, err) != 0) {
        goto out;
    }
    ark_key = simdir_read_key(from, "ark.key", err);
    ask_key = ark_key == NULL ? NULL : simdir_read_key(from, "ask.key", err);
    if (ask_key != NULL) {
        rc = write_vendor(dir, product, ark_key, ask_key, err);
    }
out:
    EVP_PKEY_free(ask_key);
    EVP_PKEY_free(ark_key);
    return rc;
}

/* The product in "SEV-<product>". */
static int vendor_product(X509 *ask, enum product *out_product, struct err *err)
{
    char name[SIMCERT_NAME_CAP];

    if (X509_NAME_get_text_by_NID(X509_get_subject_name(ask), NID_commonName, name, sizeof(name)) <=
            0 ||
        strncmp(name, "SEV-", 4) != 0 || !product_find(name + 4, out_product)) {
        return err_set(err, ERR_INVALID, "ask.pem: not a simulated vendor's");
    }
    return 0;
}

/* As firmware does when a launch finishes. */
static int take_id_block(const struct sim_machine_options *options, struct simstate *state,
                         struct err *err)
{
    struct idblock block;
    struct idblock_keys keys;

    if (options->id_block == NULL) {
        return 0;
    }
    if (idblock_read(options->id_block, &block, err) != 0 ||
        idblock_check(options->id_block, options->id_auth, &keys, err) != 0) {
        return -1;
    }
    if (memcmp(block.measurement, state->measurement, sizeof(block.measurement)) != 0 ||
        block.policy != state->guest_policy) {
        return err_set(err, ERR_DENIED, "ID block: of another %s",
                       block.policy != state->guest_policy ? "guest policy" : "measurement");
    }
    state->guest_svn = block.guest_svn;
    state->has_author_key = keys.has_author ? 1 : 0;
    memcpy(state->family_id, block.family_id, sizeof(state->family_id));
    memcpy(state->image_id, block.image_id, sizeof(state->image_id));
    memcpy(state->id_key_digest, keys.id_key, sizeof(state->id_key_digest));
    memcpy(state->author_key_digest, keys.author_key, sizeof(state->author_key_digest));
    return 0;
}

static int fill_state(const struct sim_machine_options *options, enum product product,
                      struct simstate *out_state, struct err *err)
{
    const struct product_info *info = product_info(product);
    struct simstate state = {
        .product = product,
        .layout = info->layout_min == info->layout_max ? info->layout_min : options->struct_version,
        .report_version = options->report_version == 0 ? 5 : options->report_version,
        .guest_policy = options->guest_policy == 0 ? GUEST_POLICY : options->guest_policy,
        .platform_info = PLATFORM_INFO,
        .guest_svn = options->guest_svn,
    };

    if (state.layout > info->layout_max || state.report_version < 2 || state.report_version > 5) {
        return err_set(err, ERR_INVALID, "report version is 2 to 5, structVersion 0 or 1");
    }
    memcpy(state.tcb, options->tcb == NULL ? default_tcbs[state.layout] : options->tcb, TCB_LEN);
    memcpy(state.measurement, options->measurement, sizeof(state.measurement));
    if (options->host_data != NULL) {
        memcpy(state.host_data, options->host_data, sizeof(state.host_data));
    }
    if (options->chip_id != NULL) {
        memcpy(state.chip_id, options->chip_id, sizeof(state.chip_id));
    } else if (RAND_bytes(state.chip_id, (int)tcb_hwid_len(state.layout)) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random chip id");
    }
    if (RAND_bytes(state.report_id, sizeof(state.report_id)) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random report id");
    }
    if (take_id_block(options, &state, err) != 0) {
        return -1;
    }
    *out_state = state;
    return 0;
}

int sim_machine_create(const char *dir, const char *mdir, const struct sim_machine_options *options,
                       struct err *err)
{
    int rc = -1;
    char path[SIMDIR_PATH_CAP];
    struct simstate state = {0};
    struct simcert_vek fields = {0};
    EVP_PKEY *vek_key = NULL;
    X509 *vek = NULL;
    X509 *ask = NULL;
    EVP_PKEY *ask_key = NULL;

    if (simdir_refuse_vendor_keys(mdir, err) != 0 ||
        (ask_key = simdir_read_key(dir, "ask.key", err)) == NULL) {
        goto out;
    }
    ask = simdir_read_cert(dir, "ask.pem", err);
    if (ask == NULL || vendor_product(ask, &state.product, err) != 0 ||
        fill_state(options, state.product, &state, err) != 0) {
        goto out;
    }
    vek_key = simcert_new_p384(err);
    if (vek_key == NULL) {
        goto out;
    }
    fields = (struct simcert_vek){
        .product = product_info(state.product)->name,
        .layout = state.layout,
        .tcb = state.tcb,
        .hwid = state.chip_id,
        .not_before = options->not_before,
    };
    vek = simcert_vek(&fields, vek_key, ask_key, err);
    if (vek == NULL || simdir_make(mdir, err) != 0 ||
        simdir_path(mdir, "machine.ini", path, err) != 0 ||
        simdir_write_key(mdir, "vek.key", vek_key, err) != 0 ||
        simdir_write_cert(mdir, "vek.pem", vek, err) != 0 ||
        simdir_write_cert(mdir, "ask.pem", ask, err) != 0 ||
        simstate_write(path, &state, err) != 0) {
        goto out;
    }
    rc = 0;
out:
    X509_free(vek);
    EVP_PKEY_free(vek_key);
    X509_free(ask);
    EVP_PKEY_free(ask_key);
    return rc;
}
