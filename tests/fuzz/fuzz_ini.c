/*
 * Fuzz ini: whatever comes through the reader is what its header promises, and the settings of the
 * sidecar and the CA that read the same text either load whole or say why not.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/ini.h"
#include "config/ca_config.h"
#include "config/config.h"

#define KEYS_MAX 1000

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
    if (++*keys == KEYS_MAX) {
        return err_set(err, ERR_INVALID, "stopped from inside");
    }
    return 0;
}

/* A config that loads is printed as a file that loads, with the same print. */
static void round_trip(struct config *config)
{
    char *once = NULL;
    char *twice = NULL;
    size_t len = 0;
    size_t again = 0;
    struct err err = {0};
    FILE *out = open_memstream(&once, &len);

    assert(out != NULL);
    assert(config_print(config, out, &err) == 0);
    fclose(out);
    config_free(config);
    config = config_parse("printed", once, len, &err);
    assert(config != NULL);
    out = open_memstream(&twice, &again);
    assert(out != NULL);
    assert(config_print(config, out, &err) == 0);
    fclose(out);
    config_free(config);
    assert(len == again && memcmp(once, twice, len) == 0);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t keys = 0;
    const struct ini_callbacks callbacks = {
        .on_section = on_section, .on_key = on_key, .user = &keys};
    struct err err = {0};
    struct config *config = NULL;
    struct ca_config *ca_config = NULL;

    if (ini_parse_text("fuzz", (const char *)data, len, &callbacks, &err) != 0) {
        assert(err.code != 0 && err.msg[0] != '\0');
    }
    config = config_parse("fuzz", (const char *)data, len, &err);
    assert(config != NULL || err.msg[0] != '\0');
    if (config != NULL) {
        round_trip(config);
    }
    ca_config = ca_config_parse("fuzz", (const char *)data, len, &err);
    assert(ca_config != NULL || err.msg[0] != '\0');
    ca_config_free(ca_config);
    return 0;
}
