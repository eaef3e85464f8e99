/*
 * Collect: the platforms by name.  This release has one, the simulated.
 */
#include "attest/collect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "attest/sim.h"
#include "attest/table.h"
#include "common/buf.h"
#include "common/err.h"

struct collected {
    struct evidence evidence; /* views of what follows */
    struct sim *sim;          /* owns the certificates */
    uint8_t report[REPORT_LEN];
    uint8_t table[TABLE_LEN_MAX];
};

static bool is_sim(const struct collect_options *options)
{
    return options->platform != NULL && strcmp(options->platform, "sim") == 0;
}

static void put_u32(uint8_t *out, size_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
}

/* Lays out a certificate table as a host would: entries, an all-zero entry, bodies. */
static bool fill_table(struct collected *collected)
{
    static const enum table_kind kinds[] = {TABLE_VCEK, TABLE_ASK};
    const struct bytes bodies[] = {sim_vek(collected->sim), sim_ask(collected->sim)};
    size_t offset = (size_t)3 * TABLE_ENTRY_LEN;

    for (size_t i = 0; i < 2; i++) {
        uint8_t *entry = collected->table + i * TABLE_ENTRY_LEN;

        if (bodies[i].len > sizeof(collected->table) - offset) {
            return false;
        }
        memcpy(entry, table_kind_guid(kinds[i]), TABLE_GUID_LEN);
        put_u32(entry + TABLE_GUID_LEN, offset);
        put_u32(entry + TABLE_GUID_LEN + 4, bodies[i].len);
        memcpy(collected->table + offset, bodies[i].data, bodies[i].len);
        offset += bodies[i].len;
    }
    collected->evidence.auxblob = (struct bytes){collected->table, offset};
    return true;
}

static int collect_sim(const struct collect_options *options,
                       const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                       struct collected *collected, struct err *err)
{
    if (options->machine_dir == NULL) {
        return err_set(err, ERR_INVALID, "platform sim needs the folder of a simulated machine");
    }
    collected->sim = sim_open(options->machine_dir, err);
    if (collected->sim == NULL) {
        return -1;
    }
    if (sim_report(collected->sim, report_data, options->vmpl, collected->report, err) != 0) {
        return -1;
    }
    if (!fill_table(collected)) {
        return err_set(err, ERR_INVALID, "%s: certificates too long", options->machine_dir);
    }
    collected->evidence.provider = (struct bytes){(const uint8_t *)"sim", 3};
    collected->evidence.outblob = (struct bytes){collected->report, sizeof(collected->report)};
    collected->evidence.certs[0] = sim_vek(collected->sim);
    collected->evidence.certs[1] = sim_ask(collected->sim);
    collected->evidence.num_certs = 2;
    return 0;
}

struct collected *collect_evidence(const struct collect_options *options,
                                   const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                   struct err *err)
{
    struct collected *collected = NULL;

    if (!is_sim(options)) {
        err_set(err, ERR_INVALID, "platform %s: this release collects from platform sim only",
                options->platform != NULL ? options->platform : "(none)");
        return NULL;
    }
    collected = calloc(1, sizeof(*collected));
    if (collected == NULL) {
        err_set(err, ERR_LIMIT, "no memory for evidence");
        return NULL;
    }
    if (collect_sim(options, report_data, collected, err) != 0) {
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

const char *collect_tee(const struct collect_options *options)
{
    return is_sim(options) ? "sim" : NULL;
}
