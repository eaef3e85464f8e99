/*
 * Policy_tcb: rows 79 to 86, how new the machine's firmware is, and that its parts agree.
 *
 * TCBs are compared component by component, a partial order; never as one number.
 */
#include "attest/policy_predicate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct policy_floor *floor_of(const struct policy_case *c)
{
    return &c->policy->floors[c->claims->product];
}

static void describe_tcb(char *out, size_t cap, const struct tcb *tcb)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < TCB_COMPONENTS && len < cap; i++) {
        if (tcb->present[i]) {
            int put = snprintf(out + len, cap - len, "%s%s=%u", len > 0 ? " " : "",
                               tcb_component_name((enum tcb_component)i), tcb->value[i]);
            len += put > 0 ? (size_t)put : 0;
        }
    }
}

static void describe(struct policy_case *c, const struct tcb *expected, const struct tcb *actual)
{
    describe_tcb(c->found.expected, sizeof(c->found.expected), expected);
    describe_tcb(c->found.actual, sizeof(c->found.actual), actual);
}

static bool tcb_above(const struct tcb *tcb, const struct tcb *limit)
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (tcb->present[i] && (!limit->present[i] || tcb->value[i] > limit->value[i])) {
            return true;
        }
    }
    return false;
}

/* A floor for a component that this machine does not have is not met. */
static bool tcb_below(const struct tcb *tcb, const struct policy_floor *floor)
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (floor->set[i] && (!tcb->present[i] || tcb->value[i] < floor->min[i])) {
            return true;
        }
    }
    return false;
}

static uint32_t firmware_number(const struct firmware *firmware)
{
    return (uint32_t)firmware->major << 16 | (uint32_t)firmware->minor << 8 | firmware->build;
}

static void describe_firmware(struct policy_case *c, const char *relation,
                              const struct firmware *expected, const struct firmware *actual)
{
    verdict_expected(&c->found, "%s%u.%u.%u", relation, expected->major, expected->minor,
                     expected->build);
    verdict_actual(&c->found, "%u.%u.%u", actual->major, actual->minor, actual->build);
}

static const char *judge_product(struct policy_case *c)
{
    verdict_actual(&c->found, "%s", product_name(c->claims->product));
    return c->workload->products[c->claims->product] ? NULL : "product-without-floor";
}

static const char *judge_order(struct policy_case *c)
{
    const struct tcb *current = &c->claims->current;
    const struct {
        const struct tcb *tcb;
        const char *slug;
    } rows[] = {
        {&c->claims->reported, "reported-above-current"},
        {&c->claims->committed, "committed-above-current"},
        {&c->claims->launch, "launch-above-current"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tcb_above(rows[i].tcb, current)) {
            describe(c, current, rows[i].tcb);
            return rows[i].slug;
        }
    }
    return NULL;
}

static const char *judge_strict_order(struct policy_case *c)
{
    const struct tcb *committed = &c->claims->committed;

    if (!floor_of(c)->strict_order) {
        return policy_skipped;
    }
    if (tcb_above(&c->claims->reported, committed)) {
        describe(c, committed, &c->claims->reported);
        return "reported-above-committed";
    }
    if (tcb_above(&c->claims->launch, committed)) {
        describe(c, committed, &c->claims->launch);
        return "launch-above-committed";
    }
    return NULL;
}

static const char *judge_firmware_order(struct policy_case *c)
{
    const struct firmware *current = &c->claims->current_firmware;
    const struct firmware *committed = &c->claims->committed_firmware;

    describe_firmware(c, "at most ", current, committed);
    return firmware_number(committed) <= firmware_number(current) ? NULL : "version-above-current";
}

