/*
 * Inspect_x509: names, times and extensions.
 */
#include "attest/inspect_x509.h"

#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

const struct sheet_line inspect_malformed = {
    .name = "encoding", .offset = SHEET_NO_OFFSET, .mark = SHEET_DANGER, .meaning = NULL};

void inspect_text(BIO *bio, char out[static INSPECT_TEXT_MAX])
{
    int len = BIO_read(bio, out, INSPECT_TEXT_MAX - 1);

    out[len > 0 ? len : 0] = '\0';
    for (char *at = out; *at != '\0'; at++) {
        if (*at == '\n') {
            *at = ' ';
        }
    }
    (void)BIO_reset(bio);
}

void inspect_name(struct sheet *sheet, BIO *bio, const char *name, const X509_NAME *value)
{
    char text[INSPECT_TEXT_MAX];

    X509_NAME_print_ex(bio, value, 0, XN_FLAG_RFC2253);
    inspect_text(bio, text);
    sheet_put(sheet, name, text[0] == '\0' ? "empty" : NULL, "%s", text);
}

void inspect_time(struct sheet *sheet, const struct sheet_line *line, int64_t seconds)
{
    time_t time = (time_t)seconds;
    char text[32] = "";
    struct tm tm;

    if (gmtime_r(&time, &tm) != NULL) {
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    sheet_line(sheet, line, "%s", text);
}

void inspect_begin(struct sheet *sheet, const char *name, int64_t begin, int64_t now)
{
    struct sheet_line line = {.name = name, .offset = SHEET_NO_OFFSET};

    if (begin > now) {
        line.mark = SHEET_DANGER;
        line.meaning = "not yet";
    }
    inspect_time(sheet, &line, begin);
}

void inspect_end(struct sheet *sheet, const char *name, int64_t end, int64_t now)
{
    struct sheet_line line = {.name = name, .offset = SHEET_NO_OFFSET};

    if (end < now) {
        line.mark = SHEET_DANGER;
        line.meaning = "over: it has expired";
    }
    inspect_time(sheet, &line, end);
}

void inspect_extension(struct sheet *sheet, BIO *bio, X509_EXTENSION *extension,
                       const char *meaning)
{
    char name[80];
    char text[INSPECT_TEXT_MAX] = "";
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const struct sheet_line line = {.name = name, .offset = SHEET_NO_OFFSET, .meaning = meaning};

    OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(extension), 0);
    if (X509V3_EXT_print(bio, extension, 0, 0) == 1) {
        inspect_text(bio, text);
        sheet_line(sheet, &line, "%s", text);
    } else {
        sheet_hex(sheet, &line,
                  (struct bytes){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)});
    }
    ERR_clear_error();
    (void)BIO_reset(bio);
}
