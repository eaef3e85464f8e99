/*
 * Inspect_field: in which words single fields of a report are shown.
 *
 * Internal to inspect.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/report.h"
#include "attest/sheet.h"
#include "common/bytes.h"

/* What a bit says to a reader: `mark` counts when the bit is in the state `marked_when`. */
struct inspect_bit {
    unsigned bit;
    const char *name;
    const char *set;
    const char *clear;
    bool marked_when;
    enum sheet_mark mark;
};

/* The name and the offset of a field. */
struct sheet_line inspect_field_line(enum report_field field, const char *meaning);

void inspect_field_number(struct sheet *sheet, struct report report, enum report_field field,
                          const char *meaning);

/* Hexadecimal, with other words where it is all zero. */
void inspect_field_bytes(struct sheet *sheet, struct report report, enum report_field field,
                         const char *meaning, const char *if_zero);

/* Each of the bits that are known, and those that are not, if any is set. */
void inspect_field_bits(struct sheet *sheet, uint64_t value, const struct inspect_bit *bits,
                        size_t num_bits);
void inspect_field_unknown(struct sheet *sheet, uint64_t value, uint64_t known);

bool inspect_field_is_all(struct bytes bytes, uint8_t value);
