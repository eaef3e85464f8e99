/*
 * Sim: a simulated machine at work, filling in and signing reports.
 */
#include "attest/sim.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/little_endian.h"
#include "attest/signature.h"
#include "attest/simdir.h"
#include "attest/simstate.h"
#include "common/err.h"

#define VMPL_MAX 3
#define FIRMWARE_MAJOR 1
#define FIRMWARE_MINOR 55
#define FIRMWARE_BUILD 40

struct sim {
    EVP_PKEY *key;
    uint8_t *vek; /* DER; OpenSSL's allocation */
    size_t vek_len;
    uint8_t *ask; /* DER; OpenSSL's allocation */
    size_t ask_len;
    struct simstate state;
};

static int read_der(const char *mdir, const char *name, uint8_t **out_der, size_t *out_len,
                    struct err *err)
{
    X509 *cert = simdir_read_cert(mdir, name, err);
    uint8_t *der = NULL;
    int len = 0;

    if (cert == NULL) {
        return -1;
    }
    len = i2d_X509(cert, &der);
    X509_free(cert);
    if (len <= 0) {
        return err_set_openssl(err, ERR_INVALID, "%s/%s", mdir, name);
    }
    *out_der = der;
    *out_len = (size_t)len;
    return 0;
}

/* Another key would sign reports that no verifier accepts, and only the verifier would say so. */
static int check_key(const struct sim *sim, const char *mdir, struct err *err)
{
    struct buf no_storage = {0};
    struct cert vek;
    EVP_PKEY *public = NULL;
    bool fits = false;

    if (cert_read(sim_vek(sim), &no_storage, &vek) == CERT_OK && cert_key_is_p384(&vek)) {
        public = cert_key(&vek);
        fits = public != NULL && EVP_PKEY_eq(public, sim->key) == 1;
    }
    EVP_PKEY_free(public);
    return fits ? 0
                : err_set(err, ERR_INVALID, "%s: vek.key is not the P-384 key of vek.pem", mdir);
}

struct sim *sim_open(const char *mdir, struct err *err)
{
    char path[SIMDIR_PATH_CAP];
    struct sim *sim = NULL;
    bool ok = false;

