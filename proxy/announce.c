/*
 * Announce: tells the application of an ingress who its peer is, by a header of the PROXY protocol
 * ahead of the first byte.  All of it is from the handshake and the verified certificate, except
 * for the addresses, which the network says.
 */
#include <errno.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/svid.h"
#include "proxy/conn_state.h"
#include "proxy/proxy_protocol.h"

static struct bytes announce_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

/* The one common name of the peer's leaf as UTF-8, to be freed by OPENSSL_free(); NULL: it has
   none, or several. */
static unsigned char *announce_common_name(SSL *ssl, size_t *out_len)
{
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    const X509_NAME *name = leaf != NULL ? X509_get_subject_name(leaf) : NULL;
    int at = name != NULL ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
    unsigned char *text = NULL;
    int len = 0;

    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return NULL;
    }
    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (len < 0) {
        return NULL;
    }
    *out_len = (size_t)len;
    return text;
}

/* Where the peer connected to, as far as it is known. */
static struct sockets_address announce_destination(const struct conn *c)
{
    struct sockets_address address = {.len = sizeof(address.u)};

    if (c->destination.len > 0) {
        return c->destination;
    }
    if (getsockname(c->peer.fd, &address.u.any, &address.len) != 0) {
        address.len = 0; /* the header then names no address */
    }
    return address;
}

static bool announce_write(const struct conn *c, struct buf *out)
{
    SSL *ssl = tls_ssl(c->tls);
    struct proxy_protocol_peer peer = {
        .source = c->source,
        .destination = announce_destination(c),
        .authority = announce_text(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)),
        .tls_version = announce_text(SSL_get_version(ssl)),
        .spiffe = announce_text(c->svid->spiffe),
    };
    size_t name_len = 0;
    unsigned char *name = announce_common_name(ssl, &name_len);
    unsigned alpn_len = 0;
    bool written = false;

    SSL_get0_alpn_selected(ssl, &peer.alpn.data, &alpn_len);
    peer.alpn.len = alpn_len;
    peer.common_name = (struct bytes){name, name_len};
    if (c->svid->has_claims) {
        peer.tee = announce_text(c->svid->claims.tee);
        peer.measurement =
            (struct bytes){c->svid->claims.measurement, c->svid->claims.measurement_len};
    }
    written = proxy_protocol_write(&peer, out);
    OPENSSL_free(name);
    return written;
}

enum conn_state announce_peer(struct conn *c, enum conn_state done)
{
    struct buf out = buf_over(c->shared->plain, CONN_PLAIN_CAP);

    if (!c->route->proxy.out) {
        return done;
    }
    if (!announce_write(c, &out)) {
        conn_set_detail(c, "the header for the application is too long");
        return conn_fail(c, REASON_LIMIT);
    }
    if (!leg_send(&c->app, out.data, out.len)) {
        return conn_fail(c, c->app.error == ENOMEM ? REASON_LIMIT : REASON_APP_RESET);
    }
    return done;
}
