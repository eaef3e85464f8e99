/*
 * Tls: the engine: a BIO over lent buffers, and what OpenSSL says translated once, here.
 */
#include "common/tls.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/err.h"

#define TLS_REKEY_RECORDS (UINT64_C(1) << 22) /* AES-GCM bears 2^24.5: RFC 8446 section 5.5 */

/*
 * One BIO serves both directions.  Its data is the struct tls, whose `io` points at what the caller
 * lends for the length of a call and is NULL in between.
 */
struct tls {
    SSL *ssl;
    struct tls_io *io; /* NULL outside of a call */
    enum tls_failure failure;
    int alert;                /* -1: none */
    bool received;            /* whose `alert` it is */
    bool closed;              /* our close_notify is out */
    uint64_t num_key_updates; /* the peer's */
    uint64_t num_records;     /* sent with the key in use */
    uint64_t rekey_records;   /* after which it changes */
};

static int tls_bio_write(BIO *bio, const char *data, int len)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (tls->io == NULL || len <= 0 || !buf_append(tls->io->out, data, (size_t)len)) {
        return -1; /* no room is a bug of the caller or a flood; no retry, so that it is fatal */
    }
    return len;
}

static int tls_bio_read(BIO *bio, char *out, int cap)
{
    struct tls *tls = BIO_get_data(bio);
    size_t len = 0;

    BIO_clear_retry_flags(bio);
    if (tls->io != NULL && cap > 0) {
        len = tls->io->in.len < (size_t)cap ? tls->io->in.len : (size_t)cap;
    }
    if (len == 0) {
        BIO_set_retry_read(bio); /* plain 0 would tell the engine of a FIN */
        return -1;
    }
    memcpy(out, tls->io->in.data, len);
    tls->io->in.data += len;
    tls->io->in.len -= len;
    return (int)len;
}

static long tls_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    return cmd == BIO_CTRL_FLUSH ? 1 : 0; /* 1 to an unknown command would turn kTLS on */
}

/* The method is made once and lives as long as the process. */
static CRYPTO_ONCE tls_bio_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *tls_bio_method;

static void tls_bio_make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "liftgate");

    if (method == NULL || BIO_meth_set_write(method, tls_bio_write) != 1 ||
        BIO_meth_set_read(method, tls_bio_read) != 1 ||
        BIO_meth_set_ctrl(method, tls_bio_ctrl) != 1) {
        BIO_meth_free(method);
        return;
    }
    tls_bio_method = method;
}

void tls_restrict(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION /* OpenSSL 3.2 */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION |
                                 SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
#endif
    (void)SSL_CTX_set_num_tickets(ctx,
                                  0); /* what counts in TLS 1.3; the option in 1.2; never fails */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static void tls_on_info(const SSL *ssl, int where, int value)
{
    struct tls *tls = BIO_get_data(SSL_get_rbio(ssl));
    int alert = value & 0xff;

    if ((where & SSL_CB_ALERT) == 0 || alert == SSL_AD_CLOSE_NOTIFY ||
        alert == SSL_AD_USER_CANCELLED || tls->alert >= 0) {
        return;
    }
    tls->alert = alert;
    tls->received = (where & SSL_CB_READ) != 0;
}

/* Sees every message of the protocol; SSL_read() shows none of these. */
static void tls_on_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl,
                           void *arg)
{
    struct tls *tls = arg;

    if (sent == 0 && type == SSL3_RT_HANDSHAKE && len > 0 &&
        *(const uint8_t *)data == SSL3_MT_KEY_UPDATE) {
        tls->num_key_updates++;
    }
}

static struct tls *tls_new(SSL_CTX *ctx)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    BIO *bio = NULL;

    ERR_clear_error();
    if (tls == NULL || CRYPTO_THREAD_run_once(&tls_bio_once, tls_bio_make_method) != 1 ||
        tls_bio_method == NULL) {
        goto failed;
    }
    tls->alert = -1;
    tls->rekey_records = TLS_REKEY_RECORDS;
    tls->ssl = SSL_new(ctx);
    bio = BIO_new(tls_bio_method);
    if (tls->ssl == NULL || bio == NULL) {
        goto failed;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_info_callback(tls->ssl, tls_on_info);
    SSL_set_msg_callback(tls->ssl, tls_on_message);
    SSL_set_msg_callback_arg(tls->ssl, tls);
    return tls;

failed:
    BIO_free(bio);
    tls_free(tls);
    return NULL;
}

