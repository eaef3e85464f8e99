/*
 * Renewal: one look-up, two comparisons.
 */
#include "ca/renewal.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "common/err.h"

/* False: not one of ours, whose serial numbers all have this length. */
static bool read_serial(struct bytes cert, uint8_t out_serial[static STORE_SERIAL_LEN])
{
    const unsigned char *end = cert.data;
    X509 *x509 = cert.data != NULL ? d2i_X509(NULL, &end, (long)cert.len) : NULL;
    const ASN1_INTEGER *serial = x509 != NULL ? X509_get0_serialNumber(x509) : NULL;
    bool ok = serial != NULL && ASN1_STRING_length(serial) == STORE_SERIAL_LEN;

    if (ok) {
        memcpy(out_serial, ASN1_STRING_get0_data(serial), STORE_SERIAL_LEN);
    }
    X509_free(x509);
    ERR_clear_error();
    return ok;
}

bool renewal_find(struct store *store, struct bytes cert, int64_t now_s,
                  struct store_holder *out_holder, struct verdict *out_verdict)
{
    uint8_t serial[STORE_SERIAL_LEN];
    bool found = false;
    struct err err;

    if (cert.data == NULL) {
        return verdict_refuse(out_verdict, VERDICT_IDENTITY_NOT_PERMITTED, 0,
                              "client-certificate-missing");
    }
    if (read_serial(cert, serial) &&
        store_find_holder(store, serial, cert, &found, out_holder, &err) != 0) {
        verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "store-unavailable");
        verdict_actual(out_verdict, "%s", err.msg);
        return false;
    }
    if (!found) {
        return verdict_refuse(out_verdict, VERDICT_IDENTITY_NOT_PERMITTED, 0,
                              "client-certificate-unknown");
    }
    return out_holder->not_after > now_s ||
           verdict_refuse(out_verdict, VERDICT_IDENTITY_NOT_PERMITTED, 0,
                          "client-certificate-expired");
}

bool renewal_fits(const struct store_holder *holder, const struct claims *claims,
                  const struct policy_grant *grant, struct verdict *out_verdict)
{
    const struct policy_instance instance = {
        .report_id = holder->has_instance ? holder->instance.report_id : NULL,
        .report_id_ma = holder->has_instance ? holder->instance.report_id_ma : NULL,
    };

    if (!policy_check_instance(claims, &instance, out_verdict)) {
        return false;
    }
    if (strcmp(holder->spiffe, grant->spiffe) != 0) {
        verdict_refuse(out_verdict, VERDICT_IDENTITY_NOT_PERMITTED, 0, "identity-changed");
        verdict_expected(out_verdict, "%s", holder->spiffe);
        verdict_actual(out_verdict, "%s", grant->spiffe);
        return false;
    }
    return true;
}
