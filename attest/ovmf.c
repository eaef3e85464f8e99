/*
 * Ovmf: the walk from the end of the file to its beginning.
 */
#include "attest/ovmf.h"

#include <string.h>

#include "attest/little_endian.h"
#include "common/err.h"

#define GUID_LEN 16
#define ENTRY_HEAD 18       /* bytes: u16 size and a GUID, which stand behind the data */
#define TABLE_BEFORE_END 32 /* bytes between the table and the end of the file */
#define SECTION_LEN ((size_t)12)
#define METADATA_HEAD 16 /* "ASEV", size, version, number of sections */

/* In the order of the bytes: the first three fields are little-endian. */
static const uint8_t guid_footer[GUID_LEN] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                              0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_hash_table[GUID_LEN] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                                  0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
static const uint8_t guid_reset[GUID_LEN] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                             0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_metadata[GUID_LEN] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                                0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t guid_svsm[GUID_LEN] = {0x12, 0xa6, 0x89, 0xa7, 0x97, 0x05, 0x4b, 0x4c,
                                            0xa4, 0x9f, 0xcb, 0xb1, 0xfe, 0x9d, 0x1d, 0xdd};

static bool is_section_type(uint32_t type)
{
    return (type >= OVMF_SEC_MEM && type <= OVMF_SVSM_CAA) || type == OVMF_KERNEL_HASHES;
}

static int read_section(const uint8_t *at, struct ovmf *ovmf, struct err *err)
{
    struct ovmf_section section = {little_endian_u32(at), little_endian_u32(at + 4),
                                   (enum ovmf_section_type)0};
    uint32_t type = little_endian_u32(at + 8);

    if (!is_section_type(type)) {
        return err_set(err, ERR_INVALID, "firmware: a section of unknown type 0x%x", type);
    }
    section.type = (enum ovmf_section_type)type;
    if (section.gpa % OVMF_PAGE != 0 || section.size % OVMF_PAGE != 0 || section.size == 0 ||
        section.size > OVMF_LEN_MAX) {
        return err_set(err, ERR_INVALID, "firmware: a section at 0x%x is not of whole pages",
                       section.gpa);
    }
    if ((type == OVMF_SECRETS || type == OVMF_CPUID) && section.size != OVMF_PAGE) {
        return err_set(err, ERR_INVALID, "firmware: the section at 0x%x is not one page",
                       section.gpa);
    }
    ovmf->sections[ovmf->num_sections++] = section;
    return 0;
}

