/*
 * Supply: one source after the other, for one key after the other.
 */
#include "ca/supply.h"

#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "ca/store_vendor.h"
#include "common/err.h"

/* Of the store, for the lists and chains of two products and their certificates. */
#define STORAGE_CAP (2 * VENDOR_DATA_MAX + 6 * CERT_DER_MAX)

struct supply {
    struct supply_options options;
    struct vendor_set set;
    struct vendor_key looked_up[SUPPLY_ITEMS_MAX]; /* in the store */
    size_t num_looked_up;
    bool used[SUPPLY_ITEMS_MAX]; /* of what was fetched */
    struct buf storage;
    uint8_t bytes[STORAGE_CAP];
};

struct supply *supply_new(const struct supply_options *options)
{
    struct supply *supply = malloc(sizeof(*supply));

    if (supply == NULL) {
        return NULL;
    }
    supply->options = *options;
    supply->num_looked_up = 0;
    memset(supply->used, 0, sizeof(supply->used));
    supply->storage = buf_over(supply->bytes, sizeof(supply->bytes));
    vendor_set_init(&supply->set, options->collateral);
    return supply;
}

void supply_free(struct supply *supply)
{
    free(supply);
}

const struct collateral *supply_collateral(const struct supply *supply)
{
    return &supply->set.view;
}

static bool was_looked_up(const struct supply *supply, const struct vendor_key *key)
{
    for (size_t i = 0; i < supply->num_looked_up; i++) {
        if (vendor_key_same(&supply->looked_up[i], key)) {
            return true;
        }
    }
    return supply->num_looked_up == SUPPLY_ITEMS_MAX;
}

/* SUPPLY_ALL: the store has nothing, or was asked before. */
static enum supply_next take_kept(struct supply *supply, const struct vendor_key *key,
                                  struct err *err)
{
    struct vendor_item item = {.key = *key};
    size_t before = supply->storage.len;
    bool found = false;

    if (was_looked_up(supply, key)) {
        return SUPPLY_ALL;
    }
    supply->looked_up[supply->num_looked_up++] = *key;
    if (store_vendor_find(supply->options.store, key, &supply->storage, &found, err) != 0) {
        return SUPPLY_FAILED;
    }
    if (!found) {
        return SUPPLY_ALL;
    }
    item.data = (struct bytes){supply->storage.data + before, supply->storage.len - before};
    return vendor_set_add(&supply->set, &item) ? SUPPLY_MORE : SUPPLY_ALL;
}

/* SUPPLY_LACKING: it was not fetched yet; SUPPLY_ALL: it did not help. */
static enum supply_next take_fetched(struct supply *supply, const struct vendor_key *key)
{
    for (size_t i = 0; i < supply->options.num_fetched && i < SUPPLY_ITEMS_MAX; i++) {
        const struct vendor_item *item = &supply->options.fetched[i];

        if (!vendor_key_same(&item->key, key)) {
            continue;
        }
        if (supply->used[i] || item->data.data == NULL) {
            return SUPPLY_ALL;
        }
        supply->used[i] = true;
        return vendor_set_add(&supply->set, item) ? SUPPLY_MORE : SUPPLY_ALL;
    }
    return supply->options.num_fetched < SUPPLY_ITEMS_MAX ? SUPPLY_LACKING : SUPPLY_ALL;
}

/* Leaves the keys of which something could come; how many. */
static size_t drop_useless(const struct supply *supply, struct vendor_key *keys, size_t num_keys)
{
    size_t num = 0;

    for (size_t i = 0; i < num_keys; i++) {
        if (policy_interest(supply->options.policy, keys[i].product, keys[i].vlek) !=
            POLICY_REFUSES) {
            keys[num++] = keys[i];
        }
    }
    return num;
}

enum supply_next supply_next(struct supply *supply, const struct evidence *evidence,
                             const struct verdict *refused, struct vendor_key *out_key,
                             struct err *err)
{
    struct vendor_key keys[VENDOR_KEYS_MAX];
    size_t num = drop_useless(supply, keys, vendor_wanted(evidence, refused, keys));
    enum supply_next next = SUPPLY_ALL;

    for (size_t i = 0; i < num && next == SUPPLY_ALL; i++) {
        next = take_kept(supply, &keys[i], err);
    }
    for (size_t i = 0; i < num && next == SUPPLY_ALL; i++) {
        next = take_fetched(supply, &keys[i]);
        *out_key = keys[i];
    }
    return next;
}

int supply_keep(struct store *store, const struct evidence *evidence, const struct claims *claims,
                const struct verify_chain *chain, int64_t now_s, struct err *err)
{
    uint8_t both[2 * CERT_DER_MAX];
    struct vendor_item vek = {.data = {chain->vek, chain->vek_len}};
    const struct vendor_item issuers = {
        .key = vendor_common_key(VENDOR_CHAIN, claims),
        .data = {both, chain->ask_len + chain->ark_len},
    };
    const struct vendor_item list = {
        .key = vendor_common_key(VENDOR_CRL, claims),
        .data = chain->crl,
    };
    struct crl crl;

    memcpy(both, chain->ask, chain->ask_len);
    memcpy(both + chain->ask_len, chain->ark, chain->ark_len);
    if ((vendor_vcek_key(evidence, claims, &vek.key) &&
         store_vendor_keep(store, &vek, now_s, chain->not_after, err) != 0) ||
        store_vendor_keep(store, &issuers, now_s, chain->not_after, err) != 0 ||
        (crl_read(list.data, &crl) &&
         store_vendor_keep(store, &list, now_s, crl.next_update, err) != 0)) {
        return -1;
    }
    return 0;
}
