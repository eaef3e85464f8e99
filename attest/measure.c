/*
 * Measure: a chain of digests, one link for each page.
 */
#include "attest/measure.h"

#include <string.h>

#include <openssl/evp.h>

#include "attest/little_endian.h"
#include "common/err.h"

#define INFO_LEN 0x70 /* bytes of PAGE_INFO */
#define VMSA_GPA UINT64_C(0xfffffffff000)
#define FIRMWARE_END (UINT64_C(1) << 32)
#define SHA256_LEN 32
#define GUID_LEN 16
#define HASHES 3
#define HASH_ENTRY_LEN (GUID_LEN + 2 + SHA256_LEN)
#define HASH_TABLE_LEN (GUID_LEN + 2 + HASHES * HASH_ENTRY_LEN)
#define HASH_TABLE_PADDED 176

enum page_type {
    PAGE_NORMAL = 1,
    PAGE_VMSA = 2,
    PAGE_ZERO = 3,
    PAGE_UNMEASURED = 4,
    PAGE_SECRETS = 5,
    PAGE_CPUID = 6,
};

static int no_digest(struct err *err)
{
    return err_set_openssl(err, ERR_LIMIT, "digest");
}

static bool sha384(const uint8_t *data, size_t len, uint8_t out_digest[static MEASURE_LEN])
{
    return EVP_Digest(data, len, out_digest, NULL, EVP_sha384(), NULL) == 1;
}

/* One page; `page` NULL: its content is not measured. */
static bool add_page(uint8_t digest[static MEASURE_LEN], enum page_type type, uint64_t gpa,
                     const uint8_t *page)
{
    uint8_t info[INFO_LEN] = {0};

    memcpy(info, digest, MEASURE_LEN);
    if (page != NULL && !sha384(page, OVMF_PAGE, info + MEASURE_LEN)) {
        return false;
    }
    info[0x60] = INFO_LEN;
    info[0x62] = (uint8_t)type;
    little_endian_write(info + 0x68, gpa, 8);
    return sha384(info, sizeof(info), digest);
}

static bool add_pages(uint8_t digest[static MEASURE_LEN], enum page_type type, uint64_t gpa,
                      size_t len)
{
    for (size_t at = 0; at < len; at += OVMF_PAGE) {
        if (!add_page(digest, type, gpa + at, NULL)) {
            return false;
        }
    }
    return true;
}

/* All of a file, which lies in memory up to `end`. */
static bool add_file(uint8_t digest[static MEASURE_LEN], struct bytes file, uint64_t end)
{
    for (size_t at = 0; at < file.len; at += OVMF_PAGE) {
        if (!add_page(digest, PAGE_NORMAL, end - file.len + at, file.data + at)) {
            return false;
        }
    }
    return true;
}

int measure_ovmf(const struct ovmf *ovmf, uint8_t out_digest[static MEASURE_LEN], struct err *err)
{
    memset(out_digest, 0, MEASURE_LEN);
    return add_file(out_digest, ovmf->file, FIRMWARE_END) ? 0 : no_digest(err);
}

static bool put_hash(uint8_t *entry, const uint8_t guid[static GUID_LEN], const void *data,
                     size_t len)
{
    memcpy(entry, guid, GUID_LEN);
    entry[GUID_LEN] = HASH_ENTRY_LEN;
    entry[GUID_LEN + 1] = 0;
    return EVP_Digest(data, len, entry + GUID_LEN + 2, NULL, EVP_sha256(), NULL) == 1;
}

/* What QEMU leaves for the firmware: hashes of command line (with its NUL), initrd and kernel. */
static bool make_hash_table(const struct measure_launch *launch,
                            uint8_t out_table[static HASH_TABLE_PADDED])
{
    static const uint8_t guid_table[GUID_LEN] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                                 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
    static const uint8_t guid_cmdline[GUID_LEN] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                                   0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
    static const uint8_t guid_initrd[GUID_LEN] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                                  0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
    static const uint8_t guid_kernel[GUID_LEN] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                                  0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};
    uint8_t *entry = out_table + GUID_LEN + 2;

    memset(out_table, 0, HASH_TABLE_PADDED);
    memcpy(out_table, guid_table, GUID_LEN);
    out_table[GUID_LEN] = HASH_TABLE_LEN;
    return put_hash(entry, guid_cmdline, launch->cmdline, strlen(launch->cmdline) + 1) &&
           put_hash(entry + HASH_ENTRY_LEN, guid_initrd, launch->initrd.data, launch->initrd.len) &&
           put_hash(entry + 2 * (size_t)HASH_ENTRY_LEN, guid_kernel, launch->kernel.data,
                    launch->kernel.len);
}

static bool add_hashes(uint8_t digest[static MEASURE_LEN], const struct measure_launch *launch,
                       const struct ovmf_section *section)
{
    uint8_t page[OVMF_PAGE] = {0};
    size_t offset = launch->ovmf->hash_table_gpa & (OVMF_PAGE - 1);

    if (!launch->has_kernel) {
        return add_pages(digest, PAGE_ZERO, section->gpa, section->size);
    }
    return make_hash_table(launch, page + offset) &&
           add_page(digest, PAGE_NORMAL, section->gpa, page);
}

