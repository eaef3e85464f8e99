/*
 * Enrol sweep: `enrol_sweep CA_URL CA_ROOT TRUST_DOMAIN SERVICE MACHINE` enrols over and over at a
 * running authority and lets one more allocation of ours fail each time, until none is left.
 *
 * Each attempt has to end in an identity or in an error that says so; leaks are the sanitizer's.
 */
#include <errno.h>
#include <stdio.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "tests/lib/shortage.h"

#define NTH_MAX 1000
#define TIMEOUT_MS 30000

/* One attempt without the Nth allocation: -1 if its outcome is none.  `out_met` says whether there
   was such an allocation. */
static int attempt(const struct enrol_options *options, unsigned long nth, bool *out_met)
{
    struct shortage_rule rule = {.call = SHORTAGE_MEMORY, .error = ENOMEM, .nth = nth};
    struct enrol_failure failure = {.code = VERDICT_ACCEPTED};
    struct identity *identity = NULL;
    struct err err = {0};
    int rc = 0;

    shortage_begin(&rule, 1, true);
    rc = enrol_run(options, &identity, &failure, &err);
    *out_met = shortage_end() > 0;
    identity_unref(identity);
    if (rc == 0 ? identity == NULL : identity != NULL || err.code == 0 || err.msg[0] == '\0') {
        fprintf(stderr, "without allocation %lu: neither an identity nor an error\n", nth);
        return -1;
    }
    if (rc != 0 && !*out_met) {
        fprintf(stderr, "nothing failed, but: %s\n", err.msg);
        return -1;
    }
    printf("without allocation %lu: %s\n", nth, rc == 0 ? "enrolled" : err.msg);
    return 0;
}

int main(int argc, char **argv)
{
    struct enrol_options options = {.timeout_ms = TIMEOUT_MS};
    bool met = true;
    unsigned long nth = 0;

    if (argc != 6) {
        fprintf(stderr, "usage: enrol_sweep CA_URL CA_ROOT TRUST_DOMAIN SERVICE MACHINE\n");
        return 2;
    }
    options.ca_url = argv[1];
    options.ca_root = argv[2];
    options.trust_domain = argv[3];
    options.service = argv[4];
    options.collect = (struct collect_options){.platform = "sim", .machine_dir = argv[5]};
    while (met) {
        if (++nth > NTH_MAX || attempt(&options, nth, &met) != 0) {
            return 1;
        }
    }
    printf("%lu allocations\n", nth - 1);
    return 0;
}
