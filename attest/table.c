/*
 * Table: the checks that make look-ups safe.  Offsets and lengths are summed in 64 bits: Linux sums
 * them in 32, which wraps.
 */
#include "attest/table.h"

#include <string.h>

#include "attest/little_endian.h"

// clang-format off
static const struct {
    const char *name;
    uint8_t guid[TABLE_GUID_LEN];
} kinds[] = {
    [TABLE_VCEK] = {"VCEK", {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd}},
    [TABLE_VLEK] = {"VLEK", {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1}},
    [TABLE_ASK]  = {"ASK",  {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82}},
    [TABLE_ARK]  = {"ARK",  {0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae}},
    [TABLE_CRL]  = {"CRL",  {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea}},
};
// clang-format on

static const uint8_t zeros[TABLE_ENTRY_LEN];

static const uint8_t *entry_at(const struct table *table, size_t i)
{
    return table->blob.data + i * TABLE_ENTRY_LEN;
}

static uint64_t body_offset(const struct table *table, size_t i)
{
    return little_endian_u32(entry_at(table, i) + TABLE_GUID_LEN);
}

static uint64_t body_len(const struct table *table, size_t i)
{
    return little_endian_u32(entry_at(table, i) + TABLE_GUID_LEN + 4);
}

bool table_over(struct bytes blob, struct table *out_table)
{
    struct table table = {.blob = blob};

    if (blob.len == 0) {
        *out_table = table;
        return true;
    }
    for (; (table.num_entries + 1) * TABLE_ENTRY_LEN <= blob.len; table.num_entries++) {
        if (memcmp(entry_at(&table, table.num_entries), zeros, TABLE_ENTRY_LEN) == 0) {
            *out_table = table;
            return true;
        }
    }
    return false;
}

const char *table_check_entries(const struct table *table, size_t *out_entry)
{
    *out_entry = table->num_entries;
    if (table->num_entries > TABLE_ENTRIES_MAX) {
        return "aux-too-many";
    }
    for (size_t i = 0; i < table->num_entries; i++) {
        *out_entry = i;
        if (memcmp(entry_at(table, i), zeros, TABLE_GUID_LEN) == 0) {
            return "aux-zero-guid";
        }
    }
    for (size_t i = 0; i < table->num_entries; i++) {
        *out_entry = i;
        for (size_t j = 0; j < i; j++) {
            if (memcmp(entry_at(table, i), entry_at(table, j), TABLE_GUID_LEN) == 0) {
                return "aux-duplicate";
            }
        }
    }
    return NULL;
}

const char *table_check_ranges(const struct table *table, size_t *out_entry)
{
    for (size_t i = 0; i < table->num_entries; i++) {
        *out_entry = i;
        if (body_len(table, i) == 0) {
            continue; /* absent */
        }
        if (body_offset(table, i) < (table->num_entries + 1) * TABLE_ENTRY_LEN) {
            return "aux-offset-in-header";
        }
        if (body_offset(table, i) + body_len(table, i) > table->blob.len) {
            return "aux-out-of-range";
        }
    }
    return NULL;
}

const char *table_check_overlaps(const struct table *table, size_t *out_entry)
{
    for (size_t i = 0; i < table->num_entries; i++) {
        *out_entry = i;
        for (size_t j = 0; j < i; j++) {
            if (body_len(table, i) > 0 && body_len(table, j) > 0 &&
                body_offset(table, i) < body_offset(table, j) + body_len(table, j) &&
                body_offset(table, j) < body_offset(table, i) + body_len(table, i)) {
                return "aux-overlap";
            }
        }
    }
    return NULL;
}

enum table_kind table_kind(const struct table *table, size_t i)
{
    for (unsigned kind = 0; kind < TABLE_OTHER; kind++) {
        if (memcmp(entry_at(table, i), kinds[kind].guid, TABLE_GUID_LEN) == 0) {
            return (enum table_kind)kind;
        }
    }
    return TABLE_OTHER;
}

struct bytes table_guid(const struct table *table, size_t i)
{
    return (struct bytes){entry_at(table, i), TABLE_GUID_LEN};
}

struct bytes table_body(const struct table *table, size_t i)
{
    if (body_len(table, i) == 0) {
        return (struct bytes){0};
    }
    return (struct bytes){table->blob.data + body_offset(table, i), (size_t)body_len(table, i)};
}

const char *table_kind_name(enum table_kind kind)
{
    return kind < TABLE_OTHER ? kinds[kind].name : "other";
}

const uint8_t *table_kind_guid(enum table_kind kind)
{
    return kind < TABLE_OTHER ? kinds[kind].guid : NULL;
}
