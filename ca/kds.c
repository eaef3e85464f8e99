/*
 * Kds: who waits for what, and one timer for the next request and the end of the longest wait.
 */
#include "ca/kds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "attest/kds.h"
#include "ca/fetcher.h"
#include "ca/kds_plan.h"
#include "common/err.h"
#include "common/log.h"

struct waiter {
    struct vendor_key key;
    bool known; /* its chip */
    uint64_t end_ms;
    kds_on_answer *on_answer; /* NULL: nobody */
    void *user;
};

struct kds {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct kds_plan *plan;
    struct fetcher *fetcher;
    bool stopping;
    struct vendor_key asked; /* the request under way */
    struct waiter waiters[KDS_WAITERS_MAX];
    struct kds_counters counters;
    uint8_t data[VENDOR_DATA_MAX]; /* of the answer just judged */
};

static void kds_go_on(struct kds *kds);

static bool put_target(const struct vendor_key *key, char out[static FETCHER_TARGET_CAP])
{
    struct buf target = buf_over(out, FETCHER_TARGET_CAP - 1);
    bool fits = key->kind == VENDOR_VCEK
                    ? kds_vcek_path(key->product, key->chip, key->tcb, &target)
                    : kds_common_path(key->product, key->vlek,
                                      key->kind == VENDOR_CHAIN ? "cert_chain" : "crl", &target);

    out[target.len] = '\0';
    return fits;
}

static void tell(struct kds *kds, struct waiter *waiter, const struct kds_answer *answer)
{
    kds_on_answer *on_answer = waiter->on_answer;

    waiter->on_answer = NULL;
    kds->counters.waiting--;
    kds->counters.refused += answer->answered ? 0 : 1;
    on_answer(waiter->user, answer);
}

static struct kds_answer not_now(uint64_t wait_ms)
{
    return (struct kds_answer){.retry_s = (unsigned)(wait_ms / 1000 + 1)};
}

/* What the plan says for those who wait already.  True: it is final. */
static bool is_final(const struct kds_plan_answer *planned, struct kds_answer *out_answer)
{
    switch (planned->state) {
    case KDS_STATE_QUEUED:
        return false;
    case KDS_STATE_HELD:
        *out_answer = (struct kds_answer){.answered = true, .data = planned->data};
        return true;
    case KDS_STATE_NONE:
        *out_answer = (struct kds_answer){.answered = true};
        return true;
    case KDS_STATE_REFUSED:
        break;
    }
    *out_answer = not_now(planned->wait_ms);
    return true;
}

static void answer_waiters(struct kds *kds)
{
    uint64_t now_ms = uv_now(kds->loop);

    for (size_t i = 0; i < KDS_WAITERS_MAX; i++) {
        struct waiter *waiter = &kds->waiters[i];
        struct kds_plan_answer planned;
        struct kds_answer answer;

        if (waiter->on_answer == NULL) {
            continue;
        }
        planned = kds_plan_look(kds->plan, &waiter->key, now_ms);
        if (kds->stopping || (planned.state == KDS_STATE_QUEUED && waiter->end_ms <= now_ms)) {
            answer = not_now(planned.wait_ms);
            tell(kds, waiter, &answer);
        } else if (is_final(&planned, &answer)) {
            tell(kds, waiter, &answer);
        }
    }
}

static void kds_on_timer(uv_timer_t *timer)
{
    kds_go_on(timer->data);
}

/* Sends the next request if it is time, and answers who can be answered. */
static void kds_go_on(struct kds *kds)
{
    char target[FETCHER_TARGET_CAP];
    uint64_t wait_ms = UINT64_MAX;

    answer_waiters(kds);
    if (kds->stopping) {
        return;
    }
    if (kds_plan_next(kds->plan, uv_now(kds->loop), &kds->asked, &wait_ms)) {
        bool fits = put_target(&kds->asked, target);

        assert(fits);
        fetcher_get(kds->fetcher, target);
    }
    for (size_t i = 0; i < KDS_WAITERS_MAX; i++) {
        const struct waiter *waiter = &kds->waiters[i];
        uint64_t left_ms =
            waiter->end_ms > uv_now(kds->loop) ? waiter->end_ms - uv_now(kds->loop) : 0;

        if (waiter->on_answer != NULL && left_ms < wait_ms) {
            wait_ms = left_ms;
        }
    }
    uv_timer_stop(&kds->timer);
    if (wait_ms != UINT64_MAX) {
        uv_timer_start(&kds->timer, kds_on_timer, wait_ms, 0);
    }
}

static void log_reply(const struct kds *kds, const struct kds_reply *reply,
                      const struct fetcher_result *result)
{
    const char *kind = vendor_kind_name(kds->asked.kind);
    const char *product = product_name(kds->asked.product);

    if (reply->outcome == KDS_GIVEN) {
        log_info("kds.given", kv_text("kind", kind), kv_text("product", product),
                 kv_num("bytes", (int64_t)result->body.len));
        return;
    }
    log_warn("kds.failed", kv_text("kind", kind), kv_text("product", product),
             kv_text("outcome", kds_outcome_name(reply->outcome)), kv_text("reason", reply->reason),
             kv_num("status", result->status), kv_num("retry_after_ms", (int64_t)reply->retry_ms));
}