struct tls *tls_new_server(SSL_CTX *ctx)
{
    struct tls *tls = tls_new(ctx);

    if (tls != NULL) {
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

struct tls *tls_new_client(SSL_CTX *ctx, const char *server_name)
{
    struct tls *tls = tls_new(ctx);
    char name[TLSEXT_MAXLEN_host_name + 1] = ""; /* the macro below casts const away */

    if (tls == NULL) {
        return NULL;
    }
    SSL_set_connect_state(tls->ssl);
    if (server_name != NULL &&
        ((size_t)snprintf(name, sizeof(name), "%s", server_name) >= sizeof(name) ||
         SSL_set_tlsext_host_name(tls->ssl, name) != 1)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

/* SSL_get_error() takes whatever is queued for its own.  As good as never there is anything, and to
   look costs a tenth of clearing, which in 3.0 frees 32 strings that do not exist. */
static void tls_clear_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* False after a failure, which is for good: OpenSSL 3.5 would go on with the bytes that follow. */
static bool tls_enter(struct tls *tls, struct tls_io *io, const char *what, struct err *err)
{
    assert(tls->io == NULL);
    if (tls->failure != TLS_FAILURE_NONE) {
        err_set(err, tls->failure == TLS_FAILURE_INTERNAL ? ERR_LIMIT : ERR_DENIED,
                "TLS %s: failed before", what);
        return false;
    }
    tls->io = io;
    tls_clear_errors();
    return true;
}

static enum tls_status tls_fail(struct tls *tls, enum tls_failure failure, const char *what,
                                struct err *err)
{
    tls->failure = failure;
    err_set_openssl(err, failure == TLS_FAILURE_INTERNAL ? ERR_LIMIT : ERR_DENIED, "TLS %s", what);
    return TLS_FAILED;
}

/* Ends the loan and says what the result `rc` of an SSL_ call means. */
static enum tls_status tls_leave(struct tls *tls, int rc, const char *what, struct err *err)
{
    int error = SSL_get_error(tls->ssl, rc);

    tls->io = NULL;
    switch (error) {
    case SSL_ERROR_NONE:
        return TLS_OK;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    case SSL_ERROR_SSL:
        if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) {
            return tls_fail(tls, TLS_FAILURE_INTERNAL, what, err);
        }
        return tls_fail(tls, tls->received ? TLS_FAILURE_ALERT_RECEIVED : TLS_FAILURE_ALERT_SENT,
                        what, err);
    default:
        return tls_fail(tls, TLS_FAILURE_INTERNAL, what, err);
    }
}

/* What the peer sent beside its leaf is not needed any more, and may be 16 KiB.  A client's list
   starts with the leaf, which stays. */
static void tls_drop_chain(const struct tls *tls)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);
    int keep = SSL_is_server(tls->ssl) ? 0 : 1;

    while (chain != NULL && sk_X509_num(chain) > keep) {
        X509_free(sk_X509_pop(chain));
    }
}

/* Empties a key of which others hold references, too.  The type is no matter. */
static void tls_empty_key(EVP_PKEY *key)
{
    if (key != NULL) {
        (void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
    }
}

/*
 * Nobody asks again for the keys of the exchange, which libssl would keep as long as the
 * connection: 8 KiB a side with ML-KEM, and secrets.  Nor for the peer's, whose signature has been
 * checked.
 */
static void tls_drop_keys(const struct tls *tls)
{
    const X509 *peer = SSL_get0_peer_certificate(tls->ssl);
    EVP_PKEY *key = NULL;

    if (SSL_get_tmp_key(tls->ssl, &key) == 1) {
        tls_empty_key(key);
        EVP_PKEY_free(key);
    }
    key = NULL;
    if (SSL_get_peer_tmp_key(tls->ssl, &key) == 1) {
        tls_empty_key(key);
        EVP_PKEY_free(key);
    }
    tls_empty_key(peer != NULL ? X509_get0_pubkey(peer) : NULL);
}

enum tls_status tls_handshake(struct tls *tls, struct tls_io *io, struct err *err)
{
    enum tls_status status = TLS_FAILED;
    int rc = 0;

    if (!tls_enter(tls, io, "handshake", err)) {
        return TLS_FAILED;
    }
    rc = SSL_do_handshake(tls->ssl);
    status = tls_leave(tls, rc, "handshake", err);
    if (status == TLS_OK) {
        tls_drop_chain(tls);
        tls_drop_keys(tls);
    }
    return status;
}

/* True if SSL_read() could only say that it wants more, which it does at the price of a buffer of
   17 KiB made and freed. */
static bool tls_is_drained(const struct tls *tls, const struct tls_io *io)
{
    return io->in.len == 0 && SSL_has_pending(tls->ssl) == 0 && SSL_get_shutdown(tls->ssl) == 0;
}

enum tls_status tls_read(struct tls *tls, struct tls_io *io, uint8_t *out, size_t cap,
                         size_t *out_len, struct err *err)
{
    int rc = 0;

    assert(cap > 0);
    if (!tls_enter(tls, io, "read", err)) {
        return TLS_FAILED;
    }
    if (tls_is_drained(tls, io)) {
        tls->io = NULL;
        return TLS_WANT_MORE;
    }
    rc = SSL_read(tls->ssl, out, cap < INT_MAX ? (int)cap : INT_MAX);
    if (rc > 0) {
        *out_len = (size_t)rc;
    }
    return tls_leave(tls, rc, "read", err);
}

enum tls_status tls_write(struct tls *tls, struct tls_io *io, const uint8_t *data, size_t len,
                          struct err *err)
{
    int rc = 0;

    assert(len > 0 && len <= TLS_RECORD_MAX && !tls->closed && tls_may_write(tls));
    assert(buf_room(io->out) >= len + TLS_RECORD_OVERHEAD);
    if (!tls_enter(tls, io, "write", err)) {
        return TLS_FAILED;
    }
    if (++tls->num_records > tls->rekey_records && SSL_version(tls->ssl) == TLS1_3_VERSION) {
        tls->num_records = 1;
        (void)SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED); /* goes out with the data */
    }
    rc = SSL_write(tls->ssl, data, (int)len);
    assert(rc <= 0 || (size_t)rc == len); /* one record, with room for it, goes in one piece */
    return tls_leave(tls, rc, "write", err);
}

enum tls_status tls_close(struct tls *tls, struct tls_io *io, struct err *err)
{
    int rc = 0;

