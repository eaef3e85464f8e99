/*
 * Http1_write: the serialisers of common/http1.h.  Heads are written field by field, never copied.
 */
#include "common/http1.h"

#include <stdio.h>
#include <time.h>

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {204, "No Content"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *phrase_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "";
}

/* IMF-fixdate (RFC 9110 section 5.6.7), whatever the locale. */
static bool put_date(struct buf *out, int64_t now)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)now;
    struct tm utc;

    if (gmtime_r(&seconds, &utc) == NULL) {
        return false;
    }
    return buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[utc.tm_wday],
                      utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                      utc.tm_sec);
}

static bool put_content_type(struct buf *out, const char *content_type)
{
    return content_type == NULL || buf_printf(out, "Content-Type: %s\r\n", content_type);
}

bool http1_put_response(struct buf *out, unsigned status, int64_t now, const char *content_type,
                        size_t content_len, bool keep_alive, const char *fields)
{
    size_t before = out->len;

    if (buf_printf(out, "HTTP/1.1 %03u %s\r\n", status, phrase_of(status)) && put_date(out, now) &&
        put_content_type(out, content_type) &&
        buf_printf(out, "Content-Length: %zu\r\n%s%s\r\n", content_len,
                   keep_alive ? "" : "Connection: close\r\n", fields != NULL ? fields : "")) {
        return true;
    }
    out->len = before;
    return false;
}

bool http1_put_request(struct buf *out, const struct http1_request *request)
{
    size_t before = out->len;
    bool has_body = request->content_type != NULL;

    if (buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", request->method, request->target,
                   request->host) &&
        put_content_type(out, request->content_type) &&
        (!has_body || buf_printf(out, "Content-Length: %zu\r\n", request->content_len)) &&
        buf_printf(out, "%s\r\n", request->fields != NULL ? request->fields : "")) {
        return true;
    }
    out->len = before;
    return false;
}
