/*
 * Monitor: /livez, /readyz and /metrics, on a listener of their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/conn.h"
#include "ca/counters.h"
#include "common/compiler.h"

struct kds;
struct upkeep;
struct listener;

/* What the answers are made of; borrowed, read when somebody asks. */
struct monitor {
    const struct counters *counters;
    struct listener *const *listener; /* of the service; points to NULL until it runs */
    const char *policy_id;
    uint64_t policy_epoch;
    bool sim_enabled;
    const struct kds *kds; /* NULL: off */
    const struct upkeep *upkeep;
    unsigned insecure_settings;
    unsigned limits_off;
    int64_t root_not_after; /* seconds since 1970 */
    int64_t issuing_not_after;
    int64_t server_not_after;
};

/* A conn_on_request; `user` is a struct monitor. */
void monitor_on_request(void *user, struct conn *conn, unsigned refused_status);
