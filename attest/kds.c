/*
 * Kds: paths of the key service, in the form that its interface specification gives.
 */
#include "attest/kds.h"

#include "attest/product.h"

static bool put_hex(struct buf *out, struct bytes bytes)
{
    bool fits = true;

    for (size_t i = 0; fits && i < bytes.len; i++) {
        fits = buf_printf(out, "%02x", bytes.data[i]);
    }
    return fits;
}

static bool put_spl(struct buf *out, const char *name, unsigned value)
{
    return buf_printf(out, "%s=%02u", name, value);
}

bool kds_vcek_path(enum product product, const uint8_t chip[static CLAIMS_CHIP_LEN],
                   const uint8_t tcb[static TCB_LEN], struct buf *out)
{
    const struct product_info *info = product_info(product);
    size_t before = out->len;
    struct tcb levels = tcb_read(info->layout_min, tcb);
    bool fits = buf_printf(out, "/vcek/v1/%s/", info->name) &&
                put_hex(out, (struct bytes){chip, tcb_hwid_len(info->layout_min)}) &&
                buf_printf(out, "?");

    if (levels.present[TCB_FMC]) {
        fits = fits && put_spl(out, "fmcSPL", levels.value[TCB_FMC]) && buf_printf(out, "&");
    }
    fits = fits && put_spl(out, "blSPL", levels.value[TCB_BOOTLOADER]) &&
           put_spl(out, "&teeSPL", levels.value[TCB_TEE]) &&
           put_spl(out, "&snpSPL", levels.value[TCB_SNP]) &&
           put_spl(out, "&ucodeSPL", levels.value[TCB_MICROCODE]);
    if (!fits) {
        out->len = before;
    }
    return fits;
}

bool kds_common_path(enum product product, bool vlek, const char *what, struct buf *out)
{
    return buf_printf(out, "/%s/v1/%s/%s", vlek ? "vlek" : "vcek", product_info(product)->name,
                      what);
}

bool kds_vcek_url(struct report report, enum product product, struct buf *out)
{
    size_t before = out->len;
    bool fits = product != PRODUCT_SIM && report_chip_known(report) && buf_printf(out, KDS_BASE) &&
                kds_vcek_path(product, report_bytes(report, REPORT_CHIP_ID).data,
                              report_bytes(report, REPORT_REPORTED_TCB).data, out);

    if (!fits) {
        out->len = before;
    }
    return fits;
}

bool kds_chain_url(enum product product, struct buf *out)
{
    size_t before = out->len;
    bool fits = product != PRODUCT_SIM && buf_printf(out, KDS_BASE) &&
                kds_common_path(product, false, "cert_chain", out);

    if (!fits) {
        out->len = before;
    }
    return fits;
}
