/*
 * Firmware: images of a page or two that end in the tables of OVMF, for tests of the measurement.
 * Nothing could run them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attest/ovmf.h"

/* Where things stand in a firmware: its table at the end, its metadata at 0x400. */
#define FIRMWARE_FOOTER (OVMF_PAGE - 32 - 18) /* the table's size */
#define FIRMWARE_METADATA_ENTRY (FIRMWARE_FOOTER - 22)
#define FIRMWARE_RESET_ENTRY (FIRMWARE_METADATA_ENTRY - 22)
#define FIRMWARE_HASHES_ENTRY (FIRMWARE_RESET_ENTRY - 22)
#define FIRMWARE_METADATA 0x400

#define FIRMWARE_SVSM_LEN (2 * (size_t)OVMF_PAGE)

/* With room for the hashes of a kernel. */
void firmware_make(uint8_t page[static OVMF_PAGE]);

/* The same tables at the end of two pages, with an SVSM's entry instead of a reset address, and
   another section. */
void firmware_make_svsm(uint8_t image[static FIRMWARE_SVSM_LEN]);

/* An entry of the table: a number and the 16 bytes of its GUID. */
void firmware_put_entry(uint8_t *page, size_t at, uint32_t value, const char *guid);
