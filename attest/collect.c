/*
 * Collect: the sources of evidence in the order of preference, and which of them a platform's name
 * admits.
 */
#include "attest/collect.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/blobs.h"
#include "attest/configfs.h"
#include "attest/guest_device.h"
#include "attest/little_endian.h"
#include "attest/report.h"
#include "attest/sim.h"
#include "attest/table.h"
#include "common/err.h"

struct collected {
    struct evidence evidence; /* views of what follows */
    struct sim *sim;          /* owns the certificates */
    struct blobs blobs;
};

struct collect_source {
    const char *tee;
    /* Whether it is there; ERR_INVALID: no. */
    int (*find)(const struct collect_options *options, struct err *err);
    /* Fills `collected->evidence`; -1 on failure. */
    int (*collect)(const struct collect_options *options,
                   const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                   struct collected *collected, struct err *err);
};

/* Lays out a certificate table as a host would: entries, an all-zero entry, bodies. */
static bool fill_table(const struct sim *sim, struct blobs *blobs)
{
    static const enum table_kind kinds[] = {TABLE_VCEK, TABLE_ASK};
    const struct bytes bodies[] = {sim_vek(sim), sim_ask(sim)};
    size_t offset = (size_t)3 * TABLE_ENTRY_LEN;

    for (size_t i = 0; i < 2; i++) {
        uint8_t *entry = blobs->auxblob + i * TABLE_ENTRY_LEN;

        if (bodies[i].len > sizeof(blobs->auxblob) - offset) {
            return false;
        }
        memcpy(entry, table_kind_guid(kinds[i]), TABLE_GUID_LEN);
        little_endian_write(entry + TABLE_GUID_LEN, offset, 4);
        little_endian_write(entry + TABLE_GUID_LEN + 4, bodies[i].len, 4);
        memcpy(blobs->auxblob + offset, bodies[i].data, bodies[i].len);
        offset += bodies[i].len;
    }
    blobs->auxblob_len = offset;
    return true;
}

/* Provider, report and table, as views of `collected`. */
static void view_blobs(struct collected *collected, const char *provider)
{
    const struct blobs *blobs = &collected->blobs;

    collected->evidence.provider = (struct bytes){(const uint8_t *)provider, strlen(provider)};
    collected->evidence.outblob = (struct bytes){blobs->outblob, blobs->outblob_len};
    if (blobs->auxblob_len > 0) {
        collected->evidence.auxblob = (struct bytes){blobs->auxblob, blobs->auxblob_len};
    }
}

static int find_sim(const struct collect_options *options, struct err *err)
{
    struct sim *sim = NULL;

    if (options->machine_dir == NULL) {
        return err_set(err, ERR_INVALID, "platform sim needs the folder of a simulated machine");
    }
    sim = sim_open(options->machine_dir, err);
    if (sim == NULL) {
        return -1;
    }
    sim_free(sim);
    return 0;
}

static int collect_sim(const struct collect_options *options,
                       const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                       struct collected *collected, struct err *err)
{
    struct blobs *blobs = &collected->blobs;

    collected->sim = sim_open(options->machine_dir, err);
    if (collected->sim == NULL ||
        sim_report(collected->sim, report_data, options->vmpl, blobs->outblob, err) != 0) {
        return -1;
    }
    blobs->outblob_len = REPORT_LEN;
    if (!fill_table(collected->sim, blobs)) {
        return err_set(err, ERR_INVALID, "%s: certificates too long", options->machine_dir);
    }
    view_blobs(collected, "sim");
    collected->evidence.certs[0] = sim_vek(collected->sim);
    collected->evidence.certs[1] = sim_ask(collected->sim);
    collected->evidence.num_certs = 2;
    return 0;
}

static const char *dir_of(const struct collect_options *options)
{
    return options->report_dir != NULL ? options->report_dir : CONFIGFS_DIR;
}

static const char *device_of(const struct collect_options *options)
{
    return options->device != NULL ? options->device : SEV_GUEST_PATH;
}

static struct blobs_options blobs_options_of(const struct collect_options *options,
                                             const char *path)
{
    return (struct blobs_options){
        .path = path, .vmpl = options->vmpl, .pace = options->pace, .patience = options->patience};
}

