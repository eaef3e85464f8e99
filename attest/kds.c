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

bool kds_vcek_url(struct report report, enum product product, struct buf *out)
{
    const struct product_info *info = product_info(product);
    size_t before = out->len;
    struct bytes chip = report_bytes(report, REPORT_CHIP_ID);
    struct tcb tcb = tcb_read(info->layout_min, report_bytes(report, REPORT_REPORTED_TCB).data);
    bool fits = false;

    if (product == PRODUCT_SIM || !report_chip_known(report)) {
        return false;
    }
    chip.len = tcb_hwid_len(info->layout_min);
    fits = buf_printf(out, KDS_BASE "/vcek/v1/%s/", info->name) && put_hex(out, chip) &&
           buf_printf(out, "?");
    if (tcb.present[TCB_FMC]) {
        fits = fits && put_spl(out, "fmcSPL", tcb.value[TCB_FMC]) && buf_printf(out, "&");
    }
    fits = fits && put_spl(out, "blSPL", tcb.value[TCB_BOOTLOADER]) &&
           put_spl(out, "&teeSPL", tcb.value[TCB_TEE]) &&
           put_spl(out, "&snpSPL", tcb.value[TCB_SNP]) &&
           put_spl(out, "&ucodeSPL", tcb.value[TCB_MICROCODE]);
    if (!fits) {
        out->len = before;
    }
    return fits;
}

bool kds_chain_url(enum product product, struct buf *out)
{
    return product != PRODUCT_SIM &&
           buf_printf(out, KDS_BASE "/vcek/v1/%s/cert_chain", product_info(product)->name);
}