    if (simdir_refuse_vendor_keys(mdir, err) != 0 ||
        simdir_path(mdir, "machine.ini", path, err) != 0) {
        return NULL;
    }
    sim = calloc(1, sizeof(*sim));
    if (sim == NULL) {
        err_set(err, ERR_LIMIT, "%s: no memory", mdir);
        return NULL;
    }
    if (simstate_read(path, &sim->state, err) != 0 ||
        read_der(mdir, "vek.pem", &sim->vek, &sim->vek_len, err) != 0 ||
        read_der(mdir, "ask.pem", &sim->ask, &sim->ask_len, err) != 0) {
        goto out;
    }
    sim->key = simdir_read_key(mdir, "vek.key", err);
    if (sim->key == NULL || check_key(sim, mdir, err) != 0) {
        goto out;
    }
    ok = true;
out:
    if (!ok) {
        sim_free(sim);
        return NULL;
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    if (sim == NULL) {
        return;
    }
    EVP_PKEY_free(sim->key);
    OPENSSL_free(sim->vek);
    OPENSSL_free(sim->ask);
    free(sim);
}

struct bytes sim_vek(const struct sim *sim)
{
    return (struct bytes){sim->vek, sim->vek_len};
}

struct bytes sim_ask(const struct sim *sim)
{
    return (struct bytes){sim->ask, sim->ask_len};
}

static void put_bytes(uint8_t *report, enum report_field field, const void *bytes)
{
    const struct report_field_info *info = report_field_info(field);

    memcpy(report + info->offset, bytes, info->len);
}

static void put_uint(uint8_t *report, enum report_field field, uint64_t value)
{
    const struct report_field_info *info = report_field_info(field);

    little_endian_write(report + info->offset, value, info->len);
}

/* One processor of each product. */
static void put_processor(uint8_t *report, enum product product)
{
    static const struct {
        uint8_t family;
        uint8_t model;
        uint8_t stepping;
    } processors[] = {
        [PRODUCT_MILAN] = {0x19, 0x01, 1},
        [PRODUCT_GENOA] = {0x19, 0x11, 1},
        [PRODUCT_TURIN] = {0x1a, 0x02, 1},
        [PRODUCT_SIM] = {0, 0, 0},
    };

    put_uint(report, REPORT_CPUID_FAMILY, processors[product].family);
    put_uint(report, REPORT_CPUID_MODEL, processors[product].model);
    put_uint(report, REPORT_CPUID_STEPPING, processors[product].stepping);
}

int sim_report(struct sim *sim, const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
               unsigned vmpl, uint8_t out_report[static REPORT_LEN], struct err *err)
{
    const struct simstate *state = &sim->state;
    uint8_t report[REPORT_LEN] = {0};
    uint8_t ones[32];

    if (vmpl > VMPL_MAX) {
        return err_set(err, ERR_INVALID, "VMPL %u: 0 to %d", vmpl, VMPL_MAX);
    }
    memset(ones, 0xff, sizeof(ones));
    put_uint(report, REPORT_VERSION, state->report_version);
    put_uint(report, REPORT_GUEST_SVN, state->guest_svn);
    put_uint(report, REPORT_POLICY, state->guest_policy);
    put_uint(report, REPORT_VMPL, vmpl);
    put_uint(report, REPORT_SIGNATURE_ALGO, 1);
    put_uint(report, REPORT_PLATFORM_INFO, state->platform_info);
    put_uint(report, REPORT_KEY_INFO, state->has_author_key ? 1 : 0); /* AUTHOR_KEY_EN */
    put_bytes(report, REPORT_FAMILY_ID, state->family_id);
    put_bytes(report, REPORT_IMAGE_ID, state->image_id);
    put_bytes(report, REPORT_ID_KEY_DIGEST, state->id_key_digest);
    put_bytes(report, REPORT_AUTHOR_KEY_DIGEST, state->author_key_digest);
    put_bytes(report, REPORT_REPORT_DATA, report_data);
    put_bytes(report, REPORT_MEASUREMENT, state->measurement);
    put_bytes(report, REPORT_HOST_DATA, state->host_data);
    put_bytes(report, REPORT_REPORT_ID, state->report_id);
    put_bytes(report, REPORT_REPORT_ID_MA, ones);
    put_bytes(report, REPORT_CHIP_ID, state->chip_id);
    put_bytes(report, REPORT_CURRENT_TCB, state->tcb);
    put_bytes(report, REPORT_REPORTED_TCB, state->tcb);
    put_bytes(report, REPORT_COMMITTED_TCB, state->tcb);
    put_bytes(report, REPORT_LAUNCH_TCB, state->tcb);
    put_uint(report, REPORT_CURRENT_BUILD, FIRMWARE_BUILD);
    put_uint(report, REPORT_CURRENT_MINOR, FIRMWARE_MINOR);
    put_uint(report, REPORT_CURRENT_MAJOR, FIRMWARE_MAJOR);
    put_uint(report, REPORT_COMMITTED_BUILD, FIRMWARE_BUILD);
    put_uint(report, REPORT_COMMITTED_MINOR, FIRMWARE_MINOR);
    put_uint(report, REPORT_COMMITTED_MAJOR, FIRMWARE_MAJOR);
    if (state->report_version >= 3) {
        put_processor(report, state->product);
    }
    if (sim_sign(sim->key, report, err) != 0) {
        return -1;
    }
    memcpy(out_report, report, sizeof(report));
    return 0;
}

int sim_sign(EVP_PKEY *vek, uint8_t report[static REPORT_LEN], struct err *err)
{
    return signature_make(vek, (struct bytes){report, REPORT_SIGNED_LEN},
                          report + REPORT_SIGNED_LEN, err) == 0
               ? 0
               : err_wrap(err, "report");
}
