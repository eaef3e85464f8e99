/*
 * Firmware: the bytes.
 */
#include "tests/lib/firmware.h"

#include <string.h>

#include "attest/little_endian.h"

#define ENTRY_IN_SVSM 0x1010

void firmware_put_entry(uint8_t *page, size_t at, uint32_t value, const char *guid)
{
    little_endian_write(page + at, value, 4);
    little_endian_write(page + at + 4, 22, 2);
    memcpy(page + at + 6, guid, 16);
}

void firmware_make(uint8_t page[static OVMF_PAGE])
{
    static const uint8_t metadata[] = {
        'A', 'S',  'E',  'V', 0x34, 0,    0, 0,    1, 0, 0,    0, 3, 0,
        0,   0,    0,    0,   0x80, 0,    0, 0x10, 0, 0, 0x10, 0, 0, 0, /* hashes of a kernel */
        0,   0x10, 0x80, 0,   0,    0x10, 0, 0,    2, 0, 0,    0,       /* secrets */
        0,   0x20, 0x80, 0,   0,    0x10, 0, 0,    3, 0, 0,    0,       /* CPUID */
    };

    memset(page, 0, OVMF_PAGE);
    memcpy(page + FIRMWARE_METADATA, metadata, sizeof(metadata));
    firmware_put_entry(page, FIRMWARE_HASHES_ENTRY, 0x800c00,
                       "\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b\x1d\xa6\xef\xa8\xd4\x54");
    firmware_put_entry(page, FIRMWARE_RESET_ENTRY, 0x80b004,
                       "\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e");
    firmware_put_entry(page, FIRMWARE_METADATA_ENTRY, OVMF_PAGE - FIRMWARE_METADATA,
                       "\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc");
    page[FIRMWARE_FOOTER] = 18 + 3 * 22;
    memcpy(page + FIRMWARE_FOOTER + 2,
           "\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d", 16);
}

void firmware_make_svsm(uint8_t image[static FIRMWARE_SVSM_LEN])
{
    /* Its calling areas, where the firmware has room for hashes. */
    static const uint8_t section[] = {0, 0x40, 0x80, 0, 0, 0x20, 0, 0, 4, 0, 0, 0};

    memset(image, 0xaa, OVMF_PAGE);
    firmware_make(image + OVMF_PAGE);
    memcpy(image + OVMF_PAGE + FIRMWARE_METADATA + 16, section, sizeof(section));
    firmware_put_entry(image + OVMF_PAGE, FIRMWARE_RESET_ENTRY, ENTRY_IN_SVSM,
                       "\x12\xa6\x89\xa7\x97\x05\x4b\x4c\xa4\x9f\xcb\xb1\xfe\x9d\x1d\xdd");
}
