/*
 * Settings_text: one check for each text kind.  Form only: whether a file, host or section exists
 * is found out by whoever uses it.
 */
#include "config/settings_text.h"

#include <stdint.h>
#include <string.h>

#include "common/err.h"
#include "common/sockets.h"
#include "common/spiffe.h"

#define ALPN_NAME_MAX 255 /* bytes (RFC 7301 section 3.1) */

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char host_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-."
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static int need(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "need %s", what);
}

static int check_path(const char *text, struct err *err)
{
    return strpbrk(text, " \t") == NULL ? 0 : need(err, "a path without blanks");
}

static int check_stored(const struct setting *row, const char *text, struct err *err)
{
    size_t prefix = strlen(row->choices);

    if (strncmp(text, row->choices, prefix) != 0 || text[prefix] == '\0') {
        return err_set(err, ERR_INVALID, "need %sPATH; nothing else is in this release",
                       row->choices);
    }
    return check_path(text + prefix, err);
}

static bool is_host(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < SOCKETS_HOST_CAP && strspn(text, host_chars) == len;
}

static int refuse_other_families(const char *text, struct err *err)
{
    if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "vsock:", 6) == 0) {
        return err_set(err, ERR_INVALID, "unix: and vsock: are not in this release");
    }
    return 0;
}

static int check_address(const char *text, struct err *err)
{
    struct sockets_address address;

    if (refuse_other_families(text, err) != 0) {
        return -1;
    }
    if (sockets_parse(text, &address, err) != 0) {
        return need(err, "IPv4:PORT or [IPv6]:PORT");
    }
    return 0;
}

/* HOST:PORT or [IPv6]:PORT with a port that can be connected to. */
static bool is_endpoint(const char *text)
{
    char host[SOCKETS_HOST_CAP];
    struct sockets_address address;
    struct err err;
    uint16_t port = 0;

    if (sockets_split(text, host, &port, &err) != 0 || port == 0) {
        return false;
    }
    return text[0] == '[' ? sockets_parse(text, &address, &err) == 0 : is_host(host);
}

static int check_endpoint(const char *text, struct err *err)
{
    if (refuse_other_families(text, err) != 0) {
        return -1;
    }
    return is_endpoint(text) ? 0 : need(err, "HOST:PORT");
}

static int check_url(const char *text, struct err *err)
{
    static const char scheme[] = "https://";
    size_t skip = sizeof(scheme) - 1;

    if (strncmp(text, scheme, skip) != 0 || !is_endpoint(text + skip)) {
        return need(err, "https://HOST:PORT");
    }
    return 0;
}

static int check_alpn(const char *text, struct err *err)
{
    for (;;) {
        size_t len = strcspn(text, ",");

        if (len == 0 || len > ALPN_NAME_MAX || strcspn(text, " \t") < len) {
            return need(err, "protocol names, with a comma and no blanks between");
        }
        if (text[len] == '\0') {
            return 0;
        }
        text += len + 1;
    }
}

static int check_hex(const struct setting *row, const char *text, struct err *err)
{
    size_t len = strlen(text);

    if (len % 2 == 0 && len / 2 >= row->min && len / 2 <= row->max &&
        strspn(text, "0123456789abcdef") == len) {
        return 0;
    }
    return err_set(err, ERR_INVALID, "need %u lower-case hex digits", (unsigned)row->max * 2);
}

static int check_name(const char *text, struct err *err)
{
    size_t len = strlen(text);

    return len <= INI_NAME_MAX && strspn(text, name_chars) == len
               ? 0
               : need(err, "names of sections, of a-z, 0-9 and '-'");
}

int settings_text_check(const struct setting *row, const char *text, struct err *err)
{
    size_t len = strlen(text);

    /* What is printed must fit a line again. */
    if (strlen(row->key) + strlen(" = ") + len > INI_LINE_MAX) {
        return err_set(err, ERR_INVALID, "too long");
    }
    switch (row->kind) {
    case SETTING_PATH:
        return check_path(text, err);
    case SETTING_STORED:
        return check_stored(row, text, err);
    case SETTING_HOST:
        return is_host(text) ? 0 : need(err, "a host name");
    case SETTING_ADDRESS:
        return check_address(text, err);
    case SETTING_ENDPOINT:
        return check_endpoint(text, err);
    case SETTING_URL:
        return check_url(text, err);
    case SETTING_ALPN:
        return check_alpn(text, err);
    case SETTING_TRUST_DOMAIN:
        return spiffe_trust_domain_valid(text, len) ? 0 : need(err, "a trust domain");
    case SETTING_SERVICE:
        return spiffe_path_valid(text, len) ? 0 : need(err, "a path such as payments/api");
    case SETTING_SPIFFE_ID:
        return spiffe_id_valid(text, len) ? 0 : need(err, "spiffe://TRUST-DOMAIN/PATH");
    case SETTING_HEX:
        return check_hex(row, text, err);
    case SETTING_NAME:
        return check_name(text, err);
    case SETTING_CHOICE:
    case SETTING_BOOL:
    case SETTING_NUMBER:
    case SETTING_FLOOR:
    case SETTING_DURATION:
    case SETTING_SIZE:
        break;
    }
    return err_set(err, ERR_INVALID, "not a text");
}
