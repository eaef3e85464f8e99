/*
 * Upkeep: look at what is at hand; if something is due, ask for it, judge and keep it, and look
 * again; else sleep until something will be.
 */
#include "ca/upkeep.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "ca/stock.h"
#include "ca/upkeep_due.h"
#include "common/err.h"
#include "common/log.h"

#define PLACES_MAX (2 * PRODUCTS) /* for both kinds of key */
#define SLEEP_MAX_S 3600          /* what enrolments have kept meanwhile is found then */
#define STORE_PAUSE_S 60          /* after the store did not answer */

/* What belongs together: chain and list of a product and kind of key. */
struct place {
    struct vendor_key key;
    bool expected; /* by the policy: fetched though nobody has needed it yet */
    struct upkeep_item chain;
    struct upkeep_item crl;
    struct stock stock; /* the worker's while it looks */
    int64_t warned;     /* that the list ends */
};

struct upkeep {
    struct upkeep_options options;
    bool stopping;
    uv_timer_t timer;
    uv_work_t work;
    struct place places[PLACES_MAX];
    size_t num_places;
    size_t asked;            /* index of the place that is being fetched for */
    struct vendor_item item; /* what was fetched; its data is owned */
    enum stock_put put;
    int rc; /* of looking */
    struct verdict verdict;
    struct err err;
};

static void upkeep_look(struct upkeep *upkeep);

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static struct upkeep_item *item_of(struct place *place, enum vendor_kind kind)
{
    return kind == VENDOR_CHAIN ? &place->chain : &place->crl;
}

static void upkeep_on_timer(uv_timer_t *timer)
{
    upkeep_look(timer->data);
}

static void upkeep_sleep(struct upkeep *upkeep, int64_t seconds)
{
    if (!upkeep->stopping) {
        uv_timer_start(&upkeep->timer, upkeep_on_timer, (uint64_t)seconds * 1000, 0);
    }
}

static void run_put(uv_work_t *work)
{
    struct upkeep *upkeep = work->data;

    upkeep->put = stock_put(upkeep->options.authority, &upkeep->item, now_s(), &upkeep->verdict,
                            &upkeep->err);
}

static void log_put(const struct upkeep *upkeep)
{
    const char *kind = vendor_kind_name(upkeep->item.key.kind);
    const char *product = product_name(upkeep->item.key.product);

    switch (upkeep->put) {
    case STOCK_KEPT:
        log_info("collateral.fetched", kv_text("kind", kind), kv_text("product", product));
        break;
    case STOCK_REFUSED:
        log_warn("collateral.refused", kv_text("kind", kind), kv_text("product", product),
                 kv_text("slug", upkeep->verdict.slug), kv_num("row", upkeep->verdict.row));
        break;
    case STOCK_FAILED:
        log_warn("collateral.not_kept", kv_text("kind", kind), kv_text("product", product),
                 kv_text("reason", upkeep->err.msg));
        break;
    }
}

static void upkeep_on_put(uv_work_t *work, int status)
{
    struct upkeep *upkeep = work->data;
    struct upkeep_item *item = item_of(&upkeep->places[upkeep->asked], upkeep->item.key.kind);
    int64_t now = now_s();

    log_put(upkeep);
    item->looked = now;
    if (upkeep->put == STOCK_KEPT) {
        item->not_before = now + upkeep_pause(item, now);
        kds_settle(upkeep->options.kds, &upkeep->item.key);
    } else {
        item->not_before = now + UPKEEP_REFUSED_S;
    }
    if (upkeep->put == STOCK_REFUSED) {
        kds_doubt(upkeep->options.kds, &upkeep->item.key);
    }
    free((void *)(uintptr_t)upkeep->item.data.data);
    upkeep->item.data = (struct bytes){0};
    upkeep_look(upkeep);
}

/* True if the answer is being judged. */
static bool take_answer(struct upkeep *upkeep, struct bytes data)
{
    uint8_t *copy = malloc(data.len);

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, data.data, data.len);
    upkeep->item.data = (struct bytes){copy, data.len};
    if (uv_queue_work(upkeep->options.loop, &upkeep->work, run_put, upkeep_on_put) != 0) {
        free(copy);
        upkeep->item.data = (struct bytes){0};
        return false;
    }
    return true;
}

static void upkeep_on_answer(void *user, const struct kds_answer *answer)
{
    struct upkeep *upkeep = user;
    struct upkeep_item *item = item_of(&upkeep->places[upkeep->asked], upkeep->item.key.kind);
    int64_t now = now_s();

    if (upkeep->stopping) {
        return;
    }
    if (answer->answered && answer->data.data != NULL) {
        if (take_answer(upkeep, answer->data)) {
            return;
        }
        item->not_before = now + UPKEEP_REFUSED_S;
    } else if (answer->answered) {
        item->looked = now;
        item->not_before = now + UPKEEP_ABSENT_S;
    } else {
        item->not_before = now + UPKEEP_PAUSE_MIN_S + answer->retry_s;
    }
    upkeep_sleep(upkeep, 0); /* not from here: the key service's client is in the middle of it */
}

static bool is_at_hand(const struct place *place)
{
    return place->chain.until != 0;
}

/* The first thing that is due; NULL: none.  Without its chain nothing can be said of a list. */
static struct upkeep_item *find_due(struct upkeep *upkeep, int64_t now, int64_t *out_next)
{
    *out_next = now + SLEEP_MAX_S;
    for (size_t i = 0; upkeep->options.kds != NULL && i < upkeep->num_places; i++) {
        struct place *place = &upkeep->places[i];
        struct upkeep_item *items[] = {&place->chain, &place->crl};

        for (size_t j = 0; j < (is_at_hand(place) ? 2U : 1U); j++) {
            int64_t due = upkeep_due(items[j]);

            if (!place->expected && items[j]->until == 0) {
                continue;
            }
            if (due <= now) {
                upkeep->asked = i;
                return items[j];
            }
            *out_next = due < *out_next ? due : *out_next;
        }
    }
    return NULL;
}

