/*
 * Pem: the boundary lines and the base64 between them.
 */
#include "attest/pem.h"

#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes skip_space(struct bytes bytes)
{
    while (bytes.len > 0 && is_space(bytes.data[0])) {
        bytes.data++;
        bytes.len--;
    }
    return bytes;
}

static bool skip_text(struct bytes *bytes, const char *text)
{
    size_t len = strlen(text);

    if (bytes->len < len || memcmp(bytes->data, text, len) != 0) {
        return false;
    }
    bytes->data += len;
    bytes->len -= len;
    return true;
}

/* The value of a base64 digit, or -1. */
static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool pem_looks_like(struct bytes bytes)
{
    bytes = skip_space(bytes);
    return skip_text(&bytes, "-----");
}

/* Takes the digits up to padding or hyphen.  False: bits are left over, or `max` is passed. */
static enum pem_status decode_digits(struct bytes *text, size_t max, struct buf *out,
                                     unsigned *out_padding)
{
    uint32_t bits = 0;
    unsigned num_bits = 0;
    size_t num_digits = 0;
    size_t len = 0;

    for (; text->len > 0; text->data++, text->len--) {
        int value = digit(text->data[0]);

        if (value < 0) {
            if (is_space(text->data[0])) {
                continue;
            }
            break;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        num_bits += 6;
        num_digits++;
        if (num_bits >= 8) {
            uint8_t byte = (uint8_t)(bits >> (num_bits - 8));

            num_bits -= 8;
            if (++len > max || !buf_append(out, &byte, 1)) {
                return PEM_TOO_LONG;
            }
        }
    }
    *out_padding = (unsigned)((4 - num_digits % 4) % 4);
    if (*out_padding == 3 || (bits & ((1U << num_bits) - 1)) != 0) {
        return PEM_MALFORMED;
    }
    return PEM_OK;
}

enum pem_status pem_decode(struct bytes text, size_t max, struct buf *out)
{
    size_t before = out->len;
    unsigned padding = 0;
    enum pem_status status = PEM_MALFORMED;

    text = skip_space(text);
    if (!skip_text(&text, BEGIN)) {
        return PEM_MALFORMED;
    }
    status = decode_digits(&text, max, out, &padding);
    while (status == PEM_OK && padding > 0) {
        status = skip_text(&text, "=") ? PEM_OK : PEM_MALFORMED;
        padding--;
    }
    if (status == PEM_OK) {
        text = skip_space(text);
        if (!skip_text(&text, END) || skip_space(text).len > 0) {
            status = PEM_MALFORMED;
        }
    }
    if (status != PEM_OK) {
        out->len = before;
    }
    return status;
}