static int find_configfs(const struct collect_options *options, struct err *err)
{
    char provider[CONFIGFS_PROVIDER_CAP];

    if (configfs_find(dir_of(options), provider, err) != 0) {
        return -1;
    }
    if (strcmp(provider, "sev_guest") == 0) {
        return 0;
    }
    if (strcmp(provider, "tdx_guest") == 0) {
        return err_set(err, ERR_INVALID,
                       "this is an Intel TDX guest, whose quotes no verifier of this "
                       "release knows");
    }
    return err_set(err, ERR_INVALID, "configfs-tsm: unknown provider %s", provider);
}

static int collect_configfs(const struct collect_options *options,
                            const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                            struct collected *collected, struct err *err)
{
    const struct blobs_options blobs = blobs_options_of(options, dir_of(options));

    if (configfs_collect(&blobs, report_data, &collected->blobs, err) != 0) {
        return -1;
    }
    view_blobs(collected, "sev_guest");
    return 0;
}

static int find_device(const struct collect_options *options, struct err *err)
{
    return guest_device_find(device_of(options), err);
}

static int collect_device(const struct collect_options *options,
                          const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                          struct collected *collected, struct err *err)
{
    const struct blobs_options blobs = blobs_options_of(options, device_of(options));

    if (guest_device_collect(&blobs, report_data, &collected->blobs, err) != 0) {
        return -1;
    }
    view_blobs(collected, "sev_guest");
    return 0;
}

static const struct collect_source source_sim = {"sim", find_sim, collect_sim};

/* Those of real machines, the best one first. */
static const struct collect_source sources[] = {
    {"snp", find_configfs, collect_configfs},
    {"snp", find_device, collect_device},
};
#define NUM_SOURCES (sizeof(sources) / sizeof(sources[0]))

/* The first of real machines that is there; if none is, why not, one after the other. */
static const struct collect_source *find_real(const struct collect_options *options,
                                              struct err *err)
{
    struct err why[NUM_SOURCES];

    for (size_t i = 0; i < NUM_SOURCES; i++) {
        if (sources[i].find(options, &why[i]) == 0) {
            return &sources[i];
        }
    }
    *err = why[0];
    for (size_t i = 1; i < NUM_SOURCES; i++) {
        const struct err before = *err;

        err_set(err, ERR_INVALID, "%s; %s", before.msg, why[i].msg);
    }
    return NULL;
}

const struct collect_source *collect_find(const struct collect_options *options, struct err *err)
{
    const char *platform = options->platform != NULL ? options->platform : "(none)";
    const struct collect_source *source = NULL;

    if (strcmp(platform, "sim") == 0) {
        return find_sim(options, err) == 0 ? &source_sim : NULL;
    }
    if (strcmp(platform, "auto") != 0 && strcmp(platform, "snp") != 0 &&
        strcmp(platform, "tdx") != 0) {
        err_set(err, ERR_INVALID, "platform %s gives no evidence: need auto, snp, tdx or sim",
                platform);
        return NULL;
    }
    source = find_real(options, err);
    if (source != NULL && strcmp(platform, "auto") != 0 && strcmp(platform, source->tee) != 0) {
        err_set(err, ERR_INVALID, "platform %s: this machine is %s", platform, source->tee);
        return NULL;
    }
    return source;
}

const char *collect_source_tee(const struct collect_source *source)
{
    return source->tee;
}

struct collected *collect_evidence(const struct collect_source *source,
                                   const struct collect_options *options,
                                   const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                   struct err *err)
{
    struct collected *collected = calloc(1, sizeof(*collected));

    if (collected == NULL) {
        err_set(err, ERR_LIMIT, "no memory for evidence");
        return NULL;
    }
    if (source->collect(options, report_data, collected, err) != 0) {
        collected_free(collected);
        return NULL;
    }
    return collected;
}

const struct evidence *collected_evidence(const struct collected *collected)
{
    return &collected->evidence;
}

void collected_free(struct collected *collected)
{
    if (collected == NULL) {
        return;
    }
    sim_free(collected->sim);
    free(collected);
}

struct collect_places collect_places(const struct collect_options *options)
{
    struct collect_places places = {0};

    if (options->platform == NULL || strcmp(options->platform, "sim") == 0) {
        return places;
    }
    places.request_dir = dir_of(options);
    places.device = device_of(options);
    places.ioctls = guest_device_ioctls(&places.num_ioctls);
    return places;
}

void collect_sweep(const struct collect_options *options)
{
    const char *dir = collect_places(options).request_dir;

    if (dir != NULL) {
        configfs_sweep(dir);
    }
}
