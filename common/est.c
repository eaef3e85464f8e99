/*
 * Est: base64 in the two alphabets.  By hand: OpenSSL's BIO filter refuses unwrapped input and its
 * block functions ignore bits left over.
 */
#include "common/est.h"

#include <string.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character, or -1. */
static int value_of(uint8_t character, const char *alphabet)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == (uint8_t)alphabet[62]) {
        return 62;
    }
    return character == (uint8_t)alphabet[63] ? 63 : -1;
}

/* Encodes up to three bytes into four characters; returns how many carry data. */
static size_t encode_group(const uint8_t *data, size_t len, const char *alphabet, char out[4])
{
    uint32_t bits = (uint32_t)data[0] << 16;

    if (len > 1) {
        bits |= (uint32_t)data[1] << 8;
    }
    if (len > 2) {
        bits |= data[2];
    }
    for (unsigned i = 0; i < 4; i++) {
        out[i] = alphabet[bits >> (18 - 6 * i) & 0x3f];
    }
    return len + 1;
}

bool est_base64_put(struct buf *out, struct bytes bytes, unsigned columns)
{
    size_t before = out->len;
    unsigned column = 0;
    bool fits = true;

    for (size_t i = 0; fits && i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        char group[4];

        for (size_t j = encode_group(bytes.data + i, left < 3 ? left : 3, standard, group); j < 4;
             j++) {
            group[j] = '=';
        }
        for (unsigned j = 0; fits && j < 4; j++) {
            fits = buf_append(out, &group[j], 1);
            if (fits && columns > 0 && ++column == columns) {
                fits = buf_append(out, "\n", 1);
                column = 0;
            }
        }
    }
    if (fits && column > 0) {
        fits = buf_append(out, "\n", 1);
    }
    if (!fits) {
        out->len = before;
    }
    return fits;
}

/* Bits on their way to becoming bytes. */
struct decoder {
    uint32_t bits;
    unsigned num_bits;
};

static bool decode_character(struct decoder *decoder, int value, struct buf *out)
{
    decoder->bits = (decoder->bits << 6 | (uint32_t)value) & 0xfff;
    decoder->num_bits += 6;
    if (decoder->num_bits >= 8) {
        uint8_t byte = (uint8_t)(decoder->bits >> (decoder->num_bits - 8));

        decoder->num_bits -= 8;
        return buf_append(out, &byte, 1);
    }
    return true;
}

/* True if the text may end here: no lone character, no bit set beyond the last byte. */
static bool decode_done(const struct decoder *decoder)
{
    return decoder->num_bits < 6 && (decoder->bits & ((1U << decoder->num_bits) - 1)) == 0;
}

bool est_base64_get(struct buf *out, struct bytes text)
{
    size_t before = out->len;
    struct decoder decoder = {0};
    size_t num_characters = 0;
    size_t num_padding = 0;
    bool valid = true;

    for (size_t i = 0; valid && i < text.len; i++) {
        uint8_t character = text.data[i];
        int value = value_of(character, standard);

        if (character == '\r' || character == '\n' || character == ' ' || character == '\t') {
            continue;
        }
        if (character == '=') {
            num_padding++;
            valid = num_padding <= 2;
        } else {
            num_characters++;
            valid = value >= 0 && num_padding == 0 && decode_character(&decoder, value, out);
        }
    }
    if (!valid || !decode_done(&decoder) ||
        (num_padding > 0 && (num_characters + num_padding) % 4 != 0)) {
        out->len = before;
        return false;
    }
    return true;
}

bool est_base64url_put(struct buf *out, struct bytes bytes)
{
    size_t before = out->len;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        char group[4];
        size_t len = encode_group(bytes.data + i, left < 3 ? left : 3, url_safe, group);

        if (!buf_append(out, group, len)) {
            out->len = before;
            return false;
        }
    }
    return true;
}

bool est_base64url_get(struct buf *out, struct bytes text)
{
    size_t before = out->len;
    struct decoder decoder = {0};
    bool valid = true;

    for (size_t i = 0; valid && i < text.len; i++) {
        int value = value_of(text.data[i], url_safe);

        valid = value >= 0 && decode_character(&decoder, value, out);
    }
    if (!valid || !decode_done(&decoder)) {
        out->len = before;
        return false;
    }
    return true;
}
