/*
 * Stock: collateral and store together, as an appraisal sees them.
 */
#include "ca/stock.h"

#include <stdlib.h>
#include <string.h>

#include "attest/published.h"
#include "ca/store_vendor.h"
#include "common/err.h"

/* On the heap: too much for a worker's stack. */
struct shelf {
    struct vendor_set set; /* the folder's, and the store's chain */
    struct crl_mark marks[STORE_CRL_MARKS_MAX];
    struct verify_options options;
    struct bytes crl; /* the store's; data NULL: none */
    struct buf chain_storage;
    struct buf crl_storage;
    uint8_t chain_bytes[VENDOR_DATA_MAX];
    uint8_t crl_bytes[VENDOR_DATA_MAX];
};

static int find(struct store *store, enum vendor_kind kind, const struct vendor_key *of,
                struct buf *out, struct vendor_item *out_item, struct err *err)
{
    bool found = false;

    *out_item = (struct vendor_item){
        .key = {.kind = kind, .product = of->product, .vlek = of->vlek},
    };
    if (store_vendor_find(store, &out_item->key, out, &found, err) != 0) {
        return -1;
    }
    if (found) {
        out_item->data = (struct bytes){out->data, out->len};
    }
    return 0;
}

static int shelf_fill(struct shelf *shelf, const struct enrol_authority *authority,
                      const struct vendor_key *key, int64_t now, struct err *err)
{
    const struct policy_ca *ca = policy_ca(authority->policy);
    struct vendor_item chain;
    struct vendor_item crl;

    shelf->options = (struct verify_options){
        .now = now,
        .anchors = ca->anchors,
        .num_anchors = ca->num_anchors,
        .crl_marks = shelf->marks,
        .memo = authority->memo,
    };
    shelf->chain_storage = buf_over(shelf->chain_bytes, sizeof(shelf->chain_bytes));
    shelf->crl_storage = buf_over(shelf->crl_bytes, sizeof(shelf->crl_bytes));
    vendor_set_init(&shelf->set, authority->collateral);
    if (store_crl_marks(authority->store, shelf->marks, &shelf->options.num_crl_marks, err) != 0 ||
        find(authority->store, VENDOR_CHAIN, key, &shelf->chain_storage, &chain, err) != 0 ||
        find(authority->store, VENDOR_CRL, key, &shelf->crl_storage, &crl, err) != 0) {
        return -1;
    }
    shelf->crl = crl.data;
    return vendor_set_add(&shelf->set, &chain)
               ? 0
               : err_set(err, ERR_LIMIT, "no room beside the collateral folder");
}

static bool judge(const struct shelf *shelf, const struct vendor_key *key, struct bytes crl,
                  struct published_terms *out_terms, struct verdict *out_verdict)
{
    const struct published published = {
        .product = key->product,
        .vlek = key->vlek,
        .certs = &shelf->set.view,
        .crl = crl,
    };

    return published_judge(&published, &shelf->options, out_terms, out_verdict);
}

static void take_crl(const struct shelf *shelf, const struct vendor_key *key, struct bytes crl,
                     struct stock *stock)
{
    struct published_terms terms;
    struct verdict ignored;

    if (crl.data != NULL && judge(shelf, key, crl, &terms, &ignored) &&
        terms.crl_until > stock->crl_until) {
        stock->crl_from = terms.crl_from;
        stock->crl_until = terms.crl_until;
    }
}

int stock_look(const struct enrol_authority *authority, const struct vendor_key *key, int64_t now,
               struct stock *out_stock, struct err *err)
{
    struct shelf *shelf = malloc(sizeof(*shelf));
    struct stock stock = {0};
    struct published_terms terms;
    struct verdict ignored;
    int rc = -1;

    if (shelf == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    if (shelf_fill(shelf, authority, key, now, err) != 0) {
        goto out;
    }
    if (judge(shelf, key, (struct bytes){0}, &terms, &ignored)) {
        stock.chain_from = terms.chain_from;
        stock.chain_until = terms.chain_until;
        take_crl(shelf, key, shelf->crl, &stock);
        for (size_t i = 0; i < authority->collateral->num_crls; i++) {
            take_crl(shelf, key, authority->collateral->crls[i], &stock);
        }
    }
    *out_stock = stock;
    rc = 0;
out:
    free(shelf);
    return rc;
}

enum stock_put stock_put(const struct enrol_authority *authority, const struct vendor_item *item,
                         int64_t now, struct verdict *out_verdict, struct err *err)
{
    bool is_crl = item->key.kind == VENDOR_CRL;
    struct shelf *shelf = malloc(sizeof(*shelf));
    enum stock_put result = STOCK_FAILED;
    struct published_terms terms;

    if (shelf == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return STOCK_FAILED;
    }
    if (shelf_fill(shelf, authority, &item->key, now, err) != 0) {
        goto out;
    }
    if (!is_crl) { /* by itself, or another would hold in its place */
        vendor_set_init(&shelf->set, &(struct collateral){0});
        if (!vendor_set_add(&shelf->set, item)) {
            err_set(err, ERR_LIMIT, "no room for a chain");
            goto out;
        }
    }
    if (!judge(shelf, &item->key, is_crl ? item->data : (struct bytes){0}, &terms, out_verdict)) {
        result = STOCK_REFUSED;
        goto out;
    }
    if (store_vendor_keep(authority->store, item, now, is_crl ? terms.crl_until : terms.chain_until,
                          err) == 0 &&
        (!is_crl || store_crl_raise(authority->store, &terms.mark, err) == 0)) {
        result = STOCK_KEPT;
    }
out:
    free(shelf);
    return result;
}
