/*
 * Appraisal cost: what a whole verification of evidence costs the processor beside the one ECDSA
 * verification that no verifier can do without, side by side, with and without what earlier
 * evidence has left in the memory.  Prints ratios, and judges none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "attest/memo.h"
#include "common/err.h"
#include "tests/lib/specimen.h"

#define ROUNDS 40
#define CALLS 20 /* of each kind in a round */

enum kind { BARE, COLD, WARM, KINDS };

struct bench {
    struct specimen *specimen;
    struct evidence evidence;
    struct bytes root;
    struct collateral collateral;
    struct report report;
    EVP_PKEY *key;
    struct verify_options options[KINDS];
};

static int64_t cpu_ns(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t measure(const struct bench *b, enum kind kind)
{
    int64_t from = cpu_ns();

    for (int i = 0; i < CALLS; i++) {
        struct claims claims;
        struct verdict verdict;
        struct verified_report verified;

        if (kind == BARE) {
            assert_true(report_authenticate(b->report, b->key, &verified));
        } else {
            assert_true(verify_evidence(&b->evidence, &b->collateral, &b->options[kind], &claims,
                                        &verdict, NULL));
        }
    }
    return (cpu_ns() - from) / CALLS;
}

static void a_verification_beside_its_signature(void **state)
{
    static const struct specimen_kind milan = {"Milan", 3, NULL};
    struct specimen *s = specimen_new(&milan);
    struct bench b = {
        .specimen = s,
        .evidence = {.provider = {(const uint8_t *)s->provider, strlen(s->provider)},
                     .outblob = {s->report, s->report_len},
                     .certs = {{s->vek.data, s->vek.len}, {s->ask.data, s->ask.len}},
                     .num_certs = 2},
        .root = {s->ark.data, s->ark.len},
        .key = s->vek_key,
        .options = {[COLD] = s->options, [WARM] = s->options},
    };
    int64_t best[KINDS] = {INT64_MAX, INT64_MAX, INT64_MAX};
    struct err err;
    struct memo *memo = memo_new(&err);

    assert_non_null(memo);
    assert_true(report_over(b.evidence.outblob, &b.report));
    b.collateral = (struct collateral){.certs = &b.root, .num_certs = 1};
    b.options[WARM].memo = memo;
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned kind = 0; kind < KINDS; kind++) {
            int64_t took = measure(&b, (enum kind)kind);

            best[kind] = took < best[kind] ? took : best[kind];
        }
    }
    printf("bare signature %.1f us; whole verification %.1f us, ratio %.2f; known chain %.1f us, "
           "ratio %.2f (target 1.30)\n",
           (double)best[BARE] / 1e3, (double)best[COLD] / 1e3,
           (double)best[COLD] / (double)best[BARE], (double)best[WARM] / 1e3,
           (double)best[WARM] / (double)best[BARE]);
    memo_free(memo);
    specimen_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_verification_beside_its_signature)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
