/*
 * Table: the certificate table that comes with a report (GHCB specification, SNP extended guest
 * request): entries {GUID, offset, length}, an all-zero entry, then the bodies.
 *
 * The host writes it.  Each check below presumes those above it; nothing is looked up before all
 * have passed.  What the bodies are worth is attest/rule_chain.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define TABLE_LEN_MAX 32768  /* bytes */
#define TABLE_ENTRIES_MAX 16 /* before the terminator */
#define TABLE_ENTRY_LEN 24   /* bytes */
#define TABLE_GUID_LEN 16    /* bytes, in textual order */

enum table_kind { TABLE_VCEK, TABLE_VLEK, TABLE_ASK, TABLE_ARK, TABLE_CRL, TABLE_OTHER };

struct table {
    struct bytes blob; /* borrowed; empty: no table */
    size_t num_entries;
};

/* Row 6: counts the entries before the terminator.  False: there is no terminator. */
bool table_over(struct bytes blob, struct table *out_table);

/* Rows 7 to 9: the reason's slug, or NULL if they hold; the entry at fault in `out_entry`. */
const char *table_check_entries(const struct table *table, size_t *out_entry);
const char *table_check_ranges(const struct table *table, size_t *out_entry);
const char *table_check_overlaps(const struct table *table, size_t *out_entry);

/* Entry `i`: what its GUID calls it (which proves nothing), and its body. */
enum table_kind table_kind(const struct table *table, size_t i);
struct bytes table_guid(const struct table *table, size_t i);
struct bytes table_body(const struct table *table, size_t i);

/* "VCEK", "VLEK", "ASK", "ARK", "CRL", "other". */
const char *table_kind_name(enum table_kind kind);

/* The GUID of a kind, TABLE_GUID_LEN bytes; NULL for TABLE_OTHER. */
const uint8_t *table_kind_guid(enum table_kind kind);
