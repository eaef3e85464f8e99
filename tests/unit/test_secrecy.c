/*
 * Tests of secrecy: nothing of a private key is found in this process once it has been given up.
 *
 * What is looked for is kept inverted, so that the search does not find itself; what writes the
 * key's file is another process.
 */
#include "common/secrecy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/file.h"
#include "proxy/algorithms.h"
#include "proxy/context.h"
#include "tests/lib/folder.h"
#include "tests/lib/pair.h"
#include "tests/lib/pki.h"

#define URI "spiffe://prod.example/snp/app"
#define KEY_LEN 32
#define PART_LEN 16 /* of a key, enough to know it by */
#define WINDOW_LEN 65536
#define RANGE_MAX (64ULL << 20) /* bytes of one mapping */
#define PATH_CAP (FOLDER_PATH_CAP + 16)

struct fixture {
    char dir[FOLDER_PATH_CAP];
    char certificate[PATH_CAP];
    char private_key[PATH_CAP];
    char inverted[PATH_CAP];
};

static void invert(EVP_PKEY *key, uint8_t out[static KEY_LEN])
{
    BIGNUM *number = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
    assert_int_equal(BN_bn2binpad(number, out, KEY_LEN), KEY_LEN);
    BN_clear_free(number);
    for (size_t i = 0; i < KEY_LEN; i++) {
        out[i] = (uint8_t)~out[i];
    }
}

/* In a process of its own, which takes all copies with it. */
static void write_files(const struct fixture *fixture)
{
    struct pki pki;
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    uint8_t inverted[KEY_LEN];
    struct err err;
    FILE *file = NULL;

    pki_init(&pki);
    pki_leaf(&pki, URI, 3600, &leaf, &key);
    invert(key, inverted);
    file = fopen(fixture->certificate, "w");
    if (file == NULL || PEM_write_X509(file, leaf) != 1 || PEM_write_X509(file, pki.ca) != 1 ||
        fclose(file) != 0) {
        _exit(1);
    }
    file = fopen(fixture->private_key, "w");
    if (file == NULL || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        fclose(file) != 0 || file_create(fixture->inverted, 0600, inverted, KEY_LEN, &err) != 0) {
        _exit(1);
    }
    _exit(0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    pid_t child = 0;
    int status = 1;

    folder_make(fixture.dir);
    (void)snprintf(fixture.certificate, PATH_CAP, "%s/cert.pem", fixture.dir);
    (void)snprintf(fixture.private_key, PATH_CAP, "%s/key.pem", fixture.dir);
    (void)snprintf(fixture.inverted, PATH_CAP, "%s/inverted", fixture.dir);
    child = fork();
    if (child == 0) {
        write_files(&fixture);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    folder_remove(((struct fixture *)*state)->dir);
    return 0;
}

/* How often `data` has the beginning of the key, whose bytes are taken from `first` on in steps of
   `step`: +1 as in a file (big-endian), -1 as a number in memory (little-endian). */
static size_t count_form(const uint8_t *data, size_t len, const uint8_t *first, int step)
{
    const uint8_t *end = data + len;
    size_t num = 0;

    for (;;) {
        size_t same = 0;

        data = memchr(data, *first ^ UINT8_MAX, (size_t)(end - data));
        if (data == NULL || end - data < PART_LEN) {
            return num;
        }
        while (same < PART_LEN && (data[same] ^ first[step * (int)same]) == UINT8_MAX) {
            same++;
        }
        num += same == PART_LEN ? 1 : 0;
        data++;
    }
}

/* Windows overlap, so that nothing is cut; what is found twice then is counted twice. */
static size_t search_range(int memory, uint64_t from, uint64_t to,
                           const uint8_t inverted[static KEY_LEN])
{
    static uint8_t window[WINDOW_LEN];
    size_t num = 0;

    for (uint64_t at = from; at < to; at += WINDOW_LEN - PART_LEN) {
        size_t want = to - at < WINDOW_LEN ? (size_t)(to - at) : WINDOW_LEN;
        ssize_t got = pread(memory, window, want, (off_t)at);
        bool own = at + WINDOW_LEN > (uintptr_t)window && at < (uintptr_t)window + WINDOW_LEN;

        if (!own && got > 0) {
            num += count_form(window, (size_t)got, inverted, 1) +
                   count_form(window, (size_t)got, inverted + KEY_LEN - 1, -1);
        }
        OPENSSL_cleanse(window, WINDOW_LEN);
    }
    return num;
}

/* How often the key lies in memory that this process can write. */
static size_t search(const uint8_t inverted[static KEY_LEN])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char line[512];
    size_t num = 0;

    assert_true(maps != NULL && memory >= 0);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long from = 0;
        unsigned long long to = 0;
        char rights[8] = "";

        /* Sanitizers map whole regions for themselves; the heap is in smaller ones. */
        if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) == 3 &&
            strncmp(rights, "rw", 2) == 0 && to - from < RANGE_MAX) {
            num += search_range(memory, from, to, inverted);
        }
    }
    close(memory);
    (void)fclose(maps);
    return num;
}

