/*
 * Http1_rules: the reject table for heads.  Where RFC 9110 and 9112 leave a choice, the strict one.
 */
#include "common/http1_rules.h"

#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 18 /* of Content-Length: cannot overflow 64 bits */

static bool equal(struct bytes text, const char *want)
{
    return text.len == strlen(want) && memcmp(text.data, want, text.len) == 0;
}

static bool equal_nocase(struct bytes text, const char *want)
{
    return text.len == strlen(want) && strncasecmp((const char *)text.data, want, text.len) == 0;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(unsigned char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool refuse(struct http1_refusal *refusal, unsigned status, const char *reason)
{
    *refusal = (struct http1_refusal){.status = status, .reason = reason};
    return false;
}

/* "HTTP/1.0" or "HTTP/1.1" and nothing else. */
static bool read_version(struct bytes text, unsigned *out_minor)
{
    if (equal(text, "HTTP/1.1")) {
        *out_minor = 1;
    } else if (equal(text, "HTTP/1.0")) {
        *out_minor = 0;
    } else {
        return false;
    }
    return true;
}

static bool check_status_line(struct bytes line, unsigned *out_minor, struct http1_refusal *refusal)
{
    struct bytes version = {.data = line.data, .len = line.len < 8 ? line.len : 8};

    if (!read_version(version, out_minor)) {
        return refuse(refusal, 505, "version");
    }
    if (line.len < 12 || line.data[8] != ' ' || line.data[9] < '1' || line.data[9] > '5' ||
        !is_digit(line.data[10]) || !is_digit(line.data[11]) ||
        (line.len > 12 && line.data[12] != ' ')) {
        return refuse(refusal, 400, "status line");
    }
    return true;
}

bool http1_check_start_line(struct bytes line, bool is_response, unsigned *out_minor,
                            struct http1_refusal *out_refusal)
{
    const uint8_t *first = memchr(line.data, ' ', line.len);
    const uint8_t *end = line.data + line.len;
    const uint8_t *last = first;

    if (is_response) {
        return check_status_line(line, out_minor, out_refusal);
    }
    for (const uint8_t *c = line.data; c < end; c++) {
        last = *c == ' ' ? c : last;
    }
    /* A line of one or two words is HTTP/0.9 or older than that. */
    if (first == NULL || first == last ||
        !read_version((struct bytes){.data = last + 1, .len = (size_t)(end - last - 1)},
                      out_minor)) {
        return refuse(out_refusal, 505, "version");
    }
    if (first == line.data || last == first + 1 ||
        memchr(first + 1, ' ', (size_t)(last - first - 1)) != NULL) {
        return refuse(out_refusal, 400, "request line");
    }
    return true;
}

size_t http1_count(const struct http1_header *headers, size_t num_headers, const char *name,
                   struct bytes *out_value)
{
    size_t num = 0;

    for (size_t i = 0; i < num_headers; i++) {
        if (!equal_nocase(headers[i].name, name)) {
            continue;
        }
        if (num == 0 && out_value != NULL) {
            *out_value = headers[i].value;
        }
        num++;
    }
    return num;
}

/* Takes the next element off a comma-separated list.  False at its end. */
static bool next_token(struct bytes *list, struct bytes *out_token)
{
    const uint8_t *comma = NULL;
    struct bytes token = *list;

    if (list->data == NULL) {
        return false;
    }
    comma = memchr(list->data, ',', list->len);
    if (comma == NULL) {
        *list = (struct bytes){0};
    } else {
        token.len = (size_t)(comma - list->data);
        list->data += token.len + 1;
        list->len -= token.len + 1;
    }
    while (token.len > 0 && (token.data[0] == ' ' || token.data[0] == '\t')) {
        token.data++;
        token.len--;
    }
    while (token.len > 0 &&
           (token.data[token.len - 1] == ' ' || token.data[token.len - 1] == '\t')) {
        token.len--;
    }
    *out_token = token;
    return true;
}

/* True if any Connection field lists `token`. */
static bool connection_names(const struct http1_head *head, const char *token)
{
    for (size_t i = 0; i < head->num_headers; i++) {
        struct bytes list = head->headers[i].value;
        struct bytes item;

        if (!equal_nocase(head->headers[i].name, "connection")) {
            continue;
        }
        while (next_token(&list, &item)) {
            if (equal_nocase(item, token)) {
                return true;
            }
        }
    }
    return false;
}

/* HOST or HOST:PORT, where HOST is a name, an IPv4 address or [IPv6]: no user, path or escape. */
static bool is_authority(struct bytes text)
{
    size_t i = 0;
    size_t digits = 0;

    if (text.len > 0 && text.data[0] == '[') {
        for (i = 1; i < text.len &&
                    (is_alnum(text.data[i]) || text.data[i] == ':' || text.data[i] == '.');) {
            i++;
        }
        if (i == 1 || i == text.len || text.data[i] != ']') {
            return false;
        }
        i++;
    } else {
        while (i < text.len && (is_alnum(text.data[i]) || text.data[i] == '.' ||
                                text.data[i] == '-' || text.data[i] == '_')) {
            i++;
        }
    }
    if (i == 0 || i == text.len) {
        return i > 0;
    }
    if (text.data[i] != ':') {
        return false;
    }
    for (i++; i < text.len && is_digit(text.data[i]); i++) {
        digits++;
    }
    return i == text.len && digits >= 1 && digits <= 5;
}

/* Absolute-form (RFC 9112 section 3.2.2): its authority must be Host; becomes origin-form. */
static bool judge_absolute(struct bytes target, struct bytes host, struct bytes *out_target,
                           struct http1_refusal *refusal)
{
    static const char *const schemes[] = {"https://", "http://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t skip = strlen(schemes[i]);
        struct bytes rest = {0};
        const uint8_t *slash = NULL;

        if (target.len < skip || strncasecmp((const char *)target.data, schemes[i], skip) != 0) {
            continue;
        }
        rest = (struct bytes){.data = target.data + skip, .len = target.len - skip};
        slash = memchr(rest.data, '/', rest.len);
        *out_target = (struct bytes){.data = (const uint8_t *)"/", .len = 1};
        if (slash != NULL) {
            out_target->data = slash;
            out_target->len = (size_t)(rest.data + rest.len - slash);
            rest.len = (size_t)(slash - rest.data);
        }
        if (rest.len == 0 || rest.len != host.len ||
            strncasecmp((const char *)rest.data, (const char *)host.data, rest.len) != 0) {
            return refuse(refusal, 400, "target and Host differ");
        }
        return true;
    }
    return refuse(refusal, 400, "target form");
}

static bool judge_target(const struct http1_head *head, struct bytes host,
                         struct http1_judgement *judgement, struct http1_refusal *refusal)
{
    struct bytes target = head->target;

    for (size_t i = 0; i < target.len; i++) {
        if (target.data[i] < 0x21 || target.data[i] > 0x7e || target.data[i] == '#') {
            return refuse(refusal, 400, "byte in target");
        }
    }
    judgement->target = target;
    if (target.len > 0 && target.data[0] == '/') {
        return true;
    }
    if (equal(target, "*") && strcmp(head->method, "OPTIONS") == 0) {
        return true;
    }
    return judge_absolute(target, host, &judgement->target, refusal);
}

static bool judge_request(const struct http1_head *head, struct http1_judgement *judgement,
                          struct http1_refusal *refusal)
{
    struct bytes host = {0};
    struct bytes expect = {0};
    size_t num_hosts = http1_count(head->headers, head->num_headers, "host", &host);
    size_t num_expects = http1_count(head->headers, head->num_headers, "expect", &expect);

    if (strcmp(head->method, "CONNECT") == 0 || strcmp(head->method, "TRACE") == 0) {
        return refuse(refusal, 405, "method");
    }
    if (num_hosts > 1 || (num_hosts == 0 && head->minor == 1)) {
        return refuse(refusal, 400, "need one Host");
    }
    if (num_hosts == 1 && !is_authority(host)) {
        return refuse(refusal, 400, "Host is no plain authority");
    }
    if (!judge_target(head, host, judgement, refusal)) {
        return false;
    }
    if (num_expects > 1 || (num_expects == 1 && !equal_nocase(expect, "100-continue"))) {
        return refuse(refusal, 417, "Expect");
    }
    return true;
}

/* The one Content-Length, digits only (RFC 9110 section 8.6). */
static bool read_length(struct bytes text, uint64_t *out_length)
{
    uint64_t length = 0;

    if (text.len == 0 || text.len > LENGTH_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out_length = length;
    return true;
}

/* RFC 9112 section 6.3, without its leniencies. */
static bool judge_framing(const struct http1_head *head, struct http1_judgement *judgement,
                          struct http1_refusal *refusal)
{
    struct bytes encoding = {0};
    struct bytes length = {0};
    size_t encodings =
        http1_count(head->headers, head->num_headers, "transfer-encoding", &encoding);
    size_t lengths = http1_count(head->headers, head->num_headers, "content-length", &length);

    if (encodings > 0 && lengths > 0) {
        return refuse(refusal, 400, "Transfer-Encoding and Content-Length");
    }
    if (encodings > 1 || (encodings == 1 && !equal(encoding, "chunked"))) {
        return refuse(refusal, 400, "Transfer-Encoding other than chunked");
    }
    if (encodings == 1 && head->minor == 0) {
        return refuse(refusal, 400, "Transfer-Encoding in HTTP/1.0");
    }
    if (lengths > 1 || (lengths == 1 && !read_length(length, &judgement->length))) {
        return refuse(refusal, 400, "Content-Length");
    }
    if (head->is_response && (head->status < 200 || head->status == 204 || head->status == 304)) {
        judgement->framing = HTTP1_NO_BODY; /* whatever the fields say */
    } else if (encodings == 1) {
        judgement->framing = HTTP1_CHUNKED;
    } else if (lengths == 1) {
        judgement->framing = judgement->length > 0 ? HTTP1_LENGTH : HTTP1_NO_BODY;
    } else {
        judgement->framing = head->is_response ? HTTP1_UNTIL_CLOSE : HTTP1_NO_BODY;
    }
    return true;
}

bool http1_judge(const struct http1_head *head, struct http1_judgement *out_judgement,
                 struct http1_refusal *out_refusal)
{
    static const char *const framing_fields[] = {"host", "content-length", "transfer-encoding"};
    struct http1_judgement judgement = {0};

    if (!head->is_response && !judge_request(head, &judgement, out_refusal)) {
        return false;
    }
    if (!judge_framing(head, &judgement, out_refusal)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(framing_fields) / sizeof(framing_fields[0]); i++) {
        if (connection_names(head, framing_fields[i])) {
            return refuse(out_refusal, 400, "Connection names a framing field");
        }
    }
    if (!head->is_response && judgement.framing != HTTP1_NO_BODY &&
        http1_count(head->headers, head->num_headers, "upgrade", NULL) > 0) {
        return refuse(out_refusal, 400, "Upgrade with a body");
    }
    judgement.keep_alive = head->minor == 1 && judgement.framing != HTTP1_UNTIL_CLOSE &&
                           !connection_names(head, "close");
    *out_judgement = judgement;
    return true;
}
