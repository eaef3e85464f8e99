/*
 * Request: writes count, and the first read of either blob has a report made.
 */
#include "tests/emulation/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/collect.h"
#include "attest/report.h"
#include "common/err.h"

#define LEVEL_MAX 3

static const struct {
    const char *name;
    bool writable;
} attributes[] = {
    [ATTRIBUTE_INBLOB] = {"inblob", true},          [ATTRIBUTE_OUTBLOB] = {"outblob", false},
    [ATTRIBUTE_AUXBLOB] = {"auxblob", false},       [ATTRIBUTE_PROVIDER] = {"provider", false},
    [ATTRIBUTE_GENERATION] = {"generation", false}, [ATTRIBUTE_PRIVLEVEL] = {"privlevel", true},
    [ATTRIBUTE_FLOOR] = {"privlevel_floor", false},
};

const char *request_attribute_name(enum attribute attribute)
{
    return attributes[attribute].name;
}

bool request_attribute_writable(enum attribute attribute)
{
    return attributes[attribute].writable;
}

bool request_attribute_there(const struct request_world *world, enum attribute attribute)
{
    return (attribute != ATTRIBUTE_PRIVLEVEL && attribute != ATTRIBUTE_FLOOR) ||
           switches_number(&world->switches, "no_levels", 0) == 0;
}

static unsigned floor_of(const struct request_world *world)
{
    return (unsigned)switches_number(&world->switches, "floor", 0);
}

static int write_level(const struct request_world *world, struct request *request,
                       const uint8_t *data, size_t len)
{
    char text[16] = "";
    char *end = NULL;
    unsigned long level = 0;

    if (len == 0 || len >= sizeof(text)) {
        return -EINVAL;
    }
    memcpy(text, data, len);
    level = strtoul(text, &end, 0);
    if (end == text || (*end != '\0' && strcmp(end, "\n") != 0) || level > LEVEL_MAX ||
        level < floor_of(world)) {
        return -EINVAL;
    }
    request->level = (unsigned)level;
    return 0;
}

int request_write(struct request_world *world, struct request *request, enum attribute attribute,
                  const uint8_t *data, size_t len)
{
    int errnum = switches_errno(&world->switches, attributes[attribute].name);

    if (errnum != 0) {
        return -errnum;
    }
    if (attribute == ATTRIBUTE_PRIVLEVEL) {
        int rc = write_level(world, request, data, len);

        if (rc != 0) {
            return rc;
        }
    } else {
        memcpy(request->inblob, data, len);
        request->inblob_len = len;
    }
    request->written++;
    return 0;
}

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

static void copy_blob(struct bytes blob, uint8_t *out, size_t *out_len)
{
    memcpy(out, blob.data, blob.len);
    *out_len = blob.len;
}

/* What the host makes of both blobs. */
static void damage(const struct request_world *world, struct request *request)
{
    char table[SWITCHES_VALUE_CAP] = "";
    long report_len = switches_number(&world->switches, "report_len", -1);

    if (switches_text(&world->switches, "table", table)) {
        if (strcmp(table, "long") == 0) {
            request->auxblob_len = sizeof(request->auxblob);
        } else {
            request->auxblob_len = strtoul(table, NULL, 10); /* "empty" is 0 */
        }
    }
    if (switches_number(&world->switches, "unsigned", 0) != 0) {
        memset(request->outblob + REPORT_SIGNED_LEN, 0, REPORT_LEN - REPORT_SIGNED_LEN);
    }
    if (report_len >= 0) {
        request->outblob_len = (size_t)report_len;
    }
}

/* As the driver does it: what the firmware signs is what was written, unless a switch says not. */
static int make_report(struct request_world *world, struct request *request)
{
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN] = {0};
    const struct collect_options options = {
        .platform = "sim",
        .machine_dir = world->machine_dir,
        .vmpl = (unsigned)switches_number(&world->switches, "level", request->level),
    };
    const struct collect_source *source = NULL;
    struct collected *collected = NULL;
    const struct evidence *evidence = NULL;
    int errnum = switches_errno(&world->switches, "report");
    struct err err;

    world->num_reports++;
    switches_log(&world->switches, "report", request->name);
    sleep_ms(switches_number(&world->switches, "slow", 0));
    if (errnum != 0) {
        return -errnum;
    }
    if (request->inblob_len != sizeof(report_data) || request->level < floor_of(world)) {
        return -EINVAL;
    }
    if (switches_number(&world->switches, "lost", 0) == 0) {
        memcpy(report_data, request->inblob, sizeof(report_data));
    }
    source = collect_find(&options, &err);
    if (source != NULL) {
        collected = collect_evidence(source, &options, report_data, &err);
    }
    if (collected == NULL) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return -EPROTO;
    }
    evidence = collected_evidence(collected);
    copy_blob(evidence->outblob, request->outblob, &request->outblob_len);
    copy_blob(evidence->auxblob, request->auxblob, &request->auxblob_len);
    collected_free(collected);
    damage(world, request);
    request->has_report = true;
    request->read = request->written;
    return 0;
}

/* Somebody else, who uses our request as if it were his. */
static void disturb(struct request_world *world, struct request *request)
{
    if (world->num_foreign < switches_number(&world->switches, "foreign", 0)) {
        world->num_foreign++;
        request->written++;
    }
    if (world->num_vanished < switches_number(&world->switches, "vanish", 0)) {
        world->num_vanished++;
        request->name[0] = '\0';
    }
}

static int read_blob(struct request_world *world, struct request *request, enum attribute attribute,
                     uint8_t *out, size_t *out_len)
{
    bool is_report = attribute == ATTRIBUTE_OUTBLOB;

    if (world->num_interrupted < switches_number(&world->switches, "interrupted", 0)) {
        world->num_interrupted++;
        return -EINTR;
    }
    if (is_report) {
        disturb(world, request);
    }
    if (request->name[0] == '\0') {
        return -ENOENT;
    }
    if (!request->has_report || request->read != request->written) {
        int rc = make_report(world, request);

        if (rc != 0) {
            return rc;
        }
    }
    *out_len = is_report ? request->outblob_len : request->auxblob_len;
    memcpy(out, is_report ? request->outblob : request->auxblob, *out_len);
    return 0;
}

int request_read(struct request_world *world, struct request *request, enum attribute attribute,
                 uint8_t out[static REQUEST_BLOB_MAX], size_t *out_len)
{
    char text[SWITCHES_VALUE_CAP + 1] = "sev_guest";

    switch (attribute) {
    case ATTRIBUTE_OUTBLOB:
    case ATTRIBUTE_AUXBLOB:
        return read_blob(world, request, attribute, out, out_len);
    case ATTRIBUTE_PROVIDER:
        (void)switches_text(&world->switches, "provider", text);
        break;
    case ATTRIBUTE_GENERATION:
        (void)snprintf(text, sizeof(text), "%lu", request->written);
        break;
    case ATTRIBUTE_FLOOR:
        (void)snprintf(text, sizeof(text), "%u", floor_of(world));
        break;
    case ATTRIBUTE_INBLOB:
    case ATTRIBUTE_PRIVLEVEL:
    case ATTRIBUTES:
        return -EACCES;
    }
    *out_len = strlen(text);
    memcpy(out, text, *out_len);
    out[(*out_len)++] = '\n';
    return 0;
}
