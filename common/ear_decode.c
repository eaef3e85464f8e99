/*
 * Ear: reading.  Map keys must come in the order of RFC 8949 section 4.2.1: an encoding that is not
 * deterministic, a repeated key included, is refused.  Unknown keys are skipped, so that a later CA
 * may say more.  The dotted names of older revisions exist in JSON only.
 */
#include "common/ear.h"

#include <string.h>

#include "common/cbor.h"
#include "common/ear_label.h"
#include "common/err.h"

#define MAP_PAIRS_MAX 32
#define DEPTH_MAX 8

/* One map on its way through: keys must come in the order of their encodings. */
struct walk {
    struct cbor_reader *reader;
    uint64_t num_left;
    struct bytes last_key; /* as encoded */
};

static bool walk_into(struct walk *walk, struct cbor_reader *reader)
{
    struct cbor_item map;

    if (!cbor_take(reader, CBOR_MAP, &map) || map.num > MAP_PAIRS_MAX) {
        return false;
    }
    *walk = (struct walk){.reader = reader, .num_left = map.num};
    return true;
}

static bool comes_after(struct bytes key, struct bytes last)
{
    size_t common = key.len < last.len ? key.len : last.len;
    int order = common == 0 ? 0 : memcmp(key.data, last.data, common);

    return order > 0 || (order == 0 && key.len > last.len);
}

/* Takes the next key, a number or text; the caller takes the value.  False: bad key. */
static bool walk_key(struct walk *walk, struct cbor_item *out_key)
{
    const uint8_t *start = walk->reader->data;
    struct bytes key;

    if (!cbor_next(walk->reader, out_key) ||
        (out_key->kind != CBOR_UINT && out_key->kind != CBOR_NINT && out_key->kind != CBOR_TEXT)) {
        return false;
    }
    key = (struct bytes){start, (size_t)(walk->reader->data - start)};
    if (!comes_after(key, walk->last_key)) {
        return false;
    }
    walk->last_key = key;
    walk->num_left--;
    return true;
}

static bool is_text(const struct cbor_item *item, const char *text)
{
    return item->kind == CBOR_TEXT && item->string.len == strlen(text) &&
           memcmp(item->string.data, text, item->string.len) == 0;
}

static bool is_label(const struct cbor_item *item, uint64_t label)
{
    return item->kind == CBOR_UINT && item->num == label;
}

static bool take_uint(struct cbor_reader *reader, uint64_t max, uint64_t *out_value)
{
    struct cbor_item item;

    if (!cbor_take(reader, CBOR_UINT, &item) || item.num > max) {
        return false;
    }
    *out_value = item.num;
    return true;
}

/* Copies printable ASCII with a NUL behind it: this text is shown and compared. */
static bool take_text(struct cbor_reader *reader, char *out_text, size_t cap)
{
    struct cbor_item item;

    if (!cbor_take(reader, CBOR_TEXT, &item) || item.string.len >= cap) {
        return false;
    }
    for (size_t i = 0; i < item.string.len; i++) {
        if (item.string.data[i] < 0x20 || item.string.data[i] > 0x7e) {
            return false;
        }
    }
    memcpy(out_text, item.string.data, item.string.len);
    out_text[item.string.len] = '\0';
    return true;
}

/* A tier is a number from -128 to 127 (AR4SI). */
static bool read_vector(struct cbor_reader *reader, struct ear *ear)
{
    bool hardware = false;
    bool runtime_opaque = false;
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;
        struct cbor_item tier;

        if (!walk_key(&walk, &key) || !cbor_next(reader, &tier) ||
            (tier.kind != CBOR_UINT && tier.kind != CBOR_NINT) || tier.num > 127) {
            return false;
        }
        if (is_label(&key, AR4SI_INSTANCE)) {
            ear->instance_identified = is_label(&tier, AR4SI_AFFIRMED);
        } else if (is_label(&key, AR4SI_HARDWARE)) {
            hardware = is_label(&tier, AR4SI_AFFIRMED);
        } else if (is_label(&key, AR4SI_RUNTIME_OPAQUE)) {
            runtime_opaque = is_label(&tier, AR4SI_AFFIRMED);
        }
    }
    ear->genuine = hardware && runtime_opaque;
    return true;
}

