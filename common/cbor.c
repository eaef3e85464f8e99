/*
 * Cbor: libcbor's stream decoder turned into a strict pull reader, and its streaming encoders.
 *
 * The decoder calls back at most once a call; the callback stores one item, or nothing for what is
 * not allowed.  Shortest heads are checked by what the decoder says it has read.
 */
#include "common/cbor.h"

#include <assert.h>
#include <string.h>

#include <cbor.h>

#define HEAD_MAX 9 /* bytes: initial byte and a 64-bit argument */

struct token {
    bool valid; /* false: nothing, or an item that we do not take */
    struct cbor_item item;
};

static void store(void *context, enum cbor_kind kind, uint64_t num)
{
    *(struct token *)context = (struct token){.valid = true, .item = {.kind = kind, .num = num}};
}

static void store_string(void *context, enum cbor_kind kind, cbor_data data, size_t len)
{
    struct token *token = (struct token *)context;

    store(token, kind, len);
    token->item.string = (struct bytes){data, len};
}

static void on_uint8(void *context, uint8_t value)
{
    store(context, CBOR_UINT, value);
}

static void on_uint16(void *context, uint16_t value)
{
    store(context, CBOR_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
    store(context, CBOR_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
    store(context, CBOR_UINT, value);
}

static void on_nint8(void *context, uint8_t value)
{
    store(context, CBOR_NINT, value);
}

static void on_nint16(void *context, uint16_t value)
{
    store(context, CBOR_NINT, value);
}

static void on_nint32(void *context, uint32_t value)
{
    store(context, CBOR_NINT, value);
}

static void on_nint64(void *context, uint64_t value)
{
    store(context, CBOR_NINT, value);
}

static void on_bytes(void *context, cbor_data data, size_t len)
{
    store_string(context, CBOR_BYTES, data, len);
}

static void on_text(void *context, cbor_data data, size_t len)
{
    store_string(context, CBOR_TEXT, data, len);
}

static void on_array(void *context, size_t num_items)
{
    store(context, CBOR_ARRAY, num_items);
}

static void on_map(void *context, size_t num_pairs)
{
    store(context, CBOR_MAP, num_pairs);
}

static void on_tag(void *context, uint64_t tag)
{
    store(context, CBOR_TAG, tag);
}

/* The rest of the bundle stores nothing: indefinite lengths, floats, null, booleans, break. */
static struct cbor_callbacks callbacks(void)
{
    struct cbor_callbacks callbacks = cbor_empty_callbacks;

    callbacks.uint8 = on_uint8;
    callbacks.uint16 = on_uint16;
    callbacks.uint32 = on_uint32;
    callbacks.uint64 = on_uint64;
    callbacks.negint8 = on_nint8;
    callbacks.negint16 = on_nint16;
    callbacks.negint32 = on_nint32;
    callbacks.negint64 = on_nint64;
    callbacks.byte_string = on_bytes;
    callbacks.string = on_text;
    callbacks.array_start = on_array;
    callbacks.map_start = on_map;
    callbacks.tag = on_tag;
    return callbacks;
}

/* Bytes of the shortest head with this argument. */
static size_t head_len(uint64_t argument)
{
    if (argument < 24) {
        return 1;
    }
    if (argument <= UINT8_MAX) {
        return 2;
    }
    if (argument <= UINT16_MAX) {
        return 3;
    }
    return argument <= UINT32_MAX ? 5 : HEAD_MAX;
}

struct cbor_reader cbor_over(struct bytes bytes)
{
    return (struct cbor_reader){.data = bytes.data, .len = bytes.len};
}

bool cbor_next(struct cbor_reader *reader, struct cbor_item *out_item)
{
    const struct cbor_callbacks bundle = callbacks();
    struct token token = {0};
    struct cbor_decoder_result result;

    if (reader->len == 0) {
        return false;
    }
    result = cbor_stream_decode(reader->data, reader->len, &bundle, &token);
    if (result.status != CBOR_DECODER_FINISHED || !token.valid || result.read > reader->len ||
        result.read != head_len(token.item.num) + token.item.string.len) {
        return false;
    }
    reader->data += result.read;
    reader->len -= result.read;
    *out_item = token.item;
    return true;
}

bool cbor_take(struct cbor_reader *reader, enum cbor_kind kind, struct cbor_item *out_item)
{
    struct cbor_reader ahead = *reader;
    struct cbor_item item;

    if (!cbor_next(&ahead, &item) || item.kind != kind) {
        return false;
    }
    *reader = ahead;
    *out_item = item;
    return true;
}

/* How many items stand inside `item`, which was just taken.  False: more than there are bytes left
   (every item is at least one); so doubling a map's count cannot wrap. */
static bool count_inside(const struct cbor_reader *reader, const struct cbor_item *item,
                         uint64_t *out_num)
{
    *out_num = item->kind == CBOR_TAG ? 1 : 0;
    if (item->kind != CBOR_ARRAY && item->kind != CBOR_MAP) {
        return true;
    }
    if (item->num > reader->len) {
        return false;
    }
    *out_num = item->kind == CBOR_MAP ? 2 * item->num : item->num;
    return true;
}

bool cbor_skip(struct cbor_reader *reader, unsigned depth_max)
{
    uint64_t pending[CBOR_SKIP_DEPTH_MAX]; /* items still to come, by nesting */
    unsigned depth = 0;

    assert(depth_max >= 1 && depth_max <= CBOR_SKIP_DEPTH_MAX);
    pending[0] = 1;
    for (;;) {
        struct cbor_item item;
        uint64_t inside = 0;

        while (pending[depth] == 0) {
            if (depth == 0) {
                return true;
            }
            depth--;
        }
        if (!cbor_next(reader, &item) || !count_inside(reader, &item, &inside)) {
            return false;
        }
        pending[depth]--;
        if (inside > 0) {
            if (depth + 1 == depth_max) {
                return false;
            }
            pending[++depth] = inside;
        }
    }
}

bool cbor_end(const struct cbor_reader *reader)
{
    return reader->len == 0;
}

/* libcbor's encoders return 0 where the item does not fit. */
static bool advance(struct buf *out, size_t written)
{
    out->len += written;
    return written > 0;
}

bool cbor_put_uint(struct buf *out, uint64_t value)
{
    return advance(out, cbor_encode_uint(value, out->data + out->len, buf_room(out)));
}

bool cbor_put_int(struct buf *out, int64_t value)
{
    if (value >= 0) {
        return cbor_put_uint(out, (uint64_t)value);
    }
    return advance(out, cbor_encode_negint(~(uint64_t)value, out->data + out->len, buf_room(out)));
}

/* Head and content, or nothing. */
static bool put_string(struct buf *out, bool is_text, struct bytes bytes)
{
    uint8_t head[HEAD_MAX];
    size_t len = is_text ? cbor_encode_string_start(bytes.len, head, sizeof(head))
                         : cbor_encode_bytestring_start(bytes.len, head, sizeof(head));

    if (len > buf_room(out) || bytes.len > buf_room(out) - len) {
        return false;
    }
    return buf_append(out, head, len) && buf_append(out, bytes.data, bytes.len);
}

bool cbor_put_bytes(struct buf *out, struct bytes bytes)
{
    return put_string(out, false, bytes);
}

bool cbor_put_text(struct buf *out, const char *text)
{
    return cbor_put_text_bytes(out, (struct bytes){(const uint8_t *)text, strlen(text)});
}

bool cbor_put_text_bytes(struct buf *out, struct bytes text)
{
    return put_string(out, true, text);
}

bool cbor_put_array(struct buf *out, size_t num_items)
{
    return advance(out, cbor_encode_array_start(num_items, out->data + out->len, buf_room(out)));
}

bool cbor_put_map(struct buf *out, size_t num_pairs)
{
    return advance(out, cbor_encode_map_start(num_pairs, out->data + out->len, buf_room(out)));
}

bool cbor_put_tag(struct buf *out, uint64_t tag)
{
    return advance(out, cbor_encode_tag(tag, out->data + out->len, buf_room(out)));
}

const char *cbor_library_version(void)
{
    return CBOR_VERSION;
}
