/*
 * Ovmf: what a firmware image says of itself: the tables of GUIDs at its end and the list of memory
 * that the hypervisor has to prepare (OVMF's reset vector, "ASEV" metadata version 1).  An SVSM
 * image ends in the same tables.
 *
 * A file of unknown origin: every offset is checked before it is used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define OVMF_LEN_MAX ((size_t)64 * 1024 * 1024) /* bytes */
#define OVMF_SECTIONS_MAX 64
#define OVMF_PAGE 4096 /* bytes */

enum ovmf_section_type {
    OVMF_SEC_MEM = 1,
    OVMF_SECRETS = 2,
    OVMF_CPUID = 3,
    OVMF_SVSM_CAA = 4,
    OVMF_KERNEL_HASHES = 0x10,
};

struct ovmf_section {
    uint32_t gpa;
    uint32_t size; /* bytes, whole pages */
    enum ovmf_section_type type;
};

struct ovmf {
    struct bytes file;       /* whole pages, at least one */
    bool has_hash_table;     /* room for the hashes of a kernel */
    uint32_t hash_table_gpa; /* where it stands */
    bool has_reset;
    uint32_t reset_eip; /* where processors but the first begin */
    bool has_svsm_entry;
    uint32_t svsm_entry; /* where all processors enter an SVSM, from its beginning */
    bool has_metadata;
    struct ovmf_section sections[OVMF_SECTIONS_MAX]; /* in the order of the file */
    size_t num_sections;
};

/* A firmware.  ERR_INVALID says what does not fit.  `out_ovmf` borrows `file`. */
MUST_CHECK int ovmf_read(struct bytes file, struct ovmf *out_ovmf, struct err *err);

/* The image of an SVSM, of which an entry inside it is demanded and no reset address. */
MUST_CHECK int ovmf_read_svsm(struct bytes file, struct ovmf *out_svsm, struct err *err);
