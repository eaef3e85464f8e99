/*
 * Certs-only: written by hand, as three nested lengths; OpenSSL's PKCS#7 would parse each
 * certificate again.
 *
 *   SEQUENCE { signedData, [0] { SEQUENCE { 1, SET {}, SEQUENCE { data }, [0] certs, SET {} } } }
 */
#include "ca/certs_only.h"

#include <stdint.h>
#include <string.h>

#include "common/der.h"
#include "common/err.h"

static const uint8_t signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                      0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t before_certs[] = {
    0x02, 0x01, 0x01,                                     /* version 1 */
    0x31, 0x00,                                           /* no digest algorithms */
    0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, /* contentInfo: data, absent */
    0x0d, 0x01, 0x07, 0x01,
};
static const uint8_t no_signers[] = {0x31, 0x00};

/* Bytes of tag and length before `len` bytes of content. */
static size_t head_len(size_t len)
{
    return len < 0x80 ? 2 : len <= 0xff ? 3 : len <= 0xffff ? 4 : 5;
}

static bool put_head(struct buf *out, uint8_t tag, size_t len)
{
    uint8_t head[5] = {tag, (uint8_t)len};
    size_t num = head_len(len) - 2;

    if (num > 0) {
        head[1] = (uint8_t)(0x80 | num);
        for (size_t i = 0; i < num; i++) {
            head[2 + i] = (uint8_t)(len >> 8 * (num - 1 - i));
        }
    }
    return buf_append(out, head, 2 + num);
}

int certs_only_encode(const struct bytes *certs, size_t num_certs, struct buf *out, struct err *err)
{
    size_t certs_len = 0;
    size_t inner_len = 0;
    size_t wrapped_len = 0;
    size_t start = out->len;
    bool ok = true;

    for (size_t i = 0; i < num_certs; i++) {
        if (certs[i].len > buf_room(out) - certs_len) {
            return err_set(err, ERR_LIMIT, "certificates: too long");
        }
        certs_len += certs[i].len;
    }
    inner_len = sizeof(before_certs) + head_len(certs_len) + certs_len + sizeof(no_signers);
    wrapped_len = head_len(inner_len) + inner_len;
    ok = put_head(out, DER_SEQUENCE, sizeof(signed_data) + head_len(wrapped_len) + wrapped_len) &&
         buf_append(out, signed_data, sizeof(signed_data)) &&
         put_head(out, DER_CONTEXT_0, wrapped_len) && put_head(out, DER_SEQUENCE, inner_len) &&
         buf_append(out, before_certs, sizeof(before_certs)) &&
         put_head(out, DER_CONTEXT_0, certs_len);
    for (size_t i = 0; ok && i < num_certs; i++) {
        ok = buf_append(out, certs[i].data, certs[i].len);
    }
    if (!ok || !buf_append(out, no_signers, sizeof(no_signers))) {
        out->len = start;
        return err_set(err, ERR_LIMIT, "certificates: too long");
    }
    return 0;
}
