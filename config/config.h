/*
 * Config: the sidecar's settings, as config/liftgate.conf.5 describes them.
 *
 * Only the program's main and setup see this struct; everything else takes options of its own.
 * A config that loaded has passed every check that needs no file but its own: addresses and names
 * are well-formed, every peer that a route names exists, and nothing insecure goes unsaid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/compiler.h"
#include "config/config_sections.h"
#include "config/settings.h"

struct err;

#define CONFIG_ROUTES_MAX 64 /* ingress and egress together */
#define CONFIG_PEERS_MAX 256
#define CONFIG_SOURCES_MAX 16   /* networks in one list */
#define CONFIG_ORIGINALS_MAX 16 /* addresses that an egress stands in for */
#define CONFIG_UIDS_MAX 16      /* users of an egress */

struct config {
    struct config_identity identity;
    struct config_ingress *ingresses;
    size_t num_ingresses;
    struct config_egress *egresses;
    size_t num_egresses;
    struct config_peer *peers;
    size_t num_peers;
    struct config_limits limits;
    struct config_process process;
    struct config_admin admin;
    struct config_log log;
};

/* Reads and checks a file.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or ERR_IO.
   Blocks. */
struct config *config_load(const char *path, struct err *err);

/* As config_load(), for a process that runs with `before`: what needs a restart must not differ
   from it, and other files only be named if it may read them (NULL: any). */
struct config *config_load_next(const char *path, const struct config *before,
                                bool (*may_read)(const char *path), struct err *err);

/* As config_load(), from memory; `name` stands for the file in messages. */
struct config *config_parse(const char *name, const char *text, size_t len, struct err *err);
void config_free(struct config *config); /* accepts NULL */

#define CONFIG_DIGEST_LEN 32

/* An [ingress NAME] or [egress NAME]. */
struct config_route {
    const char *kind;
    const void *section;
    bool handed_over; /* its socket is not made here */
};

enum config_digest_of {
    CONFIG_DIGEST_SETTINGS, /* of what a connection may notice */
    CONFIG_DIGEST_DOOR,     /* of what its listening socket is */
};

/* The same for two configurations if and only if these settings are.  ERR_LIMIT. */
MUST_CHECK int config_digest(const struct config *config, const struct config_route *route,
                             enum config_digest_of of, uint8_t out[static CONFIG_DIGEST_LEN],
                             struct err *err);

/* As settings_print(). */
MUST_CHECK int config_print(const struct config *config, FILE *out, struct err *err);

/* Writes every section and key with bounds, fallback and meaning. */
void config_help(FILE *out);

/* As settings_insecure(). */
unsigned config_insecure(const struct config *config, settings_insecure_found *found);

/* Every key, for the test of the manual. */
const struct settings_table *config_table(void);
