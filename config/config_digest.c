/*
 * Config_digest: what of a route has changed between two configurations.  Compares by the table, so
 * that a new key counts as something that connections notice until it is said here that it is not.
 */
#include "config/config.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/err.h"
#include "config/settings_value.h"

static bool is_one_of(const struct setting *row, const char *const keys[], size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (strcmp(row->key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(row, keys) is_one_of(row, keys, sizeof(keys) / sizeof(keys[0]))

/* What a listening socket is made from.  The last two are judged when one is handed over. */
static bool is_of_door(const struct setting *row, bool handed_over)
{
    static const char *const keys[] = {"listen", "listen_mode", "transparent"};
    static const char *const judged[] = {"insecure_remote_callers", "on_truncation"};

    return IS_ONE_OF(row, keys) || (handed_over && IS_ONE_OF(row, judged));
}

/* Not what says who is let in, which is judged anew, nor what holds for all connections together.
 */
static bool is_noticed(const struct setting *row)
{
    static const char *const keys[] = {
        "listen",         "listen_mode",
        "allow",          "expect",
        "alpn",           "max_connections",
        "max_handshakes", "max_connections_per_listener",
        "buffer_memory",  "max_connections_per_source",
        "drain_delay",    "drain_timeout",
    };

    return !IS_ONE_OF(row, keys);
}

static void add_values(EVP_MD_CTX *digest, const struct setting *row, const void *section)
{
    const uint8_t *field = (const uint8_t *)section + row->offset;
    size_t num = settings_value_count(row, field);

    for (size_t i = 0; i < num; i++) {
        char value[SETTINGS_VALUE_CAP];

        settings_value_write(row, field, i, value);
        (void)EVP_DigestUpdate(digest, row->key, strlen(row->key) + 1);
        (void)EVP_DigestUpdate(digest, value, strlen(value) + 1);
    }
}

static bool enters(const struct setting *row, const char *kind, enum config_digest_of of,
                   bool handed_over)
{
    bool is_own = strcmp(row->section, kind) == 0;

    switch (of) {
    case CONFIG_DIGEST_DOOR:
        return is_own && is_of_door(row, handed_over);
    case CONFIG_DIGEST_SETTINGS:
        return (is_own || strcmp(row->section, "limits") == 0) && is_noticed(row);
    }
    return true;
}

int config_digest(const struct config *config, const struct config_route *route,
                  enum config_digest_of of, uint8_t out[static CONFIG_DIGEST_LEN], struct err *err)
{
    const struct settings_table *table = config_table();
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        bool is_own = strcmp(row->section, route->kind) == 0;

        if (enters(row, route->kind, of, route->handed_over)) {
            add_values(digest, row, is_own ? route->section : &config->limits);
        }
    }
    ok = ok && EVP_DigestFinal_ex(digest, out, NULL) == 1;
    EVP_MD_CTX_free(digest);
    return ok ? 0 : err_set(err, ERR_LIMIT, "out of memory");
}