/* `distance` is that of the list from the end of the file. */
static int read_metadata(struct ovmf *ovmf, uint32_t distance, struct err *err)
{
    const uint8_t *at = NULL;
    uint32_t num = 0;

    if (distance < METADATA_HEAD || distance > ovmf->file.len) {
        return err_set(err, ERR_INVALID, "firmware: its metadata is outside of the file");
    }
    at = ovmf->file.data + (ovmf->file.len - distance);
    num = little_endian_u32(at + 12);
    if (memcmp(at, "ASEV", 4) != 0 || little_endian_u32(at + 8) != 1) {
        return err_set(err, ERR_INVALID, "firmware: no metadata of version 1");
    }
    if (num > OVMF_SECTIONS_MAX || (distance - METADATA_HEAD) / SECTION_LEN < num) {
        return err_set(err, ERR_INVALID, "firmware: %u sections are too many", num);
    }
    for (uint32_t i = 0; i < num; i++) {
        if (read_section(at + METADATA_HEAD + i * SECTION_LEN, ovmf, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Where the value of an entry goes; NULL: not of interest. */
static uint32_t *place_of(struct ovmf *ovmf, const uint8_t *guid, uint32_t *distance,
                          bool **out_has)
{
    const struct {
        const uint8_t *guid;
        uint32_t *value;
        bool *has;
    } places[] = {
        {guid_hash_table, &ovmf->hash_table_gpa, &ovmf->has_hash_table},
        {guid_reset, &ovmf->reset_eip, &ovmf->has_reset},
        {guid_svsm, &ovmf->svsm_entry, &ovmf->has_svsm_entry},
        {guid_metadata, distance, &ovmf->has_metadata},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (memcmp(guid, places[i].guid, GUID_LEN) == 0) {
            *out_has = places[i].has;
            return places[i].value;
        }
    }
    return NULL;
}

static int read_entry(struct ovmf *ovmf, const uint8_t *guid, struct bytes data, struct err *err)
{
    uint32_t distance = 0;
    bool *has = NULL;
    uint32_t *value = place_of(ovmf, guid, &distance, &has);

    if (value == NULL) {
        return 0;
    }
    if (data.len < 4) {
        return err_set(err, ERR_INVALID, "firmware: a table entry is too short");
    }
    if (*has) {
        return err_set(err, ERR_INVALID, "firmware: a table entry stands twice");
    }
    *has = true;
    *value = little_endian_u32(data.data);
    return value == &distance ? read_metadata(ovmf, distance, err) : 0;
}

static int read_table(struct bytes file, struct ovmf *ovmf, struct err *err)
{
    size_t end = 0;   /* of the entry that comes next, walking backwards */
    size_t begin = 0; /* of the table */

    *ovmf = (struct ovmf){.file = file};
    if (file.len >= 4 && memcmp(file.data, "IGVM", 4) == 0) {
        return err_set(err, ERR_INVALID, "firmware: an IGVM file, which is measured otherwise");
    }
    if (file.len == 0 || file.len % OVMF_PAGE != 0 || file.len > OVMF_LEN_MAX) {
        return err_set(err, ERR_INVALID, "firmware: %zu bytes are not whole pages", file.len);
    }
    end = file.len - TABLE_BEFORE_END - ENTRY_HEAD;
    if (memcmp(file.data + end + 2, guid_footer, GUID_LEN) != 0) {
        return err_set(err, ERR_INVALID, "firmware: no table at its end: not OVMF, or not for SEV");
    }
    if (little_endian_read(file.data + end, 2) < ENTRY_HEAD ||
        little_endian_read(file.data + end, 2) - ENTRY_HEAD > end) {
        return err_set(err, ERR_INVALID, "firmware: its table is longer than the file");
    }
    begin = end - (little_endian_read(file.data + end, 2) - ENTRY_HEAD);
    while (end > begin) {
        size_t len =
            end - begin < ENTRY_HEAD ? 0 : little_endian_read(file.data + end - ENTRY_HEAD, 2);

        if (len < ENTRY_HEAD || len > end - begin) {
            return err_set(err, ERR_INVALID, "firmware: a table entry has an impossible size");
        }
        if (read_entry(ovmf, file.data + end - GUID_LEN,
                       (struct bytes){file.data + end - len, len - ENTRY_HEAD}, err) != 0) {
            return -1;
        }
        end -= len;
    }
    return ovmf->has_metadata ? 0 : err_set(err, ERR_INVALID, "firmware: no metadata in its table");
}

int ovmf_read(struct bytes file, struct ovmf *out_ovmf, struct err *err)
{
    if (read_table(file, out_ovmf, err) != 0) {
        return -1;
    }
    return out_ovmf->has_reset
               ? 0
               : err_set(err, ERR_INVALID, "firmware: no reset address in its table");
}

int ovmf_read_svsm(struct bytes file, struct ovmf *out_svsm, struct err *err)
{
    if (read_table(file, out_svsm, err) != 0) {
        return err_wrap(err, "SVSM");
    }
    if (!out_svsm->has_svsm_entry) {
        return err_set(err, ERR_INVALID, "SVSM: no entry in its table: not an SVSM");
    }
    return out_svsm->svsm_entry < file.len
               ? 0
               : err_set(err, ERR_INVALID, "SVSM: its entry is outside of the file");
}