    assert(!tls->closed && tls_may_write(tls));
    if (!tls_enter(tls, io, "close", err)) {
        return TLS_FAILED;
    }
    tls->closed = true;
    rc = SSL_shutdown(tls->ssl);
    return tls_leave(tls, rc >= 0 ? 1 : rc, "close", err);
}

bool tls_peer_closed(const struct tls *tls)
{
    return tls->failure == TLS_FAILURE_NONE &&
           (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

enum tls_failure tls_failure(const struct tls *tls)
{
    return tls->failure;
}

uint64_t tls_key_updates(const struct tls *tls)
{
    return tls->num_key_updates;
}

bool tls_may_write(const struct tls *tls)
{
    return SSL_in_init(tls->ssl) == 0;
}

void tls_rekey_after(struct tls *tls, uint64_t records)
{
    assert(records <= TLS_REKEY_RECORDS);
    tls->rekey_records = records;
}

int tls_alert(const struct tls *tls)
{
    return tls->alert;
}

void tls_keep_buffers(struct tls *tls)
{
    SSL_clear_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void tls_trim(struct tls *tls)
{
    SSL_set_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_free_buffers(tls->ssl); /* refuses while a partial record is held; then the next tick */
}

SSL *tls_ssl(const struct tls *tls)
{
    return tls->ssl;
}
