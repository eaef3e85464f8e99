/*
 * Err: why something could not be judged or done.
 *
 * A function that can fail takes a `struct err *` last, fills it, returns -1 or NULL and leaves its
 * outputs untouched.  Whoever handles the error logs it, once.  What a verifier decides about
 * evidence is no error: see common/verdict.h.
 */
#pragma once

#include "common/compiler.h"

enum err_code {
    ERR_INVALID = 1, /* input breaks the format or a limit; retrying cannot help */
    ERR_DENIED,      /* the peer failed authentication, attestation or policy */
    ERR_TIMEOUT,     /* a deadline passed; retrying may help */
    ERR_IO,          /* the OS or the network failed; retrying may help */
    ERR_LIMIT,       /* memory or a configured maximum is exhausted */
    ERR_REBOOT,      /* this machine cannot do it again before it is booted anew */
};

#define ERR_MSG_CAP 256

struct err {
    enum err_code code;
    char msg[ERR_MSG_CAP]; /* "outer: inner", for people; cut at the end if too long */
};

/* Sets code and message.  Returns -1, so that callers can `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF(3, 4);

/* As err_set(), and appends ": " and the text of `errnum` (an errno value). */
int err_set_errno(struct err *err, enum err_code code, int errnum, const char *format, ...)
    PRINTF(4, 5);

/* As err_set(), and appends ": " and the oldest reason in this thread's OpenSSL queue, which it
   empties. */
int err_set_openssl(struct err *err, enum err_code code, const char *format, ...) PRINTF(3, 4);

/* Puts "text: " before the message that `err` holds; keeps the code.  Returns -1. */
int err_wrap(struct err *err, const char *format, ...) PRINTF(2, 3);
