/*
 * Settings_text: one check for each text kind.  Form only: whether a file, host or section exists
 * is found out by whoever uses it.
 */
#include "config/settings_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns_name.h"
#include "common/err.h"
#include "common/prefix.h"
#include "common/sockets.h"
#include "common/spiffe.h"
#include "config/settings_describe.h"

#define ALPN_NAME_MAX 255 /* bytes (RFC 7301 section 3.1) */

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char host_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-."
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool is_path(const char *text)
{
    return text[0] != '\0' && strpbrk(text, " \t") == NULL;
}

static bool is_stored(const struct setting *row, const char *text)
{
    size_t prefix = strlen(row->choices);

    return strncmp(text, row->choices, prefix) == 0 && is_path(text + prefix);
}

static bool is_host(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < SOCKETS_HOST_CAP && strspn(text, host_chars) == len;
}

static bool is_place(const char *text)
{
    struct sockets_address address;
    struct err err;

    return sockets_handed_over(text) != NULL || sockets_parse(text, &address, &err) == 0;
}

static bool is_address(const char *text)
{
    struct sockets_address address;
    struct err err;

    return sockets_parse(text, &address, &err) == 0 && sockets_is_ip(&address);
}

/* True if it names one place to connect to. */
static bool is_target(const char *text)
{
    struct sockets_address address;
    struct err err;

    if (sockets_parse(text, &address, &err) != 0) {
        return false;
    }
    switch (sockets_family(&address)) {
    case AF_UNIX:
        return true;
    case AF_VSOCK:
        return address.u.vm.svm_port != 0 && address.u.vm.svm_cid != VMADDR_CID_ANY;
    default:
        return sockets_port(&address) != 0;
    }
}

/* The number of a user, in the one way to write it; the last one means none. */
static bool is_uid(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 10 && strspn(text, "0123456789") == len &&
           (text[0] != '0' || len == 1) && strtoull(text, NULL, 10) < UINT32_MAX;
}

static bool is_prefix(const char *text)
{
    struct prefix prefix;
    struct err err;

    return prefix_parse(text, &prefix, &err) == 0;
}

/* HOST:PORT or [IPv6]:PORT with a port that can be connected to. */
static bool is_host_and_port(const char *text)
{
    char host[SOCKETS_HOST_CAP];
    struct err err;
    uint16_t port = 0;

    if (sockets_split(text, host, &port, &err) != 0 || port == 0) {
        return false;
    }
    return text[0] == '[' ? is_address(text) : is_host(host);
}

static bool is_url(const char *text)
{
    static const char scheme[] = "https://";
    size_t skip = sizeof(scheme) - 1;

    return strncmp(text, scheme, skip) == 0 && is_host_and_port(text + skip);
}

static bool is_origin(const char *text)
{
    const char *rest = strstr(text, "://");
    size_t scheme = rest != NULL ? (size_t)(rest - text) : 0;

    if (strcmp(text, "none") == 0) {
        return true;
    }
    if (rest == NULL ||
        (strncmp(text, "https", scheme) != 0 && strncmp(text, "http", scheme) != 0) ||
        scheme < strlen("http")) {
        return false;
    }
    rest += strlen("://");
    return is_host(rest) || is_host_and_port(rest);
}

static bool is_alpn(const char *text)
{
    for (;;) {
        size_t len = strcspn(text, ",");

        if (len == 0 || len > ALPN_NAME_MAX || strcspn(text, " \t") < len) {
            return false;
        }
        if (text[len] == '\0') {
            return true;
        }
        text += len + 1;
    }
}

static bool is_hex(const struct setting *row, const char *text)
{
    size_t len = strlen(text);

    return len % 2 == 0 && len / 2 >= row->min && len / 2 <= row->max &&
           strspn(text, "0123456789abcdef") == len;
}

static bool is_name(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= INI_NAME_MAX && strspn(text, name_chars) == len;
}

static bool is_valid(const struct setting *row, const char *text)
{
    switch (row->kind) {
    case SETTING_PATH:
        return is_path(text);
    case SETTING_STORED:
        return is_stored(row, text);
    case SETTING_HOST:
        return is_host(text);
    case SETTING_DNS_NAME:
        return dns_name_valid((struct bytes){(const uint8_t *)text, strlen(text)});
    case SETTING_ADDRESS:
        return is_address(text);
    case SETTING_LISTEN:
        return is_place(text);
    case SETTING_TARGET:
        return is_target(text);
    case SETTING_ENDPOINT:
        return is_host_and_port(text) || (is_target(text) && !is_address(text));
    case SETTING_URL:
        return is_url(text);
    case SETTING_ORIGIN:
        return is_origin(text);
    case SETTING_ALPN:
        return is_alpn(text);
    case SETTING_TRUST_DOMAIN:
        return spiffe_trust_domain_valid(text, strlen(text));
    case SETTING_SERVICE:
        return spiffe_path_valid(text, strlen(text));
    case SETTING_SPIFFE_ID:
        return spiffe_id_valid(text, strlen(text));
    case SETTING_HEX:
        return is_hex(row, text);
    case SETTING_UID:
        return is_uid(text);
    case SETTING_PREFIX:
        return is_prefix(text);
    case SETTING_NAME:
        return is_name(text);
    case SETTING_LINE:
        return text[0] != '\0';
    case SETTING_CHOICE:
    case SETTING_BOOL:
    case SETTING_NUMBER:
    case SETTING_FLOOR:
    case SETTING_DURATION:
    case SETTING_SIZE:
        break;
    }
    return false; /* no text */
}

int settings_text_check(const struct setting *row, const char *text, struct err *err)
{
    /* What is printed must fit a line again. */
    if (strlen(row->key) + strlen(" = ") + strlen(text) > INI_LINE_MAX) {
        return err_set(err, ERR_INVALID, "too long");
    }
    return is_valid(row, text) ? 0 : settings_describe_need(row, err);
}
