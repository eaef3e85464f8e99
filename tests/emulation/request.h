/*
 * Request: one folder of the emulated configfs-tsm and what the kernel keeps for it.
 *
 * Written after the kernel's drivers/virt/coco/tsm.c and its sev-guest driver; the simulated secure
 * processor signs.  Switches make it go wrong:
 *
 * - provider NAME: instead of sev_guest;
 * - floor N: number of the message key in use; no_levels 1: the attributes are not there;
 * - mkdir ERRNO: a new folder is refused; gone 1: with ENXIO, once a report was asked for;
 * - report ERRNO: the first read of a report; privlevel ERRNO, inblob ERRNO: the writes;
 * - interrupted N: so many reads of a blob end with EINTR first;
 * - lost 1: what was written to inblob is dropped, and nobody is told: all zeros are signed;
 * - level N: the report is of that VMPL, whatever was asked;
 * - unsigned 1: its signature is all zeros;
 * - foreign N: in so many requests somebody else writes, too;
 * - vanish N: so many requests are removed by somebody else before they are answered;
 * - table TEXT: "empty", "long", or N: only the first N bytes of the certificate table;
 * - report_len N: only the first N bytes of the report;
 * - slow MS: the firmware takes its time;
 * - piece N: a read gives no more bytes than that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulation/switches.h"

#define REQUEST_NAME_CAP 64
#define REQUEST_BLOB_MAX 65536
#define REQUEST_INBLOB_MAX 64

struct request {
    char name[REQUEST_NAME_CAP]; /* empty: free */
    unsigned long written;       /* generation */
    unsigned long read;          /* generation of the report */
    bool has_report;
    unsigned level;
    uint8_t inblob[REQUEST_INBLOB_MAX];
    size_t inblob_len;
    uint8_t outblob[REQUEST_BLOB_MAX];
    size_t outblob_len;
    uint8_t auxblob[REQUEST_BLOB_MAX];
    size_t auxblob_len;
};

struct request_world {
    struct switches switches;
    const char *machine_dir; /* the simulated machine that signs */
    long num_reports;        /* asked for */
    long num_foreign;        /* done */
    long num_vanished;
    long num_interrupted;
};

enum attribute {
    ATTRIBUTE_INBLOB,
    ATTRIBUTE_OUTBLOB,
    ATTRIBUTE_AUXBLOB,
    ATTRIBUTE_PROVIDER,
    ATTRIBUTE_GENERATION,
    ATTRIBUTE_PRIVLEVEL,
    ATTRIBUTE_FLOOR,
    ATTRIBUTES, /* how many there are */
};

const char *request_attribute_name(enum attribute attribute);
bool request_attribute_writable(enum attribute attribute);
bool request_attribute_there(const struct request_world *world, enum attribute attribute);

/* Both return 0 or a negative errno, as FUSE has it. */
int request_write(struct request_world *world, struct request *request, enum attribute attribute,
                  const uint8_t *data, size_t len);

/* All that reading `attribute` gives; blobs have the report made if there is none for what was
   written last. */
int request_read(struct request_world *world, struct request *request, enum attribute attribute,
                 uint8_t out[static REQUEST_BLOB_MAX], size_t *out_len);
