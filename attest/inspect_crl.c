/*
 * Inspect: a revocation list of a vendor's root.
 */
#include "attest/crl.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "attest/inspect.h"
#include "attest/inspect_x509.h"

#define ENTRIES_SHOWN 256

static void put_entries(struct sheet *sheet, BIO *bio, X509_CRL *list)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
    int num = entries != NULL ? sk_X509_REVOKED_num(entries) : 0;

    sheet_put(sheet, "revoked", num == 0 ? "the list is empty" : "serial numbers, with their dates",
              "%d", num);
    for (int i = 0; i < num && i < ENTRIES_SHOWN; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        char text[INSPECT_TEXT_MAX];
        char name[32];

        snprintf(name, sizeof(name), "  entry %d", i + 1);
        BIO_puts(bio, "0x");
        i2a_ASN1_INTEGER(bio, X509_REVOKED_get0_serialNumber(entry));
        BIO_puts(bio, ", ");
        ASN1_TIME_print(bio, X509_REVOKED_get0_revocationDate(entry));
        inspect_text(bio, text);
        sheet_put(sheet, name, NULL, "%s", text);
    }
    if (num > ENTRIES_SHOWN) {
        sheet_put(sheet, "  and more", NULL, "%d", num - ENTRIES_SHOWN);
    }
}

static void put_list(struct sheet *sheet, BIO *bio, X509_CRL *list, const struct crl *crl,
                     int64_t now)
{
    const struct sheet_line no_end = {.name = "nextUpdate",
                                      .offset = SHEET_NO_OFFSET,
                                      .mark = SHEET_DANGER,
                                      .meaning = "without it a list never goes out of date"};
    const struct sheet_line number = {
        .name = "CRLNumber", .offset = SHEET_NO_OFFSET, .meaning = "grows from list to list"};
    const struct sheet_line no_number = {.name = "CRLNumber",
                                         .offset = SHEET_NO_OFFSET,
                                         .mark = SHEET_DANGER,
                                         .meaning = "without it an older list can be put back"};

    sheet_put(sheet, "version", NULL, "%u", crl->version);
    inspect_name(sheet, bio, "issuer", X509_CRL_get_issuer(list));
    sheet_put(sheet, "signature algorithm", NULL, "%s",
              OBJ_nid2ln(X509_CRL_get_signature_nid(list)));
    inspect_begin(sheet, "thisUpdate", crl->this_update, now);
    if (crl->has_next_update) {
        inspect_end(sheet, "nextUpdate", crl->next_update, now);
    } else {
        sheet_line(sheet, &no_end, "absent");
    }
    if (crl->number.data != NULL) {
        sheet_hex(sheet, &number, crl->number);
    } else {
        sheet_line(sheet, &no_number, "absent");
    }
    for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(list, i);

        inspect_extension(sheet, bio, extension,
                          X509_EXTENSION_get_critical(extension) != 0 ? "critical" : NULL);
    }
    put_entries(sheet, bio, list);
}

void inspect_crl(struct sheet *sheet, const char *title, struct bytes der, int64_t now)
{
    const unsigned char *at = der.data;
    BIO *bio = BIO_new(BIO_s_mem());
    X509_CRL *list = NULL;
    struct crl crl;

    sheet_section(sheet, "%s", title);
    if (der.len > CRL_DER_MAX) {
        sheet_line(sheet, &inspect_malformed, "longer than %d bytes", CRL_DER_MAX);
    } else if (!crl_read(der, &crl)) {
        sheet_line(sheet, &inspect_malformed, "not one revocation list in strict DER");
    } else {
        list = d2i_X509_CRL(NULL, &at, (long)der.len);
        if (bio != NULL && list != NULL) {
            put_list(sheet, bio, list, &crl, now);
        } else {
            sheet_line(sheet, &inspect_malformed, "not a revocation list");
        }
    }
    ERR_clear_error();
    X509_CRL_free(list);
    BIO_free(bio);
}