static bool read_tcb(struct cbor_reader *reader, struct ear *ear)
{
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;
        uint64_t value = 0;

        if (!walk_key(&walk, &key) || !take_uint(reader, UINT8_MAX, &value)) {
            return false;
        }
        for (unsigned i = 0; i < EAR_TCB_COMPONENTS; i++) {
            if (is_text(&key, ear_components[i].name)) {
                ear->tcb[ear_components[i].index] = (uint8_t)value;
                ear->tcb_present[ear_components[i].index] = true;
            }
        }
    }
    return true;
}

static bool read_measurement(struct cbor_reader *reader, struct ear *ear)
{
    struct cbor_item item;

    if (!cbor_take(reader, CBOR_BYTES, &item) || item.string.len == 0 ||
        item.string.len > sizeof(ear->measurement)) {
        return false;
    }
    memcpy(ear->measurement, item.string.data, item.string.len);
    ear->measurement_len = item.string.len;
    return true;
}

/* Our own claims about the guest: all of them must be there. */
static bool read_claims(struct cbor_reader *reader, struct ear *ear)
{
    unsigned num_known = 0;
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;
        bool known = true;
        bool valid = false;

        if (!walk_key(&walk, &key)) {
            return false;
        }
        if (is_text(&key, "tcb")) {
            valid = read_tcb(reader, ear);
        } else if (is_text(&key, "tee")) {
            valid = take_text(reader, ear->tee, sizeof(ear->tee)) && ear->tee[0] != '\0';
        } else if (is_text(&key, "epoch")) {
            valid = take_uint(reader, UINT64_MAX, &ear->epoch);
        } else if (is_text(&key, "measurement")) {
            valid = read_measurement(reader, ear);
        } else if (is_text(&key, "guest_policy")) {
            valid = take_uint(reader, UINT64_MAX, &ear->guest_policy);
        } else {
            known = false;
            valid = cbor_skip(reader, DEPTH_MAX);
        }
        if (!valid) {
            return false;
        }
        num_known += known ? 1 : 0;
    }
    return num_known == 5;
}

static bool read_status(struct cbor_reader *reader, struct ear *ear)
{
    uint64_t status = 0;

    if (!take_uint(reader, EAR_CONTRAINDICATED, &status) ||
        (status != EAR_NONE && status != EAR_AFFIRMING && status != EAR_WARNING &&
         status != EAR_CONTRAINDICATED)) {
        return false;
    }
    ear->status = (enum ear_status)status;
    return true;
}

static bool read_policy_ids(struct cbor_reader *reader, struct ear *ear)
{
    struct cbor_item array;

    return cbor_take(reader, CBOR_ARRAY, &array) && array.num == 1 &&
           take_text(reader, ear->policy_id, sizeof(ear->policy_id));
}

static bool read_submodule(struct cbor_reader *reader, struct ear *ear)
{
    bool has_status = false;
    bool has_claims = false;
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;
        bool valid = false;

        if (!walk_key(&walk, &key)) {
            return false;
        }
        if (is_label(&key, EAR_LABEL_STATUS)) {
            valid = has_status = read_status(reader, ear);
        } else if (is_label(&key, EAR_LABEL_VECTOR)) {
            valid = read_vector(reader, ear);
        } else if (is_label(&key, EAR_LABEL_POLICY_IDS)) {
            valid = read_policy_ids(reader, ear);
        } else if (is_label(&key, EAR_LABEL_CLAIMS)) {
            valid = has_claims = read_claims(reader, ear);
        } else {
            valid = cbor_skip(reader, DEPTH_MAX);
        }
        if (!valid) {
            return false;
        }
    }
    return has_status && has_claims;
}

