/*
 * Inspect_x509: what certificates, requests and revocation lists have in common, in words.
 *
 * Internal to inspect.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "attest/sheet.h"

#define INSPECT_TEXT_MAX 512

/* For what cannot be read; the value says why. */
extern const struct sheet_line inspect_malformed;

/* Takes what was printed into `bio`, as far as there is room, and empties it.  Line ends become
   blanks. */
void inspect_text(BIO *bio, char out[static INSPECT_TEXT_MAX]);

void inspect_name(struct sheet *sheet, BIO *bio, const char *name, const X509_NAME *value);

/* A time, seconds since 1970. */
void inspect_time(struct sheet *sheet, const struct sheet_line *line, int64_t seconds);

/* When something begins and ends to be good, marked if `now` is outside. */
void inspect_begin(struct sheet *sheet, const char *name, int64_t begin, int64_t now);
void inspect_end(struct sheet *sheet, const char *name, int64_t end, int64_t now);

/* One extension as OpenSSL prints it, or in hexadecimal; `meaning` may be NULL. */
void inspect_extension(struct sheet *sheet, BIO *bio, X509_EXTENSION *extension,
                       const char *meaning);