static void use_in_a_handshake(const struct identity *identity)
{
    struct err err;
    struct algorithms *algorithms = algorithms_new(&err);
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX *server = NULL;
    struct pair *pair = NULL;

    assert_non_null(algorithms);
    server = context_new(algorithms_context(algorithms), identity, false, NULL, &err);
    assert_non_null(server);
    pair = pair_shake(client, server); /* refused for want of a certificate, after we have signed */
    pair_free(pair);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    algorithms_free(algorithms);
}

static void a_key_from_a_file_is_gone_once_it_is_given_up(void **state)
{
    const struct fixture *fixture = *state;
    const struct identity_files files = {
        .certificate = fixture->certificate,
        .private_key = fixture->private_key,
        .trust_bundle = fixture->certificate,
    };
    struct identity *identity = NULL;
    uint8_t *inverted = NULL;
    size_t len = 0;
    struct err err;

    assert_int_equal(file_read(fixture->inverted, KEY_LEN, &inverted, &len, &err), 0);
    assert_int_equal(identity_load_files(&files, "prod.example", &identity, &err), 0);
    assert_int_equal(search(inverted), 1); /* where OpenSSL keeps it, and nowhere else */
    use_in_a_handshake(identity);
    identity_unref(identity);
    assert_int_equal(search(inverted), 0);
    free(inverted);
}

static void a_generated_key_is_gone_once_it_is_given_up(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint8_t inverted[KEY_LEN];

    assert_non_null(key);
    invert(key, inverted);
    assert_int_equal(search(inverted), 1);
    EVP_PKEY_free(key);
    assert_int_equal(search(inverted), 0);
}

/* The flags of the mapping that `address` lies in, as smaps has them. */
static void flags_of(const void *address, char *out, size_t cap)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool here = false;

    out[0] = '\0';
    assert_non_null(smaps);
    while (fgets(line, sizeof(line), smaps) != NULL) {
        unsigned long long from = 0;
        unsigned long long to = 0;

        if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
            here = (uintptr_t)address >= from && (uintptr_t)address < to;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(out, cap, "%s", line);
        }
    }
    (void)fclose(smaps);
}

/* The last test: what is allocated here is out of a leak checker's sight. */
static void memory_set_aside_is_locked_and_left_out_of_dumps(void **state)
{
    char flags[512];
    void *secret = NULL;

    assert_int_equal(secrecy_set_aside(16384), SECRECY_LOCKED);
    secret = OPENSSL_secure_malloc(KEY_LEN);
    flags_of(secret, flags, sizeof(flags));
    OPENSSL_secure_free(secret);
    assert_non_null(strstr(flags, " lo"));
    assert_non_null(strstr(flags, " dd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_from_a_file_is_gone_once_it_is_given_up, set_up,
                                        tear_down),
        cmocka_unit_test(a_generated_key_is_gone_once_it_is_given_up),
        cmocka_unit_test(memory_set_aside_is_locked_and_left_out_of_dumps),
    };
    struct err err;

    if (secrecy_begin(&err) != 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
