/*
 * Inspect_field: numbers, bytes and bits.
 */
#include "attest/inspect_field.h"

#include <inttypes.h>
#include <stdio.h>

struct sheet_line inspect_field_line(enum report_field field, const char *meaning)
{
    const struct report_field_info *info = report_field_info(field);

    return (struct sheet_line){.name = info->name, .offset = info->offset, .meaning = meaning};
}

void inspect_field_number(struct sheet *sheet, struct report report, enum report_field field,
                          const char *meaning)
{
    const struct sheet_line line = inspect_field_line(field, meaning);

    sheet_line(sheet, &line, "%" PRIu64, report_uint(report, field));
}

bool inspect_field_is_all(struct bytes bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != value) {
            return false;
        }
    }
    return true;
}

void inspect_field_bytes(struct sheet *sheet, struct report report, enum report_field field,
                         const char *meaning, const char *if_zero)
{
    struct bytes bytes = report_bytes(report, field);
    struct sheet_line line =
        inspect_field_line(field, inspect_field_is_all(bytes, 0) ? if_zero : meaning);

    sheet_hex(sheet, &line, bytes);
}

void inspect_field_bits(struct sheet *sheet, uint64_t value, const struct inspect_bit *bits,
                        size_t num_bits)
{
    for (size_t i = 0; i < num_bits; i++) {
        bool is_set = (value >> bits[i].bit & 1) != 0;
        char name[48];
        struct sheet_line line = {
            .name = name,
            .offset = SHEET_NO_OFFSET,
            .mark = is_set == bits[i].marked_when ? bits[i].mark : SHEET_PLAIN,
            .meaning = is_set ? bits[i].set : bits[i].clear,
        };

        snprintf(name, sizeof(name), "  %s", bits[i].name);
        sheet_line(sheet, &line, "%u (bit %u)", is_set ? 1U : 0U, bits[i].bit);
    }
}

void inspect_field_unknown(struct sheet *sheet, uint64_t value, uint64_t known)
{
    const struct sheet_line line = {.name = "  reserved bits",
                                    .offset = SHEET_NO_OFFSET,
                                    .mark = SHEET_DANGER,
                                    .meaning = "set, and nobody here knows what they mean"};

    if ((value & ~known) != 0) {
        sheet_line(sheet, &line, "0x%" PRIx64, value & ~known);
    }
}
