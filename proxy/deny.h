/*
 * Deny: the list of peers that no rule lets in: SPIFFE IDs, serial numbers, keys and measurements,
 * one `KIND VALUE` a line.  Text in, an immutable list out; where the text comes from is
 * deny_file.h.
 *
 *     # left the company
 *     spiffe spiffe://prod.example/snp/checkout
 *     serial 4f3a...      of the leaf, in hex
 *     spki 9c1e...        SHA-256 of the leaf's SubjectPublicKeyInfo, 64 digits
 *     measurement 3f9a... launch measurement, 96 digits
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"

struct err;
struct svid;
struct deny; /* opaque; does not change, may be shared between threads */

#define DENY_TEXT_MAX ((size_t)4 * 1024 * 1024) /* bytes */
#define DENY_ENTRIES_MAX 65536

/* ERR_INVALID names the first bad line, "line 3: why"; a list is taken whole or not at all, and no
   text at all is no list.  NULL on failure.  The caller's reference. */
struct deny *deny_parse(struct bytes text, struct err *err);
struct deny *deny_ref(struct deny *deny);
void deny_unref(struct deny *deny); /* accepts NULL */

/* The kind of the entry that names `peer`, static text; NULL: none does, or there is no list. */
const char *deny_find(const struct deny *deny, const struct svid *peer);

size_t deny_count(const struct deny *deny); /* 0 for NULL */

/* True if both come from the same text.  Accepts NULL, which differs from every list. */
bool deny_same(const struct deny *left, const struct deny *right);
