/*
 * Fuzz ini: whatever comes through the reader is what its header promises.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "common/err.h"
#include "common/ini.h"

static int on_section(void *user, const char *kind, const char *name, unsigned line,
                      struct err *err)
{
    assert(kind[0] != '\0' && strchr(kind, ' ') == NULL);
    assert(strlen(name) <= INI_NAME_MAX);
    assert(line > 0);
    return 0;
}

static int on_key(void *user, const struct ini_key *key, struct err *err)
{
    size_t *keys = user;

    assert(key->kind[0] != '\0');
    assert(key->key[0] != '\0' &&
           key->key[strspn(key->key, "abcdefghijklmnopqrstuvwxyz_")] == '\0');
    assert(key->value[0] != '\0' && strlen(key->value) <= INI_LINE_MAX);
    assert(strchr(key->value, '"') == NULL);
    if (++*keys == 1000) {
        return err_set(err, ERR_INVALID, "stopped from inside");
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t keys = 0;
    const struct ini_callbacks callbacks = {
        .on_section = on_section, .on_key = on_key, .user = &keys};
    struct err err = {0};

    if (ini_parse_text("fuzz", (const char *)data, len, &callbacks, &err) != 0) {
        assert(err.code != 0 && err.msg[0] != '\0');
    }
    return 0;
}
