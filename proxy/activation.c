/*
 * Activation: which descriptor has which name.
 */
#include "proxy/activation.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

struct activation activation_from_environment(void)
{
    return (struct activation){
        .pid = getenv("LISTEN_PID"),
        .fds = getenv("LISTEN_FDS"),
        .names = getenv("LISTEN_FDNAMES"),
    };
}

/* Digits alone; -1 for anything else. */
static long activation_number(const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len > 0 && len <= 10 && strspn(text, "0123456789") == len ? strtol(text, NULL, 10) : -1;
}

int activation_find(const struct activation *activation, long pid, const char *name,
                    struct err *err)
{
    long num = activation_number(activation->fds);
    const char *next = activation->names != NULL ? activation->names : "";
    int found = -1;

    if (activation_number(activation->pid) != pid || num <= 0 || num > ACTIVATION_FDS_MAX) {
        return err_set(err, ERR_INVALID, "systemd:%s: no socket was handed over", name);
    }
    for (int i = 0; i < num; i++) {
        size_t len = strcspn(next, ":");

        if (len == strlen(name) && memcmp(next, name, len) == 0) {
            if (found >= 0) {
                return err_set(err, ERR_INVALID, "systemd:%s: several sockets have this name",
                               name);
            }
            found = ACTIVATION_FD_FIRST + i;
        }
        next += next[len] == ':' ? len + 1 : len;
    }
    if (found < 0) {
        return err_set(err, ERR_INVALID, "systemd:%s: no socket of this name was handed over",
                       name);
    }
    return found;
}
