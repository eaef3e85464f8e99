/*
 * Tests of authz: the decision table of rules and peers.
 */
#include "proxy/authz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "spiffe://td/snp/api"

static const char *const ids[] = {"spiffe://td/snp/other", ID};
static const char *const strange_ids[] = {"spiffe://td/snp/ap", "spiffe://td/snp/apia"};
static const char *const names[] = {"web.example", "API.prod.example"};
static const char *const strange_names[] = {"prod.example", "x.api.prod.example",
                                            "api.prod.exampl"};
static const char *const tees[] = {"tdx", "snp"};
static const char *const sim_only[] = {"sim"};
static const struct authz_measurement good[] = {{{1}, 48}, {{7, 7}, 48}};
static const struct authz_measurement bad[] = {{{1}, 48}, {{7, 7}, 47}};

/* A rule that the peer below satisfies in every key. */
static struct authz_rule full_rule(void)
{
    return (struct authz_rule){
        .name = "full",
        .spiffe = ids,
        .num_spiffe = 2,
        .dns = names,
        .num_dns = 2,
        .tee = tees,
        .num_tee = 2,
        .measurements = good,
        .num_measurements = 2,
        .tcb_min = {4, 0, 21, 72, 0},
        .tcb_min_set = {true, true, true, true, false},
        .epoch_min = 42,
        .epoch_min_set = true,
    };
}

static struct svid full_peer(void)
{
    static char id[] = ID;
    static char dns[] = "first.example\0api.PROD.example";
    struct svid peer = {
        .spiffe = id,
        .dns = dns,
        .dns_len = sizeof(dns),
        .has_claims = true,
        .claims = {.status = EAR_AFFIRMING,
                   .tee = "snp",
                   .epoch = 42,
                   .measurement = {7, 7},
                   .measurement_len = 48,
                   .tcb = {4, 0, 21, 72, 0},
                   .tcb_present = {true, true, true, true, false}},
    };

    return peer;
}

static const char *decide(const struct authz_rule *rule, const struct svid *peer)
{
    const struct authz_rule *const rules[] = {rule};
    const char *reason = "untouched";
    const struct authz_rule *found = authz_decide(rules, 1, peer, &reason);

    assert_true(found == NULL || found == rule);
    return found != NULL ? NULL : reason;
}

static void a_peer_that_satisfies_every_key_is_welcome(void **state)
{
    struct authz_rule rule = full_rule();
    struct svid peer = full_peer();

    assert_null(decide(&rule, &peer));
    peer.claims.tcb[2] = 22; /* above a floor */
    peer.claims.epoch = 43;
    assert_null(decide(&rule, &peer));
}

static void r14_one_key_that_fails_is_enough_to_refuse(void **state)
{
    struct authz_rule rule = full_rule();
    struct svid peer = full_peer();

    rule.spiffe = strange_ids;
    assert_string_equal(decide(&rule, &peer), "spiffe");

    rule = full_rule();
    rule.dns = strange_names;
    rule.num_dns = 3;
    assert_string_equal(decide(&rule, &peer), "dns");
    rule = full_rule();
    peer.dns = NULL;
    peer.dns_len = 0;
    assert_string_equal(decide(&rule, &peer), "dns");
    peer = full_peer();

    rule = full_rule();
    rule.tee = sim_only;
    rule.num_tee = 1;
    assert_string_equal(decide(&rule, &peer), "tee");

    rule = full_rule();
    rule.measurements = bad;
    assert_string_equal(decide(&rule, &peer), "measurement");

    rule = full_rule();
    peer.claims.epoch = 41;
    assert_string_equal(decide(&rule, &peer), "epoch");

    for (size_t i = 0; i < 4; i++) {
        peer = full_peer();
        peer.claims.tcb_present[i] = false;
        assert_string_equal(decide(&rule, &peer), "tcb");
        peer = full_peer();
        if (rule.tcb_min[i] > 0) {
            peer.claims.tcb[i]--;
            assert_string_equal(decide(&rule, &peer), "tcb");
        }
    }
}

static void a_higher_component_does_not_make_up_for_a_lower_one(void **state)
{
    struct authz_rule rule = full_rule();
    struct svid peer = full_peer();

    peer.claims.tcb[3] = 255;
    peer.claims.tcb[2] = 20;
    assert_string_equal(decide(&rule, &peer), "tcb");
}

static void r14_a_rule_with_a_claim_key_wants_verified_claims(void **state)
{
    struct svid peer = full_peer();
    struct authz_rule bare = {.name = "bare", .spiffe = ids, .num_spiffe = 2};
    struct authz_rule rules[] = {bare, bare, bare, bare};

    peer.has_claims = false; /* what stands in `claims` must not count */
    assert_null(decide(&bare, &peer));
    rules[0].tee = tees;
    rules[0].num_tee = 2;
    rules[1].measurements = good;
    rules[1].num_measurements = 2;
    rules[2].tcb_min_set[1] = true; /* a floor of 0 is a floor */
    rules[3].epoch_min_set = true;
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(decide(&rules[i], &peer), "no attestation result");
    }
}

