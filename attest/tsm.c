/*
 * Tsm: the five keys of the tsm-report map, in CBOR and in JSON.
 *
 * Both readers fill one set of slots; what must be there, and how long, is checked once.
 */
#include "attest/tsm.h"

#include <string.h>

#include <jansson.h>

#include "common/cbor.h"
#include "common/err.h"
#include "common/est.h"

enum slot {
    SLOT_AUXBLOB,
    SLOT_OUTBLOB,
    SLOT_PROVIDER,
    SLOT_MANIFESTBLOB,
    SLOT_SERVICE_PROVIDER,
    SLOTS,
};

/* In the order of RFC 8949 section 4.2.1: shorter keys first. */
static const struct {
    const char *key;
    bool text;
} slots[SLOTS] = {
    [SLOT_AUXBLOB] = {"auxblob", false},
    [SLOT_OUTBLOB] = {"outblob", false},
    [SLOT_PROVIDER] = {"provider", true},
    [SLOT_MANIFESTBLOB] = {"manifestblob", false},
    [SLOT_SERVICE_PROVIDER] = {"service_provider", true},
};

int tsm_encode(const struct evidence *evidence, struct buf *out, struct err *err)
{
    const struct bytes values[SLOTS] = {
        [SLOT_AUXBLOB] = evidence->auxblob,
        [SLOT_OUTBLOB] = evidence->outblob,
        [SLOT_PROVIDER] = evidence->provider,
        [SLOT_MANIFESTBLOB] = evidence->manifestblob,
        [SLOT_SERVICE_PROVIDER] = evidence->service_provider,
    };
    size_t before = out->len;
    size_t num_pairs = 0;
    bool fits = true;

    for (unsigned i = 0; i < SLOTS; i++) {
        num_pairs += values[i].data != NULL ? 1 : 0;
    }
    fits = cbor_put_map(out, num_pairs);
    for (unsigned i = 0; fits && i < SLOTS; i++) {
        if (values[i].data == NULL) {
            continue;
        }
        fits =
            cbor_put_text(out, slots[i].key) &&
            (slots[i].text ? cbor_put_text_bytes(out, values[i]) : cbor_put_bytes(out, values[i]));
    }
    if (!fits) {
        out->len = before;
        return err_set(err, ERR_LIMIT, "tsm-report does not fit");
    }
    return 0;
}

static bool refuse(struct verdict *out_verdict, const char *slug)
{
    return verdict_refuse(out_verdict, VERDICT_ENVELOPE_INVALID, 0, slug);
}

/* SLOTS if there is no such key. */
static unsigned find_slot(struct bytes key)
{
    unsigned i = 0;

    while (i < SLOTS &&
           (key.len != strlen(slots[i].key) || memcmp(key.data, slots[i].key, key.len) != 0)) {
        i++;
    }
    return i;
}

/* The rules that hold in both encodings. */
static bool judge(const struct bytes values[static SLOTS], struct evidence *out_evidence,
                  struct verdict *out_verdict)
{
    struct bytes provider = values[SLOT_PROVIDER];

    if (provider.data == NULL || values[SLOT_OUTBLOB].data == NULL) {
        return refuse(out_verdict, "tsm-missing-key");
    }
    if (values[SLOT_OUTBLOB].len == 0 || values[SLOT_OUTBLOB].len > EVIDENCE_BLOB_MAX ||
        values[SLOT_MANIFESTBLOB].len > EVIDENCE_BLOB_MAX) {
        return refuse(out_verdict, "tsm-blob-length");
    }
    if (values[SLOT_MANIFESTBLOB].data != NULL && values[SLOT_SERVICE_PROVIDER].data == NULL) {
        return refuse(out_verdict, "tsm-manifest-without-service");
    }
    /* The kernel's attribute ends in a line feed, and some senders pass it on. */
    if (provider.len > 0 && provider.data[provider.len - 1] == '\n') {
        provider.len--;
    }
    *out_evidence = (struct evidence){
        .provider = provider,
        .outblob = values[SLOT_OUTBLOB],
        .auxblob = values[SLOT_AUXBLOB],
        .manifestblob = values[SLOT_MANIFESTBLOB],
        .service_provider = values[SLOT_SERVICE_PROVIDER],
    };
    return true;
}

bool tsm_decode(struct bytes bytes, struct evidence *out_evidence, struct verdict *out_verdict)
{
    struct cbor_reader reader = cbor_over(bytes);
    struct bytes values[SLOTS] = {{0}};
    struct cbor_item map;

    if (bytes.len > TSM_LEN_MAX || !cbor_take(&reader, CBOR_MAP, &map)) {
        return refuse(out_verdict, "tsm-malformed");
    }
    for (uint64_t i = 0; i < map.num; i++) {
        struct cbor_item key;
        struct cbor_item value;
        unsigned slot = SLOTS;

        if (!cbor_take(&reader, CBOR_TEXT, &key)) {
            return refuse(out_verdict, "tsm-malformed");
        }
        slot = find_slot(key.string);
        if (slot == SLOTS) {
            return refuse(out_verdict, "tsm-unknown-key");
        }
        if (values[slot].data != NULL) {
            return refuse(out_verdict, "tsm-duplicate-key");
        }
        if (!cbor_take(&reader, slots[slot].text ? CBOR_TEXT : CBOR_BYTES, &value)) {
            return refuse(out_verdict, "tsm-malformed");
        }
        values[slot] = value.string;
    }
    if (!cbor_end(&reader)) {
        return refuse(out_verdict, "tsm-trailing-bytes");
    }
    return judge(values, out_evidence, out_verdict);
}

/* Copies or decodes one JSON string into `storage`. */
static bool store_string(const json_t *value, bool text, struct buf *storage,
                         struct bytes *out_bytes)
{
    struct bytes string;
    size_t start = storage->len;

    if (!json_is_string(value)) {
        return false;
    }
    string = (struct bytes){(const uint8_t *)json_string_value(value), json_string_length(value)};
    if (text ? !buf_append(storage, string.data, string.len)
             : !est_base64url_get(storage, string)) {
        return false;
    }
    *out_bytes = (struct bytes){storage->data + start, storage->len - start};
    return true;
}

static bool decode_members(json_t *root, struct buf *storage, struct bytes values[static SLOTS],
                           struct verdict *out_verdict)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(root, key, value)
    {
        unsigned slot = find_slot((struct bytes){(const uint8_t *)key, strlen(key)});

        if (slot == SLOTS) {
            return refuse(out_verdict, "tsm-unknown-key");
        }
        if (!store_string(value, slots[slot].text, storage, &values[slot])) {
            return refuse(out_verdict, "tsm-malformed");
        }
    }
    return true;
}

bool tsm_decode_json(struct bytes text, struct buf *storage, struct evidence *out_evidence,
                     struct verdict *out_verdict)
{
    bool accepted = false;
    struct bytes values[SLOTS] = {{0}};
    json_error_t error;
    json_t *root = NULL;

    if (text.len > TSM_JSON_MAX) {
        return refuse(out_verdict, "tsm-malformed");
    }
    root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL || !json_is_object(root)) {
        refuse(out_verdict, root == NULL && json_error_code(&error) == json_error_duplicate_key
                                ? "tsm-duplicate-key"
                                : "tsm-malformed");
        goto out;
    }
    accepted = decode_members(root, storage, values, out_verdict) &&
               judge(values, out_evidence, out_verdict);
out:
    json_decref(root);
    return accepted;
}