static uint64_t draw(void)
{
    uint64_t random = 0;

    return RAND_bytes((unsigned char *)&random, sizeof(random)) == 1 ? random : 0;
}

static void kds_on_done(void *user, const struct fetcher_result *result)
{
    struct kds *kds = user;
    struct buf data = buf_over(kds->data, sizeof(kds->data));
    struct kds_reply reply = {.outcome = result->malformed ? KDS_BAD : KDS_DOWN,
                              .reason = result->reason};

    if (result->answered) {
        const struct kds_response response = {
            .status = result->status,
            .content_type = result->content_type,
            .retry_after = result->retry_after,
            .body = result->body,
        };

        reply = kds_reply_judge(kds->asked.kind, &response, (int64_t)time(NULL), &data);
    }
    kds->counters.requests[reply.outcome]++;
    log_reply(kds, &reply, result);
    kds_plan_done(kds->plan, &reply, (struct bytes){data.data, data.len}, uv_now(kds->loop),
                  draw());
    kds_go_on(kds);
}

struct kds *kds_start(uv_loop_t *loop, const struct kds_options *options, struct err *err)
{
    struct kds *kds = calloc(1, sizeof(*kds));
    const struct fetcher_options fetcher = {
        .loop = loop,
        .authority = options->authority,
        .ctx = options->ctx,
        .timeout_ms = KDS_TIMEOUT_MS,
        .on_done = kds_on_done,
        .user = kds,
    };

    if (kds == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    kds->loop = loop;
    kds->plan = kds_plan_new(options->interval_ms, draw());
    if (kds->plan == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto fail;
    }
    kds->fetcher = fetcher_start(&fetcher, err);
    if (kds->fetcher == NULL) {
        goto fail;
    }
    uv_timer_init(loop, &kds->timer);
    kds->timer.data = kds;
    return kds;
fail:
    kds_plan_free(kds->plan);
    free(kds);
    return NULL;
}

void kds_stop(struct kds *kds)
{
    if (kds == NULL || kds->stopping) {
        return;
    }
    kds->stopping = true;
    kds_go_on(kds);
    fetcher_stop(kds->fetcher);
    uv_close((uv_handle_t *)&kds->timer, NULL);
}

void kds_free(struct kds *kds)
{
    if (kds == NULL) {
        return;
    }
    fetcher_free(kds->fetcher);
    kds_plan_free(kds->plan);
    free(kds);
}

/* A place to wait at; NULL: there is none for such. */
static struct waiter *find_place(struct kds *kds, bool known)
{
    struct waiter *place = NULL;
    size_t num_strangers = 0;

    for (size_t i = 0; i < KDS_WAITERS_MAX; i++) {
        struct waiter *waiter = &kds->waiters[i];

        if (waiter->on_answer == NULL) {
            place = waiter;
        } else if (!waiter->known) {
            num_strangers++;
        }
    }
    return known || num_strangers < KDS_STRANGERS_MAX ? place : NULL;
}

/* Whoever finds no place to wait has it asked for all the same, for his next try. */
static void wait_or_tell(struct kds *kds, const struct waiter *who,
                         const struct kds_plan_answer *planned)
{
    struct waiter *place = find_place(kds, who->known);
    struct waiter passing;
    struct kds_answer answer = not_now(planned->wait_ms);

    if (planned->state == KDS_STATE_QUEUED && place != NULL && planned->wait_ms <= KDS_WAIT_MS) {
        *place = *who;
        kds->counters.waiting++;
        return;
    }
    is_final(planned, &answer);
    passing = *who;
    kds->counters.waiting++;
    tell(kds, &passing, &answer);
}

void kds_ask(struct kds *kds, const struct vendor_key *key, const struct kds_asker *asker,
             kds_on_answer *on_answer, void *user)
{
    const struct waiter who = {*key, asker->known, uv_now(kds->loop) + KDS_WAIT_MS, on_answer,
                               user};
    struct kds_plan_answer planned = {.state = KDS_STATE_REFUSED};

    if (!kds->stopping) {
        planned = kds_plan_ask(kds->plan, key, asker, uv_now(kds->loop));
    }
    wait_or_tell(kds, &who, &planned);
    kds_go_on(kds);
}

void kds_doubt(struct kds *kds, const struct vendor_key *key)
{
    kds->counters.doubted++;
    kds_plan_doubt(kds->plan, key, uv_now(kds->loop));
}

void kds_settle(struct kds *kds, const struct vendor_key *key)
{
    kds_plan_forget(kds->plan, key);
}

const struct kds_counters *kds_counters(const struct kds *kds)
{
    return &kds->counters;
}
