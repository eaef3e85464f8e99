/*
 * Switches: a file is read line by line; the errors that the kernel's guest interfaces know.
 */
#include "tests/emulation/switches.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int errnum;
} errors[] = {
    {"EACCES", EACCES},         {"EBADMSG", EBADMSG}, {"EBUSY", EBUSY},   {"EEXIST", EEXIST},
    {"EFBIG", EFBIG},           {"EINTR", EINTR},     {"EINVAL", EINVAL}, {"EIO", EIO},
    {"ENOENT", ENOENT},         {"ENOMEM", ENOMEM},   {"ENOTTY", ENOTTY}, {"ENXIO", ENXIO},
    {"EOPNOTSUPP", EOPNOTSUPP}, {"EPERM", EPERM},     {"EROFS", EROFS},   {"ETIMEDOUT", ETIMEDOUT},
};

bool switches_text(const struct switches *switches, const char *name,
                   char out_value[static SWITCHES_VALUE_CAP])
{
    FILE *file = fopen(switches->path, "re");
    char line[128];
    size_t len = strlen(name);
    bool found = false;

    if (file == NULL) {
        return false;
    }
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, name, len) == 0 && line[len] == ' ') {
            (void)snprintf(out_value, SWITCHES_VALUE_CAP, "%.*s", SWITCHES_VALUE_CAP - 1,
                           line + len + 1);
            found = true;
        }
    }
    (void)fclose(file);
    return found;
}

long switches_number(const struct switches *switches, const char *name, long fallback)
{
    char value[SWITCHES_VALUE_CAP];

    return switches_text(switches, name, value) ? strtol(value, NULL, 10) : fallback;
}

int switches_errno(const struct switches *switches, const char *name)
{
    char value[SWITCHES_VALUE_CAP];

    if (!switches_text(switches, name, value)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(errors[i].name, value) == 0) {
            return errors[i].errnum;
        }
    }
    return EPROTO; /* a test that cannot spell sees something it did not expect */
}

void switches_log(const struct switches *switches, const char *event, const char *detail)
{
    char path[PATH_MAX];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s.log", switches->path);
    file = fopen(path, "ae");
    if (file != NULL) {
        (void)fprintf(file, "%s %s\n", event, detail);
        (void)fclose(file);
    }
}
