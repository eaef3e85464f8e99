/*
 * Secrecy: prctl(2), and OpenSSL's two heaps.
 *
 * The secure one is locked, between guard pages, left out of dumps, and wipes what is freed.  The
 * ordinary one does not, and OpenSSL's decoders leave whole keys in it (measured with 3.0, PEM
 * and DER alike).  So while a key is decoded, the thread that does it wipes whatever OpenSSL frees.
 */
#include "common/secrecy.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "common/err.h"

#define SECRECY_PIECE_LEN 32 /* bytes of the smallest piece: a key of a curve of 256 bits */

/* An allocator has no argument of its own to say so by. */
static _Thread_local bool secrecy_wiping;

static void *secrecy_malloc(size_t len, const char *file, int line)
{
    return len > 0 ? malloc(len) : NULL;
}

static void secrecy_free(void *piece, const char *file, int line)
{
    if (secrecy_wiping && piece != NULL) {
        OPENSSL_cleanse(piece, malloc_usable_size(piece));
    }
    free(piece);
}

static void *secrecy_realloc(void *piece, size_t len, const char *file, int line)
{
    void *next = NULL;
    size_t old_len = 0;

    if (!secrecy_wiping || piece == NULL) {
        return realloc(piece, len);
    }
    if (len == 0) {
        secrecy_free(piece, file, line);
        return NULL;
    }
    old_len = malloc_usable_size(piece);
    next = malloc(len);
    if (next != NULL) {
        memcpy(next, piece, old_len < len ? old_len : len);
        secrecy_free(piece, file, line);
    }
    return next;
}

int secrecy_keep(struct err *err)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
               ? 0
               : err_set_errno(err, ERR_IO, errno, "PR_SET_DUMPABLE");
}

int secrecy_begin(struct err *err)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    if (CRYPTO_set_mem_functions(secrecy_malloc, secrecy_realloc, secrecy_free) != 1) {
        return err_set(err, ERR_LIMIT, "OpenSSL has allocated before");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return err_set_errno(err, ERR_IO, errno, "PR_SET_NO_NEW_PRIVS");
    }
    if (setrlimit(RLIMIT_CORE, &none) != 0) {
        return err_set_errno(err, ERR_IO, errno, "RLIMIT_CORE");
    }
    return secrecy_keep(err);
}

enum secrecy_memory secrecy_set_aside(size_t len)
{
    switch (CRYPTO_secure_malloc_init(len, SECRECY_PIECE_LEN)) {
    case 1:
        return SECRECY_LOCKED;
    case 2: /* mapped, but something about it failed: mlock, as a rule */
        return SECRECY_UNLOCKED;
    default:
        return SECRECY_ORDINARY;
    }
}

size_t secrecy_used(void)
{
    return CRYPTO_secure_malloc_initialized() == 1 ? CRYPTO_secure_used() : 0;
}

/* There is nobody to ask. */
static int no_password(char *out, int cap, int for_writing, void *user)
{
    return -1;
}

EVP_PKEY *secrecy_decode_key(const uint8_t *text, size_t len)
{
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;

    secrecy_wiping = true;
    bio = BIO_new_mem_buf(text, (int)len);
    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    }
    BIO_free(bio);
    secrecy_wiping = false;
    return key;
}
