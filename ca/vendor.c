/*
 * Vendor: keys from reports, and collateral from answers.
 */
#include "ca/vendor.h"

#include <string.h>

#include "attest/product.h"
#include "attest/report.h"
#include "common/der.h"

/* Rows of the evidence table: certificates and what they say of the report; revocation lists. */
#define ROW_CHAIN_FIRST 21
#define ROW_CHAIN_LAST 54
#define ROW_CRL_FIRST 55
#define ROW_CRL_LAST 62

const char *vendor_kind_name(enum vendor_kind kind)
{
    static const char *const names[] = {
        [VENDOR_VCEK] = "vcek", [VENDOR_CHAIN] = "chain", [VENDOR_CRL] = "crl"};

    return names[kind];
}

bool vendor_key_same(const struct vendor_key *a, const struct vendor_key *b)
{
    return a->kind == b->kind && a->product == b->product && a->vlek == b->vlek &&
           memcmp(a->chip, b->chip, sizeof(a->chip)) == 0 &&
           memcmp(a->tcb, b->tcb, sizeof(a->tcb)) == 0;
}

/* Whose processor it may be, by what the evidence says; how many. */
static size_t products_of(const struct evidence *evidence, struct report report,
                          enum product out_products[static 2])
{
    static const struct bytes sim = {(const uint8_t *)"sim", 3};

    if (bytes_same(evidence->provider, sim)) {
        out_products[0] = PRODUCT_SIM;
        return 1;
    }
    if (report_uint(report, REPORT_VERSION) >= 3) {
        return product_by_cpuid((unsigned)report_uint(report, REPORT_CPUID_FAMILY),
                                (unsigned)report_uint(report, REPORT_CPUID_MODEL),
                                &out_products[0]) &&
                       out_products[0] != PRODUCT_SIM
                   ? 1
                   : 0;
    }
    /* Version 2 does not tell the product; Turin never spoke it. */
    out_products[0] = PRODUCT_MILAN;
    out_products[1] = PRODUCT_GENOA;
    return 2;
}

static struct vendor_key vcek_key(struct report report, enum product product)
{
    struct vendor_key key = {.kind = VENDOR_VCEK, .product = product};

    memcpy(key.chip, report_bytes(report, REPORT_CHIP_ID).data, sizeof(key.chip));
    memcpy(key.tcb, report_bytes(report, REPORT_REPORTED_TCB).data, sizeof(key.tcb));
    return key;
}

static bool is_slug(const struct verdict *verdict, const char *slug)
{
    return strcmp(verdict->slug, slug) == 0;
}

static bool is_about_crl(const struct verdict *refused)
{
    return refused->row >= ROW_CRL_FIRST && refused->row <= ROW_CRL_LAST;
}

static bool is_about_chain(const struct verdict *refused)
{
    return refused->row >= ROW_CHAIN_FIRST && refused->row <= ROW_CHAIN_LAST;
}

bool vendor_blames(const struct verdict *refused, enum vendor_kind kind)
{
    return kind == VENDOR_CRL ? is_about_crl(refused) : is_about_chain(refused);
}

size_t vendor_wanted(const struct evidence *evidence, const struct verdict *refused,
                     struct vendor_key out_keys[static VENDOR_KEYS_MAX])
{
    enum product products[2];
    struct report report;
    size_t num_products = 0;
    size_t num = 0;
    bool crl = is_about_crl(refused);
    bool chain = false;
    bool vlek = false;

    if ((!crl && !is_about_chain(refused)) || !report_over(evidence->outblob, &report)) {
        return 0;
    }
    chain = is_slug(refused, "ask-missing") || is_slug(refused, "ark-missing");
    vlek = report_signing_key(report) == SIGNING_KEY_VLEK;
    num_products = products_of(evidence, report, products);
    for (size_t i = 0; i < num_products; i++) {
        if (crl || chain) {
            out_keys[num++] = (struct vendor_key){
                .kind = crl ? VENDOR_CRL : VENDOR_CHAIN, .product = products[i], .vlek = vlek};
        }
    }
    /* Any failure of a certificate may be that of a stale or foreign one which came along. */
    for (size_t i = 0; i < num_products && !crl && !vlek && report_chip_known(report); i++) {
        out_keys[num++] = vcek_key(report, products[i]);
    }
    return num;
}

bool vendor_vcek_key(const struct evidence *evidence, const struct claims *claims,
                     struct vendor_key *out_key)
{
    struct report report;

    if (!claims->chip_known || !report_over(evidence->outblob, &report)) {
        return false;
    }
    *out_key = vcek_key(report, claims->product);
    return true;
}

struct vendor_key vendor_common_key(enum vendor_kind kind, const struct claims *claims)
{
    return (struct vendor_key){.kind = kind, .product = claims->product, .vlek = claims->vlek};
}

void vendor_set_init(struct vendor_set *set, const struct collateral *base)
{
    size_t num_certs =
        base->num_certs < COLLATERAL_CERTS_MAX ? base->num_certs : COLLATERAL_CERTS_MAX;
    size_t num_crls = base->num_crls < COLLATERAL_CRLS_MAX ? base->num_crls : COLLATERAL_CRLS_MAX;

    if (num_certs > 0) {
        memcpy(set->certs, base->certs, num_certs * sizeof(set->certs[0]));
    }
    if (num_crls > 0) {
        memcpy(set->crls, base->crls, num_crls * sizeof(set->crls[0]));
    }
    set->view = (struct collateral){set->certs, num_certs, set->crls, num_crls};
}

static bool add_cert(struct vendor_set *set, struct bytes der)
{
    if (set->view.num_certs == COLLATERAL_CERTS_MAX) {
        return false;
    }
    set->certs[set->view.num_certs++] = der;
    return true;
}

bool vendor_set_add(struct vendor_set *set, const struct vendor_item *item)
{
    struct der der = der_over(item->data);
    struct der_item intermediate;

    if (item->data.data == NULL) {
        return true;
    }
    if (item->key.kind == VENDOR_CRL) {
        if (set->view.num_crls == COLLATERAL_CRLS_MAX) {
            return false;
        }
        set->crls[set->view.num_crls++] = item->data;
        return true;
    }
    if (item->key.kind == VENDOR_CHAIN && der_take(&der, DER_SEQUENCE, &intermediate)) {
        return add_cert(set, intermediate.whole) &&
               add_cert(set, (struct bytes){der.data, der.len});
    }
    return add_cert(set, item->data);
}
