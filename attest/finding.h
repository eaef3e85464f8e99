/*
 * Finding: what a verification by the operator's tool came to, and how it is shown.
 *
 * Text: `ok NN check: ...`, `FAIL NN check: SLUG: ...`, `skip NN check`, then the verdict in the
 * last line.  JSON: the same facts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "attest/evidence.h"
#include "attest/kds.h"
#include "attest/policy.h"
#include "attest/verify.h"
#include "common/compiler.h"
#include "common/verdict.h"

struct err;

#define FINDING_URLS_MAX 4

struct finding {
    bool accepted;
    struct verdict verdict;
    const struct evidence *evidence; /* NULL: the file could not be taken apart */
    struct verify_rows rows;
    const struct policy_trace *traces; /* the policy's workloads; NULL: no policy was asked */
    size_t num_traces;
    char urls[FINDING_URLS_MAX][KDS_URL_MAX + 1]; /* of the key service */
    size_t num_urls;
};

/* Names the addresses that would give what is missing or does not fit, if the verdict is such. */
void finding_add_urls(struct finding *finding);

/* Writes it to standard output.  ERR_IO if that fails. */
MUST_CHECK int finding_print(const struct finding *finding, struct err *err);
MUST_CHECK int finding_print_json(const struct finding *finding, struct err *err);
