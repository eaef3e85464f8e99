/*
 * Http1_scan: the form of an HTTP/1 head or trailer section, byte by byte, before any parser sees
 * it (spec/data-path.md section 6).
 *
 * Refuses what parsers are known to disagree on: CR without LF, LF without CR, folded lines, NUL
 * and other control bytes (HT in values excepted), DEL, a blank before the colon, empty names and
 * names that are no token (RFC 9110 section 5.6.2), more than one leading CRLF.  Knows nothing of
 * what the fields mean: see common/http1_rules.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct http1_scan_limits {
    size_t start_line_max; /* bytes without CRLF; 0: there is no start line, as in trailers */
    size_t len_max;        /* bytes in all */
    size_t fields_max;
};

enum http1_scan_status {
    HTTP1_SCAN_MORE,    /* all input was taken */
    HTTP1_SCAN_END,     /* the empty line is complete; input behind it was not taken */
    HTTP1_SCAN_REFUSED, /* see `reason` */
};

struct http1_scan {
    struct http1_scan_limits limits;
    int state;
    bool skipped; /* the one leading CRLF was there */
    size_t len;   /* bytes taken */
    size_t start_line_len;
    size_t num_fields;  /* complete ones */
    unsigned status;    /* after HTTP1_SCAN_REFUSED: 400, 414 or 431 */
    const char *reason; /* static text */
};

void http1_scan_init(struct http1_scan *scan, const struct http1_scan_limits *limits);

/* Takes input; `out_used` is how much of it.  The result does not depend on how input is split. */
MUST_CHECK enum http1_scan_status http1_scan_feed(struct http1_scan *scan, struct bytes in,
                                                  size_t *out_used);

/* True for a byte of an RFC 9110 token. */
bool http1_is_token(unsigned char c);
