/*
 * Stock: what holds is kept and found again; what does not is not, whatever lies beside it.
 */
#include "ca/stock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "attest/cert.h"
#include "attest/simdir.h"
#include "ca/store_vendor.h"
#include "common/err.h"
#include "tests/lib/authority.h"
#include "tests/lib/revocation.h"
#include "tests/lib/specimen.h"
#include "tests/lib/vendor.h"

#define NOW (AUTHORITY_NOW_MS / 1000)

static const struct vendor_key sim = {.product = PRODUCT_SIM};

struct world {
    struct authority authority;
    EVP_PKEY *ark_key;
    struct specimen_cert ark;
    uint8_t chain[2 * CERT_DER_MAX]; /* intermediate, root */
    size_t chain_len;
};

static int set_up(void **state)
{
    static struct world w;
    char vendor[VENDOR_PATH_CAP];
    struct bytes ask;
    struct bytes ark;
    struct err err;

    authority_init(&w.authority, AUTHORITY_POLICY);
    vendor_path("Sim", vendor);
    w.ark_key = simdir_read_key(vendor, "ark.key", &err);
    assert_non_null(w.ark_key);
    ask = sim_ask(w.authority.machine);
    ark = policy_ca(w.authority.policy)->insecure_root_der;
    memcpy(w.ark.data, ark.data, ark.len);
    w.ark.len = ark.len;
    memcpy(w.chain, ask.data, ask.len);
    memcpy(w.chain + ask.len, ark.data, ark.len);
    w.chain_len = ask.len + ark.len;
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->ark_key);
    authority_deinit(&w->authority);
    return 0;
}

static enum stock_put put(struct world *w, enum vendor_kind kind, struct bytes data,
                          struct verdict *out_verdict)
{
    struct vendor_item item = {.key = sim, .data = data};
    struct err err;

    item.key.kind = kind;
    return stock_put(&w->authority.enrol, &item, NOW, out_verdict, &err);
}

/* The greater its number, the sooner it ends. */
static struct bytes make_list(struct world *w, int64_t number)
{
    const struct revocation list = {
        .issuer = &w->ark,
        .signer = w->ark_key,
        .number = number,
        .this_update = NOW - 60,
        .next_update = NOW + 60 - number,
    };
    static struct specimen_cert crl;

    revocation_make(&list, &crl);
    return (struct bytes){crl.data, crl.len};
}

static enum stock_put put_list(struct world *w, int64_t number, struct verdict *out_verdict)
{
    return put(w, VENDOR_CRL, make_list(w, number), out_verdict);
}

static struct stock look(struct world *w, int64_t now)
{
    struct stock stock;
    struct err err;

    assert_int_equal(stock_look(&w->authority.enrol, &sim, now, &stock, &err), 0);
    return stock;
}

static void what_holds_is_kept_and_found_again(void **state)
{
    struct world *w = *state;
    const struct bytes chain = {w->chain, w->chain_len};
    struct verdict verdict;
    struct stock stock = look(w, NOW);

    assert_true(stock.chain_until == 0 && stock.crl_until == 0);
    assert_int_equal(put_list(w, 3, &verdict), STOCK_REFUSED); /* whose root's, nobody can say */
    assert_string_equal(verdict.slug, "ask-missing");
    assert_int_equal(put(w, VENDOR_CHAIN, chain, &verdict), STOCK_KEPT);
    assert_int_equal(put_list(w, 3, &verdict), STOCK_KEPT);
    stock = look(w, NOW);
    assert_true(stock.chain_from < NOW && stock.chain_until > NOW);
    assert_true(stock.crl_from == NOW - 60 && stock.crl_until == NOW + 57);
    stock = look(w, NOW + 57);
    assert_true(stock.chain_until > NOW && stock.crl_until == 0);
}

static void no_list_before_the_newest_is_kept(void **state)
{
    struct world *w = *state;
    const struct bytes chain = {w->chain, w->chain_len};
    struct verdict verdict;

    assert_int_equal(put(w, VENDOR_CHAIN, chain, &verdict), STOCK_KEPT);
    assert_int_equal(put_list(w, 4, &verdict), STOCK_KEPT);
    assert_int_equal(put_list(w, 3, &verdict), STOCK_REFUSED);
    assert_string_equal(verdict.slug, "crl-rollback");
    assert_true(look(w, NOW).crl_until == NOW + 56);
    assert_int_equal(put_list(w, 5, &verdict), STOCK_KEPT);
    assert_true(look(w, NOW).crl_until == NOW + 55);
}

/* As two enrolments may end: the list of the later one was good when it began. */
static void an_older_list_is_not_put_in_the_place_of_a_newer_one(void **state)
{
    struct world *w = *state;
    const struct bytes chain = {w->chain, w->chain_len};
    struct vendor_item item = {.key = sim};
    struct verdict verdict;
    struct err err;

    assert_int_equal(put(w, VENDOR_CHAIN, chain, &verdict), STOCK_KEPT);
    assert_int_equal(put_list(w, 4, &verdict), STOCK_KEPT);
    item.key.kind = VENDOR_CRL;
    item.data = make_list(w, 3);
    assert_int_equal(store_vendor_keep(w->authority.enrol.store, &item, NOW, NOW + 57, &err), 0);
    assert_true(look(w, NOW).crl_until == NOW + 56);
}

static void the_folder_s_lists_count_as_well(void **state)
{
    struct world *w = *state;
    const struct bytes chain = {w->chain, w->chain_len};
    const struct bytes crls[] = {{(const uint8_t *)"x", 1}, make_list(w, 4)};
    struct collateral folder = w->authority.collateral.view;
    struct verdict verdict;

    folder.crls = crls;
    folder.num_crls = 2;
    w->authority.enrol.collateral = &folder;
    assert_int_equal(put(w, VENDOR_CHAIN, chain, &verdict), STOCK_KEPT);
    assert_true(look(w, NOW).crl_until == NOW + 56);
}

static void a_chain_is_judged_by_itself(void **state)
{
    struct world *w = *state;
    const struct bytes certs[] = {sim_ask(w->authority.machine),
                                  policy_ca(w->authority.policy)->insecure_root_der};
    const struct collateral folder = {.certs = certs, .num_certs = 2};
    uint8_t spoilt[sizeof(w->chain)];
    struct verdict verdict;

    w->authority.enrol.collateral = &folder;
    assert_true(look(w, NOW).chain_until > NOW);
    memcpy(spoilt, w->chain, w->chain_len);
    spoilt[certs[0].len - 1] ^= 1;
    assert_int_equal(put(w, VENDOR_CHAIN, (struct bytes){spoilt, w->chain_len}, &verdict),
                     STOCK_REFUSED);
    assert_string_equal(verdict.slug, "ask-signature");
    assert_int_equal(put(w, VENDOR_CHAIN, certs[0], &verdict), STOCK_REFUSED);
    assert_int_equal(put(w, VENDOR_CHAIN, (struct bytes){(const uint8_t *)"x", 1}, &verdict),
                     STOCK_REFUSED);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_holds_is_kept_and_found_again),
        CASE(no_list_before_the_newest_is_kept),
        CASE(an_older_list_is_not_put_in_the_place_of_a_newer_one),
        CASE(the_folder_s_lists_count_as_well),
        CASE(a_chain_is_judged_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