static bool add_section(uint8_t digest[static MEASURE_LEN], const struct measure_launch *launch,
                        const struct ovmf_section *section)
{
    switch (section->type) {
    case OVMF_SEC_MEM:
        return add_pages(digest, launch->vmm == VMSA_GCE ? PAGE_UNMEASURED : PAGE_ZERO,
                         section->gpa, section->size);
    case OVMF_SVSM_CAA:
        return add_pages(digest, PAGE_ZERO, section->gpa, section->size);
    case OVMF_SECRETS:
        return add_page(digest, PAGE_SECRETS, section->gpa, NULL);
    case OVMF_CPUID:
        return add_page(digest, PAGE_CPUID, section->gpa, NULL);
    case OVMF_KERNEL_HASHES:
        return add_hashes(digest, launch, section);
    }
    return false;
}

/* EC2 prepares the pages of CPUID after all others. */
static bool add_sections(uint8_t digest[static MEASURE_LEN], const struct measure_launch *launch)
{
    const struct ovmf *image = launch->svsm != NULL ? launch->svsm : launch->ovmf;
    bool cpuid_last = launch->vmm == VMSA_EC2;

    for (unsigned pass = 0; pass < (cpuid_last ? 2 : 1); pass++) {
        for (size_t i = 0; i < image->num_sections; i++) {
            bool late = cpuid_last && image->sections[i].type == OVMF_CPUID;

            if (late == (pass == 1) && !add_section(digest, launch, &image->sections[i])) {
                return false;
            }
        }
    }
    return true;
}

static uint64_t svsm_end(const struct measure_launch *launch)
{
    return FIRMWARE_END - launch->ovmf->file.len - launch->variables_len;
}

static bool add_processors(uint8_t digest[static MEASURE_LEN], const struct measure_launch *launch)
{
    const struct ovmf *svsm = launch->svsm;
    uint8_t page[VMSA_LEN];

    for (unsigned i = 0; i < launch->vcpus; i++) {
        struct vmsa vmsa = {
            .vmm = launch->vmm,
            .eip = i == 0 ? VMSA_EIP_FIRST : launch->ovmf->reset_eip,
            .signature = launch->signature,
            .sev_features = launch->sev_features,
        };

        if (svsm != NULL) {
            vmsa.eip = (uint32_t)(svsm_end(launch) - svsm->file.len + svsm->svsm_entry);
        }
        vmsa_write(&vmsa, page);
        if (!add_page(digest, PAGE_VMSA, VMSA_GPA, page)) {
            return false;
        }
    }
    return true;
}

/* Hashes that the firmware has no room for would be a kernel that nobody checks. */
static int check_kernel(const struct measure_launch *launch, struct err *err)
{
    const struct ovmf *ovmf = launch->ovmf;
    size_t offset = ovmf->hash_table_gpa & (OVMF_PAGE - 1);
    size_t num = 0;

    for (size_t i = 0; i < ovmf->num_sections; i++) {
        num += ovmf->sections[i].type == OVMF_KERNEL_HASHES ? 1 : 0;
    }
    if (!launch->has_kernel) {
        return 0;
    }
    if (!ovmf->has_hash_table || num != 1) {
        return err_set(err, ERR_INVALID, "firmware: no place for the hashes of a kernel");
    }
    return offset + HASH_TABLE_PADDED <= OVMF_PAGE
               ? 0
               : err_set(err, ERR_INVALID, "firmware: the hashes of a kernel do not fit the page");
}

static int check_svsm(const struct measure_launch *launch, struct err *err)
{
    if (launch->svsm == NULL) {
        return 0;
    }
    if (launch->has_kernel) {
        return err_set(err, ERR_INVALID, "SVSM: it takes no kernel from the hypervisor");
    }
    if (launch->variables_len % OVMF_PAGE != 0 || launch->variables_len > OVMF_LEN_MAX) {
        return err_set(err, ERR_INVALID, "SVSM: %u bytes of variables are not whole pages",
                       launch->variables_len);
    }
    return 0;
}

int measure_launch(const struct measure_launch *launch, uint8_t out_digest[static MEASURE_LEN],
                   struct err *err)
{
    if (check_kernel(launch, err) != 0 || check_svsm(launch, err) != 0) {
        return -1;
    }
    if (launch->ovmf_digest != NULL) {
        memcpy(out_digest, launch->ovmf_digest, MEASURE_LEN);
    } else if (measure_ovmf(launch->ovmf, out_digest, err) != 0) {
        return -1;
    }
    if (launch->svsm != NULL && !add_file(out_digest, launch->svsm->file, svsm_end(launch))) {
        return no_digest(err);
    }
    return add_sections(out_digest, launch) && add_processors(out_digest, launch) ? 0
                                                                                  : no_digest(err);
}
