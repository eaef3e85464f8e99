/*
 * Fuzz: a peer's leaf, DER, through every rule; its path is taken for valid.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "common/dns_name.h"
#include "common/err.h"
#include "common/spiffe.h"
#include "common/svid.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1800000000 /* the corpus is valid then */

static bool dns_well_formed(const struct svid *svid)
{
    if (svid->dns_len > SVID_DNS_MAX || (svid->dns == NULL) != (svid->dns_len == 0)) {
        return false;
    }
    for (size_t at = 0; at < svid->dns_len; at += strlen(svid->dns + at) + 1) {
        const char *name = svid->dns + at;

        if (!dns_name_valid((struct bytes){(const uint8_t *)name, strlen(name)}) ||
            !svid_has_dns(svid, name)) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const unsigned char *at = data;
    X509 *leaf = d2i_X509(NULL, &at, (long)len);
    int error = X509_V_OK;
    struct svid svid;
    struct err err;

    if (leaf == NULL) {
        return 0;
    }
    if (svid_check_leaf(leaf, "prod.example", NOW, &svid, &error, &err) == 0) {
        if (!spiffe_id_valid(svid.spiffe, strlen(svid.spiffe)) ||
            !spiffe_id_in(svid.spiffe, "prod.example") || svid.not_after <= NOW ||
            svid.serial_len == 0 || !dns_well_formed(&svid)) {
            abort();
        }
        svid_deinit(&svid);
    } else if (error == X509_V_OK || err.code != ERR_DENIED) {
        abort();
    }
    X509_free(leaf);
    return 0;
}
