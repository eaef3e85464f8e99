/*
 * Http1_scan: one state per place in the text where the next byte means something else.
 *
 * Happy path: BEGIN, START_LINE, then LINE, NAME, VALUE for each field, and LINE, LAST_LF for the
 * empty line; each *_LF state is entered by CR and left by LF.  Anything unexpected is REFUSED,
 * for good.
 */
#include "common/http1_scan.h"

#include <assert.h>
#include <string.h>

enum {
    SCAN_BEGIN,      /* nothing yet but perhaps one CRLF */
    SCAN_BEGIN_LF,   /* that one's CR was seen */
    SCAN_START_LINE, /* within the request or status line */
    SCAN_START_LF,
    SCAN_LINE, /* at the first byte of a field line, or of the empty line */
    SCAN_NAME,
    SCAN_VALUE,
    SCAN_VALUE_LF,
    SCAN_LAST_LF, /* the empty line's CR was seen */
    SCAN_DONE,
    SCAN_REFUSED,
};

bool http1_is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

/* Why `c` cannot stand in a line, CR apart; NULL: it can. */
static const char *text_fault(unsigned char c, bool tab_allowed)
{
    if (c == '\n') {
        return "LF without CR";
    }
    if ((c < 0x20 && !(c == '\t' && tab_allowed)) || c == 0x7f) {
        return "control byte";
    }
    return NULL;
}

static int refuse(struct http1_scan *scan, unsigned status, const char *reason)
{
    scan->status = status;
    scan->reason = reason;
    return SCAN_REFUSED;
}

static int refuse_form(struct http1_scan *scan, const char *reason)
{
    return refuse(scan, 400, reason);
}

static int scan_begin(struct http1_scan *scan, unsigned char c)
{
    const char *fault = NULL;

    if (c == '\r') {
        return scan->skipped ? refuse_form(scan, "more than one leading CRLF") : SCAN_BEGIN_LF;
    }
    if (is_blank(c)) {
        return refuse_form(scan, "line starts with a blank");
    }
    fault = text_fault(c, false);
    if (fault != NULL) {
        return refuse_form(scan, fault);
    }
    scan->start_line_len = 1;
    return SCAN_START_LINE;
}

static int scan_start_line(struct http1_scan *scan, unsigned char c)
{
    const char *fault = text_fault(c, false);

    if (c == '\r') {
        return SCAN_START_LF;
    }
    if (fault != NULL) {
        return refuse_form(scan, fault);
    }
    if (scan->start_line_len == scan->limits.start_line_max) {
        return refuse(scan, 414, "start line too long");
    }
    scan->start_line_len++;
    return SCAN_START_LINE;
}

static int scan_line(struct http1_scan *scan, unsigned char c)
{
    const char *fault = text_fault(c, false);

    if (c == '\r') {
        return SCAN_LAST_LF;
    }
    if (is_blank(c)) {
        return refuse_form(scan, "line starts with a blank");
    }
    if (fault != NULL) {
        return refuse_form(scan, fault);
    }
    if (c == ':') {
        return refuse_form(scan, "empty field name");
    }
    if (!http1_is_token(c)) {
        return refuse_form(scan, "field name is no token");
    }
    if (scan->num_fields == scan->limits.fields_max) {
        return refuse(scan, 431, "too many fields");
    }
    return SCAN_NAME;
}

static int scan_name(struct http1_scan *scan, unsigned char c)
{
    if (c == ':') {
        return SCAN_VALUE;
    }
    if (is_blank(c)) {
        return refuse_form(scan, "blank before the colon");
    }
    if (c == '\r' || c == '\n') {
        return refuse_form(scan, "field without a colon");
    }
    return http1_is_token(c) ? SCAN_NAME : refuse_form(scan, "field name is no token");
}

static int scan_value(struct http1_scan *scan, unsigned char c)
{
    const char *fault = text_fault(c, true);

    if (c == '\r') {
        return SCAN_VALUE_LF;
    }
    return fault == NULL ? SCAN_VALUE : refuse_form(scan, fault);
}

static int scan_lf(struct http1_scan *scan, unsigned char c, int next)
{
    return c == '\n' ? next : refuse_form(scan, "CR without LF");
}

static int scan_byte(struct http1_scan *scan, unsigned char c)
{
    int next = SCAN_REFUSED;

    switch (scan->state) {
    case SCAN_BEGIN:
        return scan_begin(scan, c);
    case SCAN_BEGIN_LF:
        scan->skipped = true;
        return scan_lf(scan, c, SCAN_BEGIN);
    case SCAN_START_LINE:
        return scan_start_line(scan, c);
    case SCAN_START_LF:
        return scan_lf(scan, c, SCAN_LINE);
    case SCAN_LINE:
        return scan_line(scan, c);
    case SCAN_NAME:
        return scan_name(scan, c);
    case SCAN_VALUE:
        return scan_value(scan, c);
    case SCAN_VALUE_LF:
        next = scan_lf(scan, c, SCAN_LINE);
        scan->num_fields += next == SCAN_LINE;
        return next;
    case SCAN_LAST_LF:
        return scan_lf(scan, c, SCAN_DONE);
    default:
        return SCAN_REFUSED;
    }
}

void http1_scan_init(struct http1_scan *scan, const struct http1_scan_limits *limits)
{
    *scan = (struct http1_scan){.limits = *limits};
    scan->state = limits->start_line_max > 0 ? SCAN_BEGIN : SCAN_LINE;
}

enum http1_scan_status http1_scan_feed(struct http1_scan *scan, struct bytes in, size_t *out_used)
{
    size_t used = 0;

    assert(scan->state != SCAN_DONE);
    while (used < in.len && scan->state < SCAN_DONE) {
        if (scan->len == scan->limits.len_max) {
            scan->state = scan->state <= SCAN_START_LF ? refuse(scan, 414, "start line too long")
                                                       : refuse(scan, 431, "head too long");
            break;
        }
        scan->state = scan_byte(scan, in.data[used]);
        scan->len++;
        used++;
    }
    *out_used = used;
    if (scan->state == SCAN_REFUSED) {
        return HTTP1_SCAN_REFUSED;
    }
    return scan->state == SCAN_DONE ? HTTP1_SCAN_END : HTTP1_SCAN_MORE;
}
