/*
 * Notify: the order and the words of what a service manager is told.
 */
#include "proxy/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "common/compiler.h"

#define NOTIFY_EXTEND_EVERY_US 10000000
#define NOTIFY_EXTEND_BY_US 30000000

/* One more line, with an LF before it unless it is the first. */
static void notify_add(char out[static NOTIFY_CAP], size_t *len, const char *format, ...)
    PRINTF(3, 4);

static void notify_add(char out[static NOTIFY_CAP], size_t *len, const char *format, ...)
{
    va_list args;
    int added = 0;

    if (*len > 0 && *len < NOTIFY_CAP - 1) {
        out[(*len)++] = '\n';
    }
    va_start(args, format);
    added = vsnprintf(out + *len, NOTIFY_CAP - *len, format, args);
    va_end(args);
    if (added > 0) {
        *len += (size_t)added < NOTIFY_CAP - *len ? (size_t)added : NOTIFY_CAP - 1 - *len;
    }
}

static void notify_add_identity(char out[static NOTIFY_CAP], size_t *len,
                                const struct notify_facts *facts)
{
    char until[32] = "";
    time_t time = (time_t)facts->not_after;
    struct tm utc;

    if (gmtime_r(&time, &utc) != NULL) {
        (void)strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    notify_add(out, len, "STATUS=%s %s", facts->is_valid ? "identity until" : "identity expired",
               until);
}

/* Starting and stopping may take longer than the manager's patience. */
static void notify_add_extension(const struct notify_facts *facts, char out[static NOTIFY_CAP],
                                 size_t *len, struct notify *said)
{
    if (said->extended_us == 0 || facts->now_us - said->extended_us >= NOTIFY_EXTEND_EVERY_US) {
        notify_add(out, len, "EXTEND_TIMEOUT_USEC=%d", NOTIFY_EXTEND_BY_US);
        said->extended_us = facts->now_us;
    }
}

static void notify_add_phase(const struct notify_facts *facts, char out[static NOTIFY_CAP],
                             size_t *len, struct notify *said)
{
    bool is_new = said->phase != facts->phase;

    switch (facts->phase) {
    case NOTIFY_NOTHING:
        break;
    case NOTIFY_STARTING:
        if (is_new) {
            notify_add(out, len, "STATUS=waiting for the first identity");
        }
        notify_add_extension(facts, out, len, said);
        break;
    case NOTIFY_READY:
        if (is_new) {
            notify_add(out, len, "READY=1");
        }
        if (is_new || said->not_after != facts->not_after || said->was_valid != facts->is_valid) {
            notify_add_identity(out, len, facts);
        }
        break;
    case NOTIFY_RELOADING:
        if (is_new) {
            notify_add(out, len, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading",
                       facts->now_us);
        }
        break;
    case NOTIFY_STOPPING:
        if (is_new) {
            notify_add(out, len, "STOPPING=1\nSTATUS=draining");
            said->extended_us = 0;
        }
        notify_add_extension(facts, out, len, said);
        break;
    }
}

size_t notify_next(const struct notify *said, const struct notify_facts *facts,
                   uint64_t watchdog_us, char out[static NOTIFY_CAP], struct notify *out_said)
{
    size_t len = 0;

    *out_said = *said;
    out[0] = '\0';
    notify_add_phase(facts, out, &len, out_said);
    if (watchdog_us > 0 && facts->workers_alive && facts->phase != NOTIFY_NOTHING &&
        facts->now_us - said->fed_us >= watchdog_us / 2) {
        notify_add(out, &len, "WATCHDOG=1");
        out_said->fed_us = facts->now_us;
    }
    out_said->phase = facts->phase;
    out_said->not_after = facts->not_after;
    out_said->was_valid = facts->is_valid;
    return len;
}
