/*
 * Fetcher: a condition wakes the thread, a uv_async the loop.
 *
 * A request can be cut anywhere but in the system's resolver: a thread that hangs there is left
 * behind, with what it uses, since the process is about to end.
 */
#include "ca/fetcher.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/dial.h"
#include "common/err.h"
#include "common/http1.h"
#include "common/https.h"
#include "common/sockets.h"
#include "common/tls.h"

#define FIELD_CAP 128
#define JOIN_S 2 /* eight times as long as a request takes to be cut */

struct fetcher {
    struct fetcher_options options;
    char authority[SOCKETS_TARGET_CAP];
    uv_async_t done;
    pthread_t thread;
    atomic_bool cancelled;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping;
    bool asked;
    char target[FETCHER_TARGET_CAP];
    struct fetcher_result result; /* the thread's while asked, then the loop's */
    struct err err;
    char content_type[FIELD_CAP];
    char retry_after[FIELD_CAP];
    uint8_t body[FETCHER_BODY_MAX];
};

SSL_CTX *fetcher_context(const char *roots, struct err *err)
{
    SSL_CTX *ctx = NULL;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        (roots != NULL ? SSL_CTX_load_verify_file(ctx, roots)
                       : SSL_CTX_set_default_verify_paths(ctx)) != 1) {
        err_set_openssl(err, ERR_INVALID, "%s", roots != NULL ? roots : "the system's roots");
        SSL_CTX_free(ctx);
        return NULL;
    }
    tls_restrict(ctx);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx),
                                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

/* A field that occurs once and fits; any other counts as not said. */
static struct bytes copy_field(const struct http1 *response, const char *name,
                               char out[static FIELD_CAP])
{
    struct bytes value = {0};

    if (http1_find(response, name, &value) != 1 || value.len == 0 || value.len > FIELD_CAP) {
        return (struct bytes){0};
    }
    memcpy(out, value.data, value.len);
    return (struct bytes){(const uint8_t *)out, value.len};
}

static void fetch(struct fetcher *fetcher, const char *target)
{
    const struct https_options options = {
        .authority = fetcher->authority,
        .who = "the key service",
        .ctx = fetcher->options.ctx,
        .body_max = sizeof(fetcher->body),
        .deadline = deadline_in(fetcher->options.timeout_ms, &fetcher->cancelled),
    };
    const struct https_request request = {
        .method = "GET", .target = target, .fields = "Connection: close\r\n"};
    struct https *https = https_open(&options, &fetcher->err);
    const struct http1 *response = NULL;

    fetcher->result = (struct fetcher_result){.reason = fetcher->err.msg};
    if (https != NULL && https_ask(https, &request, &response, &fetcher->err) == 0) {
        struct bytes body = http1_body(response);

        if (body.len > 0) {
            memcpy(fetcher->body, body.data, body.len);
        }
        fetcher->result = (struct fetcher_result){
            .answered = true,
            .status = http1_response_status(response),
            .content_type = copy_field(response, "content-type", fetcher->content_type),
            .retry_after = copy_field(response, "retry-after", fetcher->retry_after),
            .body = {fetcher->body, body.len},
        };
    } else if (https != NULL) {
        fetcher->result.malformed = fetcher->err.code == ERR_INVALID;
    }
    https_close(https);
}

static void *fetcher_run(void *user)
{
    struct fetcher *fetcher = user;
    char target[FETCHER_TARGET_CAP];

    pthread_mutex_lock(&fetcher->lock);
    for (;;) {
        while (!fetcher->asked && !fetcher->stopping) {
            pthread_cond_wait(&fetcher->wake, &fetcher->lock);
        }
        if (fetcher->stopping) {
            break;
        }
        memcpy(target, fetcher->target, sizeof(target));
        pthread_mutex_unlock(&fetcher->lock);
        fetch(fetcher, target);
        pthread_mutex_lock(&fetcher->lock);
        fetcher->asked = false;
        if (!fetcher->stopping) { /* or the handle may be closed */
            uv_async_send(&fetcher->done);
        }
    }
    pthread_mutex_unlock(&fetcher->lock);
    return NULL;
}

static void fetcher_on_done(uv_async_t *done)
{
    struct fetcher *fetcher = done->data;

    /* What the thread wrote is here: it asked for this call after it had written it, by a lock. */
    pthread_mutex_lock(&fetcher->lock);
    pthread_mutex_unlock(&fetcher->lock);
    fetcher->options.on_done(fetcher->options.user, &fetcher->result);
}

/* Without the signals of the process, which are the loop's. */
static int begin_thread(struct fetcher *fetcher)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&fetcher->thread, NULL, fetcher_run, fetcher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void fetcher_deinit(struct fetcher *fetcher)
{
    pthread_mutex_destroy(&fetcher->lock);
    pthread_cond_destroy(&fetcher->wake);
    SSL_CTX_free(fetcher->options.ctx);
    free(fetcher);
}

static void fetcher_end(struct fetcher *fetcher)
{
    atomic_store(&fetcher->cancelled, true);
    pthread_mutex_lock(&fetcher->lock);
    fetcher->stopping = true;
    pthread_cond_signal(&fetcher->wake);
    pthread_mutex_unlock(&fetcher->lock);
}

struct fetcher *fetcher_start(const struct fetcher_options *options, struct err *err)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

    if (fetcher == NULL || strlen(options->authority) >= sizeof(fetcher->authority) ||
        pthread_mutex_init(&fetcher->lock, NULL) != 0) {
        free(fetcher);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    pthread_cond_init(&fetcher->wake, NULL);
    fetcher->options = *options;
    memcpy(fetcher->authority, options->authority, strlen(options->authority) + 1);
    fetcher->done.data = fetcher;
    if (options->ctx != NULL) {
        SSL_CTX_up_ref(options->ctx);
    }
    if (begin_thread(fetcher) != 0) {
        err_set(err, ERR_LIMIT, "no thread for the key service");
        fetcher_deinit(fetcher);
        return NULL;
    }
    if (uv_async_init(options->loop, &fetcher->done, fetcher_on_done) != 0) {
        err_set(err, ERR_LIMIT, "event loop");
        fetcher_end(fetcher);
        fetcher_free(fetcher);
        return NULL;
    }
    return fetcher;
}

void fetcher_get(struct fetcher *fetcher, const char *target)
{
    pthread_mutex_lock(&fetcher->lock);
    snprintf(fetcher->target, sizeof(fetcher->target), "%s", target);
    fetcher->asked = true;
    pthread_cond_signal(&fetcher->wake);
    pthread_mutex_unlock(&fetcher->lock);
}

void fetcher_stop(struct fetcher *fetcher)
{
    fetcher_end(fetcher);
    uv_close((uv_handle_t *)&fetcher->done, NULL);
}

void fetcher_free(struct fetcher *fetcher)
{
    struct timespec end;

    if (fetcher == NULL) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += JOIN_S;
    if (pthread_timedjoin_np(fetcher->thread, NULL, &end) == 0) {
        fetcher_deinit(fetcher);
    } else {
        pthread_detach(fetcher->thread);
    }
}
