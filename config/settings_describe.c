/*
 * Settings_describe: what a row takes, in words: the same in errors and in the help text.
 */
#include "config/settings_describe.h"

#include <inttypes.h>
#include <string.h>

#include "common/err.h"
#include "config/settings_quantity.h"

/* "one of a, b" from "a|b" */
static void describe_choices(const char *choices, char out[static SETTINGS_VALUE_CAP])
{
    size_t used = (size_t)snprintf(out, SETTINGS_VALUE_CAP, "one of ");

    for (; *choices != '\0' && used < SETTINGS_VALUE_CAP - 3; choices++) {
        if (*choices == '|') {
            out[used++] = ',';
            out[used++] = ' ';
        } else {
            out[used++] = *choices;
        }
    }
    out[used] = '\0';
}

static void describe_quantity(const struct setting *row, char out[static SETTINGS_VALUE_CAP])
{
    bool is_duration = row->kind == SETTING_DURATION;
    uint64_t least = row->min > 0 ? row->min : is_duration ? 1 : 1024;
    char min[SETTINGS_VALUE_CAP];
    char max[SETTINGS_VALUE_CAP];

    settings_quantity_write(row, least, min);
    settings_quantity_write(row, row->max, max);
    snprintf(out, SETTINGS_VALUE_CAP, "a %s from %.32s to %.32s%s (%s)",
             is_duration ? "duration" : "size", min, max, row->min == 0 ? ", or off" : "",
             is_duration ? "ms, s, min, h, d" : "KiB, MiB, GiB");
}

void settings_describe(const struct setting *row, char out[static SETTINGS_VALUE_CAP])
{
    static const char *const texts[] = {
        [SETTING_PATH] = "a path without blanks",
        [SETTING_HOST] = "a host name",
        [SETTING_DNS_NAME] = "a DNS name without wildcard",
        [SETTING_ADDRESS] = "IPv4:PORT or [IPv6]:PORT",
        [SETTING_LISTEN] = "IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME",
        [SETTING_TARGET] = "IPv4:PORT, [IPv6]:PORT, unix:/PATH or vsock:CID:PORT",
        [SETTING_ENDPOINT] = "HOST:PORT, unix:/PATH or vsock:CID:PORT",
        [SETTING_URL] = "https://HOST:PORT",
        [SETTING_ORIGIN] = "none, https://HOST or https://HOST:PORT, or the same with http",
        [SETTING_ALPN] = "protocol names, with a comma and no blanks between",
        [SETTING_TRUST_DOMAIN] = "a trust domain",
        [SETTING_SERVICE] = "a path such as payments/api",
        [SETTING_SPIFFE_ID] = "spiffe://TRUST-DOMAIN/PATH",
        [SETTING_UID] = "the number of a user, 0 to 4294967294",
        [SETTING_PREFIX] = "an address or ADDRESS/BITS, with no bit set behind those",
        [SETTING_NAME] = "names of sections, of a-z, 0-9 and '-'",
        [SETTING_LINE] = "words with blanks between",
    };

    switch (row->kind) {
    case SETTING_CHOICE:
        describe_choices(row->choices, out);
        break;
    case SETTING_BOOL:
        describe_choices("no|yes", out);
        break;
    case SETTING_DURATION:
    case SETTING_SIZE:
        describe_quantity(row, out);
        break;
    case SETTING_NUMBER:
    case SETTING_FLOOR:
        snprintf(out, SETTINGS_VALUE_CAP, "a number from %" PRIu64 " to %" PRIu64, row->min,
                 row->max);
        break;
    case SETTING_HEX:
        snprintf(out, SETTINGS_VALUE_CAP, "%" PRIu64 " lower-case hex digits", row->max * 2);
        break;
    case SETTING_STORED:
        snprintf(out, SETTINGS_VALUE_CAP, "%sPATH; nothing else is in this release", row->choices);
        break;
    case SETTING_PATH:
    case SETTING_HOST:
    case SETTING_DNS_NAME:
    case SETTING_ADDRESS:
    case SETTING_LISTEN:
    case SETTING_TARGET:
    case SETTING_ENDPOINT:
    case SETTING_URL:
    case SETTING_ORIGIN:
    case SETTING_ALPN:
    case SETTING_TRUST_DOMAIN:
    case SETTING_SERVICE:
    case SETTING_SPIFFE_ID:
    case SETTING_UID:
    case SETTING_PREFIX:
    case SETTING_NAME:
    case SETTING_LINE:
        snprintf(out, SETTINGS_VALUE_CAP, "%s", texts[row->kind]);
        break;
    }
}

int settings_describe_need(const struct setting *row, struct err *err)
{
    char need[SETTINGS_VALUE_CAP];

    settings_describe(row, need);
    return err_set(err, ERR_INVALID, "need %s", need);
}