static void r14_a_result_that_does_not_affirm_is_as_good_as_none(void **state)
{
    static const struct {
        enum ear_status status;
        const char *tee;
        bool welcome;
    } rows[] = {
        {EAR_AFFIRMING, "snp", true},
        {EAR_AFFIRMING, "sim", true},
        {EAR_NONE, "snp", false},
        {EAR_NONE, "sim", true},
        {EAR_WARNING, "snp", false},
        {EAR_WARNING, "sim", false},
        {EAR_CONTRAINDICATED, "snp", false},
        {EAR_CONTRAINDICATED, "sim", false},
    };
    struct authz_rule rule = full_rule();
    struct authz_rule bare = {.name = "bare", .spiffe = ids, .num_spiffe = 2};

    rule.num_tee = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct svid peer = full_peer();
        const char *reason = NULL;

        peer.claims.status = rows[i].status;
        (void)snprintf(peer.claims.tee, sizeof(peer.claims.tee), "%s", rows[i].tee);
        reason = decide(&rule, &peer);
        assert_true((reason == NULL) == rows[i].welcome);
        assert_true(reason == NULL || strcmp(reason, "attestation result does not affirm") == 0);
        assert_null(decide(&bare, &peer));
    }
}

/* One key or fact each; the first is the ID, which every rule has, the second the attestation
   result, which every key behind it needs. */
enum { TABLE_ID, TABLE_RESULT, TABLE_DNS, TABLE_TEE, TABLE_MEASUREMENT, TABLE_TCB, TABLE_EPOCH };
#define TABLE_FACTS 7U
#define HAS(set, element) (((set) >> (element)&1U) != 0)

static struct authz_rule table_rule(unsigned keys)
{
    struct authz_rule rule = full_rule();

    rule.num_dns = HAS(keys, TABLE_DNS) ? 2 : 0;
    rule.num_tee = HAS(keys, TABLE_TEE) ? 2 : 0;
    rule.num_measurements = HAS(keys, TABLE_MEASUREMENT) ? 2 : 0;
    rule.epoch_min_set = HAS(keys, TABLE_EPOCH);
    for (size_t i = 0; i < EAR_TCB_COMPONENTS; i++) {
        rule.tcb_min_set[i] = rule.tcb_min_set[i] && HAS(keys, TABLE_TCB);
    }
    return rule;
}

/* Its facts hold, the others are wrong. */
static struct svid table_peer(unsigned facts)
{
    static char stranger[] = ID "x";
    struct svid peer = full_peer();

    peer.spiffe = HAS(facts, TABLE_ID) ? peer.spiffe : stranger;
    peer.has_claims = HAS(facts, TABLE_RESULT);
    peer.dns_len = HAS(facts, TABLE_DNS) ? peer.dns_len : 0;
    peer.claims.tee[0] = HAS(facts, TABLE_TEE) ? 's' : 'x';
    peer.claims.measurement[0] = HAS(facts, TABLE_MEASUREMENT) ? 7 : 8;
    peer.claims.tcb[3] = HAS(facts, TABLE_TCB) ? 72 : 71;
    peer.claims.epoch = HAS(facts, TABLE_EPOCH) ? 42 : 41;
    return peer;
}

/* What the specification says: each key that is there must hold. */
static bool table_welcome(unsigned keys, unsigned facts)
{
    bool result = (keys & ~(1U << TABLE_DNS)) == 0 || HAS(facts, TABLE_RESULT);

    return HAS(facts, TABLE_ID) && result && (keys & ~facts) == 0;
}

static void r14_every_table_of_keys_and_facts_is_and_within_a_rule_and_or_across(void **state)
{
    for (unsigned facts = 0; facts < 1U << TABLE_FACTS; facts++) {
        struct svid peer = table_peer(facts);

        for (unsigned keys = 0; keys < 1U << TABLE_FACTS; keys += 1U << TABLE_DNS) {
            struct authz_rule first = table_rule(keys);
            struct authz_rule second = table_rule(~keys);
            unsigned other = ~keys & ((1U << TABLE_FACTS) - (1U << TABLE_DNS));
            const struct authz_rule *const rules[] = {&first, &second};
            const char *reason = NULL;
            const struct authz_rule *found = authz_decide(rules, 2, &peer, &reason);
            const struct authz_rule *expected = table_welcome(keys, facts)    ? &first
                                                : table_welcome(other, facts) ? &second
                                                                              : NULL;

            if (found != expected || (found == NULL) != (reason != NULL)) {
                fail_msg("keys %#x, facts %#x: %s", keys, facts, reason != NULL ? reason : "in");
            }
        }
    }
}

static void r14_rules_are_alternatives_and_without_one_nobody_is_welcome(void **state)
{
    struct authz_rule stranger = full_rule();
    struct authz_rule almost = full_rule();
    struct authz_rule match = full_rule();
    const struct authz_rule *const rules[] = {&stranger, &almost, &match};
    struct svid peer = full_peer();
    const char *reason = NULL;

    stranger.spiffe = strange_ids;
    almost.epoch_min = 99;
    assert_ptr_equal(authz_decide(rules, 3, &peer, &reason), &match);
    assert_null(authz_decide(rules, 2, &peer, &reason));
    assert_string_equal(reason, "epoch"); /* of the one that came closest */
    assert_null(authz_decide(rules, 0, &peer, &reason));
    assert_string_equal(reason, "no rule");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_satisfies_every_key_is_welcome),
        cmocka_unit_test(r14_one_key_that_fails_is_enough_to_refuse),
        cmocka_unit_test(a_higher_component_does_not_make_up_for_a_lower_one),
        cmocka_unit_test(r14_a_rule_with_a_claim_key_wants_verified_claims),
        cmocka_unit_test(r14_a_result_that_does_not_affirm_is_as_good_as_none),
        cmocka_unit_test(r14_every_table_of_keys_and_facts_is_and_within_a_rule_and_or_across),
        cmocka_unit_test(r14_rules_are_alternatives_and_without_one_nobody_is_welcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
