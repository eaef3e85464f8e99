/*
 * Enrol sweep: `enrol_sweep CA_URL CA_ROOT TRUST_DOMAIN SERVICE MACHINE` enrols over and over at a
 * running authority without one allocation each time: first all of ours, then some of OpenSSL's.
 *
 * Each attempt has to end in an identity or in an error that says so; leaks are the sanitizer's.
 */
#include <errno.h>
#include <stdio.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "tests/lib/shortage.h"

#define NTH_MAX 1000000
#define OPENSSL_STEP 499 /* of tens of thousands */
#define TIMEOUT_MS 30000

/* One attempt under `rule`: -1 if its outcome is none.  `out_met` says whether a call met it. */
static int attempt(const struct enrol_options *options, const struct shortage_rule *rule,
                   bool *out_met)
{
    struct enrol_failure failure = {.code = VERDICT_ACCEPTED};
    struct identity *identity = NULL;
    struct err err = {0};
    int rc = 0;

    shortage_begin(rule, 1, true);
    rc = enrol_run(options, &identity, &failure, &err);
    *out_met = shortage_end() > 0;
    identity_unref(identity);
    if (rc == 0 ? identity == NULL : identity != NULL || err.code == 0 || err.msg[0] == '\0') {
        fprintf(stderr, "without allocation %lu: neither an identity nor an error\n", rule->nth);
        return -1;
    }
    if (rc != 0 && !*out_met) {
        fprintf(stderr, "nothing failed, but: %s\n", err.msg);
        return -1;
    }
    printf("without allocation %lu: %s\n", rule->nth, rc == 0 ? "enrolled" : err.msg);
    return 0;
}

/* Attempts without each `step`th allocation of a kind; -1 if one went wrong. */
static int sweep(const struct enrol_options *options, enum shortage_call call, unsigned long step)
{
    struct shortage_rule rule = {.call = call, .error = ENOMEM, .nth = 1};
    unsigned long attempts = 0;
    bool met = true;

    for (; met; rule.nth += step) {
        if (rule.nth > NTH_MAX || attempt(options, &rule, &met) != 0) {
            return -1;
        }
        attempts++;
    }
    printf("%lu attempts with one of up to %lu %s allocations missing\n", attempts - 1, rule.nth,
           call == SHORTAGE_OPENSSL ? "OpenSSL" : "own");
    return 0;
}

int main(int argc, char **argv)
{
    struct enrol_options options = {.timeout_ms = TIMEOUT_MS};

    if (argc != 6) {
        fprintf(stderr, "usage: enrol_sweep CA_URL CA_ROOT TRUST_DOMAIN SERVICE MACHINE\n");
        return 2;
    }
    options.ca_url = argv[1];
    options.ca_root = argv[2];
    options.trust_domain = argv[3];
    options.service = argv[4];
    options.collect = (struct collect_options){.platform = "sim", .machine_dir = argv[5]};
    shortage_watch_openssl();
    if (sweep(&options, SHORTAGE_MEMORY, 1) != 0 ||
        sweep(&options, SHORTAGE_OPENSSL, OPENSSL_STEP) != 0) {
        return 1;
    }
    return 0;
}
