/*
 * Counters: counting by workload, and the text.
 */
#include "ca/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void counters_add_issued(struct counters *counters, const char *workload)
{
    size_t i = 0;

    while (i < counters->num_workloads && strcmp(counters->workloads[i].workload, workload) != 0) {
        i++;
    }
    if (i == counters->num_workloads && i < COUNTERS_WORKLOADS_MAX) {
        snprintf(counters->workloads[i].workload, sizeof(counters->workloads[i].workload), "%s",
                 workload);
        counters->num_workloads++;
    }
    counters->workloads[i].issued++;
}

static bool put_issued(struct buf *out, const char *workload, uint64_t issued)
{
    return buf_printf(out, "liftgate_ca_issued_total{workload=\"%s\"} %" PRIu64 "\n", workload,
                      issued);
}

bool counters_render(const struct counters *counters, struct buf *out)
{
    uint64_t other = counters->workloads[COUNTERS_WORKLOADS_MAX].issued;
    bool ok = buf_printf(out,
                         "liftgate_ca_nonces_total{result=\"issued\"} %" PRIu64 "\n"
                         "liftgate_ca_nonces_total{result=\"refused\"} %" PRIu64 "\n"
                         "liftgate_ca_repeated_total %" PRIu64 "\n"
                         "liftgate_ca_sim_issued_total %" PRIu64 "\n",
                         counters->nonces_issued, counters->nonces_refused, counters->repeated,
                         counters->simulated);

    for (size_t i = 0; ok && i < counters->num_workloads; i++) {
        ok = put_issued(out, counters->workloads[i].workload, counters->workloads[i].issued);
    }
    if (ok && other > 0) {
        ok = put_issued(out, "other", other);
    }
    for (unsigned i = VERDICT_ACCEPTED + 1; ok && i < VERDICT_CODES; i++) {
        ok = buf_printf(out, "liftgate_ca_refused_total{code=\"%s\"} %" PRIu64 "\n",
                        verdict_code_name((enum verdict_code)i), counters->refused[i]);
    }
    for (unsigned i = 0; ok && i < LIMIT_KINDS; i++) {
        ok = buf_printf(out, "liftgate_ca_limited_total{limit=\"%s\"} %" PRIu64 "\n",
                        limit_name((enum limit)i), counters->limited[i]);
    }
    return ok;
}