static const char *judge_floors(struct policy_case *c)
{
    const struct policy_floor *floor = floor_of(c);
    struct tcb minimum = {0};
    const struct {
        const struct tcb *tcb;
        const char *slug;
    } rows[] = {
        {&c->claims->current, "current-below-floor"}, /* then all others are below as well */
        {&c->claims->reported, "reported-below-floor"},
        {&c->claims->committed, "committed-below-floor"},
        {&c->claims->launch, "launch-below-floor"},
    };

    memcpy(minimum.value, floor->min, sizeof(minimum.value));
    memcpy(minimum.present, floor->set, sizeof(minimum.present));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tcb_below(rows[i].tcb, floor)) {
            describe(c, &minimum, rows[i].tcb);
            return rows[i].slug;
        }
    }
    return NULL;
}

static const char *judge_firmware(struct policy_case *c)
{
    const struct firmware *minimum = &floor_of(c)->firmware;

    if (firmware_number(minimum) == 0) {
        return policy_skipped;
    }
    describe_firmware(c, "at least ", minimum, &c->claims->current_firmware);
    if (firmware_number(&c->claims->current_firmware) < firmware_number(minimum)) {
        return "firmware-below-minimum";
    }
    describe_firmware(c, "at least ", minimum, &c->claims->committed_firmware);
    return firmware_number(&c->claims->committed_firmware) < firmware_number(minimum)
               ? "committed-firmware-below-minimum"
               : NULL;
}

/* What is not committed, the host may take back. */
static const char *judge_provisional(struct policy_case *c)
{
    const struct claims *claims = c->claims;

    if (!floor_of(c)->refuse_provisional) {
        return policy_skipped;
    }
    describe(c, &claims->current, &claims->committed);
    if (tcb_above(&claims->current, &claims->committed)) {
        return "firmware-provisional";
    }
    describe_firmware(c, "", &claims->current_firmware, &claims->committed_firmware);
    return firmware_number(&claims->current_firmware) ==
                   firmware_number(&claims->committed_firmware)
               ? NULL
               : "firmware-provisional";
}

static const char *judge_mitigations(struct policy_case *c)
{
    const struct policy_floor *floor = floor_of(c);
    const struct {
        uint64_t wanted;
        uint64_t found;
        const char *slug;
    } rows[] = {
        {floor->min_launch_mit, c->claims->launch_mitigations, "launch-mitigation-missing"},
        {floor->min_current_mit, c->claims->current_mitigations, "current-mitigation-missing"},
    };

    if (floor->min_launch_mit == 0 && floor->min_current_mit == 0) {
        return policy_skipped;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        verdict_expected(&c->found, "all of 0x%" PRIx64, rows[i].wanted);
        verdict_actual(&c->found, "0x%" PRIx64, rows[i].found);
        if (rows[i].wanted != 0 && !c->claims->mitigations_known) {
            verdict_actual(&c->found, "a report before version 5");
            return "mitigation-unreported";
        }
        if ((rows[i].wanted & ~rows[i].found) != 0) {
            return rows[i].slug;
        }
    }
    return NULL;
}

// clang-format off
const struct policy_predicate policy_tcb_rows[] = {
    {79, VERDICT_TCB_NOT_ALLOWED, "floors exist",         judge_product},
    {80, VERDICT_TCB_NOT_ALLOWED, "TCB order",            judge_order},
    {81, VERDICT_TCB_NOT_ALLOWED, "strict TCB order",     judge_strict_order},
    {82, VERDICT_TCB_NOT_ALLOWED, "firmware order",       judge_firmware_order},
    {83, VERDICT_TCB_NOT_ALLOWED, "TCB floors",           judge_floors},
    {84, VERDICT_TCB_NOT_ALLOWED, "firmware floor",       judge_firmware},
    {85, VERDICT_TCB_NOT_ALLOWED, "provisional firmware", judge_provisional},
    {86, VERDICT_TCB_NOT_ALLOWED, "mitigations",          judge_mitigations},
};
// clang-format on
const size_t policy_tcb_rows_len = sizeof(policy_tcb_rows) / sizeof(policy_tcb_rows[0]);