static bool read_submods(struct cbor_reader *reader, struct ear *ear)
{
    bool found = false;
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;

        if (!walk_key(&walk, &key)) {
            return false;
        }
        if (is_text(&key, EAR_SUBMODULE)) {
            found = read_submodule(reader, ear);
            if (!found) {
                return false;
            }
        } else if (!cbor_skip(reader, DEPTH_MAX)) {
            return false;
        }
    }
    return found;
}

static bool read_verifier(struct cbor_reader *reader, struct ear *ear)
{
    struct walk walk;

    if (!walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;

        if (!walk_key(&walk, &key)) {
            return false;
        }
        if (is_label(&key, 1) ? !take_text(reader, ear->verifier_build, sizeof(ear->verifier_build))
                              : !cbor_skip(reader, DEPTH_MAX)) {
            return false;
        }
    }
    return true;
}

static bool read_profile(struct cbor_reader *reader)
{
    struct cbor_item item;

    return cbor_take(reader, CBOR_TEXT, &item) &&
           (is_text(&item, EAR_PROFILE_04) || is_text(&item, EAR_PROFILE_03));
}

static bool read_uccs(struct cbor_reader *reader, struct ear *ear)
{
    unsigned num_required = 0; /* iat, profile, submodules */
    struct cbor_item tag;
    struct walk walk;

    if (!cbor_take(reader, CBOR_TAG, &tag) || tag.num != EAR_TAG_UCCS ||
        !walk_into(&walk, reader)) {
        return false;
    }
    while (walk.num_left > 0) {
        struct cbor_item key;
        uint64_t value = 0;
        bool required = true;
        bool valid = false;

        if (!walk_key(&walk, &key)) {
            return false;
        }
        if (is_label(&key, EAR_LABEL_IAT)) {
            valid = take_uint(reader, INT64_MAX, &value);
            ear->iat = (int64_t)value;
        } else if (is_label(&key, EAR_LABEL_PROFILE)) {
            valid = read_profile(reader);
        } else if (is_label(&key, EAR_LABEL_SUBMODS)) {
            valid = read_submods(reader, ear);
        } else {
            required = false;
            valid = is_label(&key, EAR_LABEL_VERIFIER) ? read_verifier(reader, ear)
                                                       : cbor_skip(reader, DEPTH_MAX);
        }
        if (!valid) {
            return false;
        }
        num_required += required ? 1 : 0;
    }
    return num_required == 3 && cbor_end(reader);
}

int ear_decode(struct bytes cmw, struct ear *out_ear, struct err *err)
{
    struct cbor_reader record = cbor_over(cmw);
    struct cbor_reader uccs;
    struct cbor_item array;
    struct cbor_item type;
    struct cbor_item value;
    struct cbor_item ind;
    struct ear ear = {0};

    if (cmw.len > EAR_CMW_MAX) {
        return err_set(err, ERR_INVALID, "attestation result: over %d bytes", EAR_CMW_MAX);
    }
    if (!cbor_take(&record, CBOR_ARRAY, &array) || array.num != 3 ||
        !cbor_take(&record, CBOR_UINT, &type) || !cbor_take(&record, CBOR_BYTES, &value) ||
        !cbor_take(&record, CBOR_UINT, &ind) || !cbor_end(&record)) {
        return err_set(err, ERR_INVALID, "attestation result: not a CMW record");
    }
    if (type.num != EAR_CMW_TYPE_UCCS || ind.num != EAR_CMW_IND_RESULT) {
        return err_set(err, ERR_INVALID, "attestation result: CMW record of another type");
    }
    uccs = cbor_over(value.string);
    if (!read_uccs(&uccs, &ear)) {
        return err_set(err, ERR_INVALID, "attestation result: not an EAR that we know");
    }
    *out_ear = ear;
    return 0;
}