static void warn_of_end(struct place *place, int64_t now)
{
    if (upkeep_ends_soon(&place->crl, now) && now - place->warned >= UPKEEP_DAY_S) {
        place->warned = now;
        log_warn("collateral.ends_soon", kv_text("kind", vendor_kind_name(VENDOR_CRL)),
                 kv_text("product", product_name(place->key.product)),
                 kv_text("keys", place->key.vlek ? "vlek" : "vcek"),
                 kv_num("left_s", place->crl.until - now));
    }
}

static void upkeep_go_on(struct upkeep *upkeep)
{
    const struct kds_asker asker = {.known = true};
    int64_t now = now_s();
    int64_t next = 0;
    struct upkeep_item *item = find_due(upkeep, now, &next);

    if (item == NULL) {
        /* Whatever could be fetched in their place has been, or could not be. */
        for (size_t i = 0; i < upkeep->num_places; i++) {
            warn_of_end(&upkeep->places[i], now);
        }
        upkeep_sleep(upkeep, next - now);
        return;
    }
    upkeep->item.key = upkeep->places[upkeep->asked].key;
    upkeep->item.key.kind = item->kind;
    kds_ask(upkeep->options.kds, &upkeep->item.key, &asker, upkeep_on_answer, upkeep);
}

static void run_look(uv_work_t *work)
{
    struct upkeep *upkeep = work->data;

    upkeep->rc = 0;
    for (size_t i = 0; upkeep->rc == 0 && i < upkeep->num_places; i++) {
        struct place *place = &upkeep->places[i];

        upkeep->rc = stock_look(upkeep->options.authority, &place->key, now_s(), &place->stock,
                                &upkeep->err);
    }
}

static void take_stock(struct place *place, int64_t now)
{
    place->chain.from = place->stock.chain_from;
    place->chain.until = place->stock.chain_until;
    place->crl.from = place->stock.crl_from;
    place->crl.until = place->stock.crl_until;
    upkeep_set_back(&place->chain, now);
    upkeep_set_back(&place->crl, now);
    place->warned = place->warned < now ? place->warned : 0;
}

static void upkeep_on_looked(uv_work_t *work, int status)
{
    struct upkeep *upkeep = work->data;
    int64_t now = now_s();

    if (upkeep->stopping) {
        return;
    }
    if (upkeep->rc != 0) {
        log_warn("collateral.look_failed", kv_text("reason", upkeep->err.msg));
        upkeep_sleep(upkeep, STORE_PAUSE_S);
        return;
    }
    for (size_t i = 0; i < upkeep->num_places; i++) {
        take_stock(&upkeep->places[i], now);
    }
    upkeep_go_on(upkeep);
}

static void upkeep_look(struct upkeep *upkeep)
{
    if (upkeep->stopping) {
        return;
    }
    if (uv_queue_work(upkeep->options.loop, &upkeep->work, run_look, upkeep_on_looked) != 0) {
        upkeep_sleep(upkeep, STORE_PAUSE_S);
    }
}

static void add_place(struct upkeep *upkeep, enum product product, bool vlek)
{
    enum policy_interest interest =
        policy_interest(upkeep->options.authority->policy, product, vlek);
    struct place *place = &upkeep->places[upkeep->num_places];
    uint8_t chance = 0;
    int64_t looked = 0;

    if (interest == POLICY_REFUSES) {
        return;
    }
    if (RAND_bytes(&chance, 1) != 1) {
        chance = UINT8_MAX / 2;
    }
    looked = now_s() - (int64_t)chance * UPKEEP_DAY_S / UINT8_MAX;
    *place = (struct place){
        .key = {.product = product, .vlek = vlek},
        .expected = interest == POLICY_EXPECTS,
        .chain = {.kind = VENDOR_CHAIN, .looked = looked, .chance = chance},
        .crl = {.kind = VENDOR_CRL, .looked = looked, .chance = chance},
    };
    upkeep->num_places++;
}

struct upkeep *upkeep_start(const struct upkeep_options *options, struct err *err)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));

    if (upkeep == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    upkeep->options = *options;
    upkeep->work.data = upkeep;
    for (unsigned i = 0; i < PRODUCTS; i++) {
        add_place(upkeep, (enum product)i, false);
        add_place(upkeep, (enum product)i, true);
    }
    uv_timer_init(options->loop, &upkeep->timer);
    upkeep->timer.data = upkeep;
    upkeep_look(upkeep);
    return upkeep;
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (upkeep != NULL && !upkeep->stopping) {
        upkeep->stopping = true;
        uv_close((uv_handle_t *)&upkeep->timer, NULL);
    }
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep != NULL) {
        free((void *)(uintptr_t)upkeep->item.data.data);
        free(upkeep);
    }
}

size_t upkeep_gauges(const struct upkeep *upkeep,
                     struct upkeep_gauge out_gauges[static UPKEEP_ITEMS_MAX])
{
    size_t num = 0;

    for (size_t i = 0; i < upkeep->num_places; i++) {
        const struct place *place = &upkeep->places[i];
        const struct upkeep_item *items[] = {&place->chain, &place->crl};

        for (size_t j = 0; j < 2; j++) {
            struct upkeep_gauge *gauge = &out_gauges[num];

            if (items[j]->until != 0) {
                *gauge = (struct upkeep_gauge){place->key, items[j]->from, items[j]->until};
                gauge->key.kind = items[j]->kind;
                num++;
            }
        }
    }
    return num;
}
