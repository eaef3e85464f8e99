/*
 * The command `measure id-block`: what a guest's owner gives the host to launch with, and what a
 * policy says to know it again.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "attest/arg.h"
#include "attest/command.h"
#include "attest/idblock.h"
#include "attest/keyfile.h"
#include "attest/report.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/est.h"
#include "common/file.h"

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " measure id-block --measurement HEX --id-key FILE --block FILE\n"
    "                       --auth FILE [OPTION...]\n"
    "\n"
    "Writes an ID block, with which the firmware launches nothing but this measurement under this\n"
    "POLICY, and the ID authentication that goes with it; prints what a policy says of them.\n"
    "\n"
    "  --measurement HEX  what may be launched, 96 digits (see measure snp)\n"
    "  --id-key FILE      private key on P-384 that signs the block, PEM\n"
    "  --author-key FILE  private key on P-384 that signs the ID key, PEM; none by default\n"
    "  --family-id HEX    32 digits of your choice, and\n"
    "  --image-id HEX     32 more; zero by default\n"
    "  --guest-svn N      security version of the image; 0 by default\n"
    "  --policy HEX       POLICY, the same as at the launch; 30000 by default\n"
    "  --block FILE       where the ID block goes, 96 bytes, and\n"
    "  --auth FILE        where the ID authentication goes, 4096 bytes; both are replaced\n"
    "  --base64           both in base64, as QEMU takes them for id-block= and id-auth=\n";

#define POLICY_DEFAULT 0x30000
#define ENCODED_MAX ((size_t)IDBLOCK_AUTH_LEN / 3 * 4 + 8)

struct idblock_args {
    const char *id_key;
    const char *author_key;
    const char *block_path;
    const char *auth_path;
    bool has_measurement;
    bool base64;
    struct idblock block;
};

/* Exactly `len` bytes.  Returns an exit code, or -1 to go on, as all that follow. */
static int take_bytes(const char *name, const char *value, size_t len, uint8_t *out)
{
    size_t got = 0;
    struct err err;

    if (arg_hex(value, len, out, &got, &err) != 0) {
        return command_error(name, &err);
    }
    return got == len ? -1 : command_usage("%s: need %zu hex digits", name, 2 * len);
}

static int take_policy(const char *value, uint64_t *out_policy)
{
    struct err err;

    if (arg_hex_number(value, out_policy, &err) != 0) {
        return command_error("--policy", &err);
    }
    if ((*out_policy & REPORT_POLICY_ONE) == 0 || (*out_policy & ~REPORT_POLICY_KNOWN) != 0) {
        return command_usage("--policy: bit 17 must be 1, and bits 63 to 26 be 0");
    }
    return -1;
}

static int take_field(struct idblock *block, int option, const char *value)
{
    unsigned svn = 0;
    struct err err;

    switch (option) {
    case 'f':
        return take_bytes("--family-id", value, IDBLOCK_ID_LEN, block->family_id);
    case 'i':
        return take_bytes("--image-id", value, IDBLOCK_ID_LEN, block->image_id);
    case 's':
        if (arg_number(value, UINT32_MAX, &svn, &err) != 0) {
            return command_error("--guest-svn", &err);
        }
        block->guest_svn = svn;
        return -1;
    default:
        return take_policy(value, &block->policy);
    }
}

static int take_option(struct idblock_args *args, int option, const char *value)
{
    switch (option) {
    case 'm':
        args->has_measurement = true;
        return take_bytes("--measurement", value, IDBLOCK_DIGEST_LEN, args->block.measurement);
    case 'k':
        args->id_key = value;
        return -1;
    case 'a':
        args->author_key = value;
        return -1;
    case 'b':
        args->block_path = value;
        return -1;
    case 'A':
        args->auth_path = value;
        return -1;
    case '6':
        args->base64 = true;
        return -1;
    case 'f':
    case 'i':
    case 's':
    case 'p':
        return take_field(&args->block, option, value);
    case 'h':
        fputs(usage_text, stdout);
        return COMMAND_DONE;
    default:
        return COMMAND_USAGE;
    }
}

/* Signs, and checks what was signed as firmware will. */
static int sign(const struct idblock_args *args, const uint8_t bytes[static IDBLOCK_LEN],
                uint8_t auth[static IDBLOCK_AUTH_LEN], struct idblock_keys *keys, struct err *err)
{
    int rc = -1;
    EVP_PKEY *id_key = keyfile_read(args->id_key, err);
    EVP_PKEY *author_key = NULL;

    if (id_key == NULL) {
        goto out;
    }
    if (args->author_key != NULL) {
        author_key = keyfile_read(args->author_key, err);
        if (author_key == NULL) {
            goto out;
        }
    }
    if (idblock_sign(bytes, id_key, author_key, auth, err) != 0) {
        goto out;
    }
    rc = idblock_check(bytes, auth, keys, err);
out:
    EVP_PKEY_free(author_key);
    EVP_PKEY_free(id_key);
    return rc;
}

static int write_out(const char *path, struct bytes bytes, bool base64, struct err *err)
{
    char text[ENCODED_MAX];
    struct buf encoded = buf_over(text, sizeof(text));

    if (!base64) {
        return file_replace(path, 0644, bytes.data, bytes.len, err);
    }
    if (!est_base64_put(&encoded, bytes, 0)) {
        return err_set(err, ERR_LIMIT, "%s: too long", path);
    }
    return file_replace(path, 0644, encoded.data, encoded.len, err);
}

static void print_hex(const char *key, const uint8_t *bytes, size_t len)
{
    printf("%s = ", key);
    for (size_t i = 0; i < len; i++) {
        printf("%02x", bytes[i]);
    }
    putchar('\n');
}

/* A policy refuses an id of zeros: it would match guests without an ID block. */
static void print_id(const char *key, const uint8_t id[static IDBLOCK_ID_LEN])
{
    static const uint8_t zero[IDBLOCK_ID_LEN];

    if (memcmp(id, zero, sizeof(zero)) != 0) {
        print_hex(key, id, IDBLOCK_ID_LEN);
    }
}

static int print(const struct idblock *block, const struct idblock_keys *keys)
{
    printf("; launch with policy=0x%" PRIx64 ", author-key-enabled=%s\n", block->policy,
           keys->has_author ? "on" : "off");
    print_hex("id_key_digest", keys->id_key, IDBLOCK_DIGEST_LEN);
    if (keys->has_author) {
        print_hex("author_key_digest", keys->author_key, IDBLOCK_DIGEST_LEN);
    }
    print_id("family_id", block->family_id);
    print_id("image_id", block->image_id);
    if (block->guest_svn > 0) {
        printf("min_guest_svn = %" PRIu32 "\n", block->guest_svn);
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

/* By any name: a path, a link to it. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat info_a;
    struct stat info_b;

    return strcmp(a, b) == 0 || (stat(a, &info_a) == 0 && stat(b, &info_b) == 0 &&
                                 info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino);
}

/* What is written must not take the place of a key, which may be the only copy. */
static bool paths_differ(const struct idblock_args *args)
{
    const char *const keys[] = {args->id_key, args->author_key};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] != NULL &&
            (is_same_file(keys[i], args->block_path) || is_same_file(keys[i], args->auth_path))) {
            return false;
        }
    }
    return !is_same_file(args->block_path, args->auth_path);
}

static int make(const struct idblock_args *args)
{
    uint8_t bytes[IDBLOCK_LEN];
    uint8_t auth[IDBLOCK_AUTH_LEN];
    struct idblock_keys keys;
    struct err err;

    idblock_write(&args->block, bytes);
    if (sign(args, bytes, auth, &keys, &err) != 0 ||
        write_out(args->block_path, (struct bytes){bytes, sizeof(bytes)}, args->base64, &err) !=
            0 ||
        write_out(args->auth_path, (struct bytes){auth, sizeof(auth)}, args->base64, &err) != 0) {
        return command_error("measure id-block", &err);
    }
    return print(&args->block, &keys);
}

int idblock_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"measurement", required_argument, NULL, 'm'},
        {"id-key", required_argument, NULL, 'k'},
        {"author-key", required_argument, NULL, 'a'},
        {"family-id", required_argument, NULL, 'f'},
        {"image-id", required_argument, NULL, 'i'},
        {"guest-svn", required_argument, NULL, 's'},
        {"policy", required_argument, NULL, 'p'},
        {"block", required_argument, NULL, 'b'},
        {"auth", required_argument, NULL, 'A'},
        {"base64", no_argument, NULL, '6'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct idblock_args args = {.block = {.policy = POLICY_DEFAULT}};
    int option = 0;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int code = take_option(&args, option, optarg);

        if (code != -1) {
            return code;
        }
    }
    if (argc != optind || !args.has_measurement || args.id_key == NULL || args.block_path == NULL ||
        args.auth_path == NULL) {
        return command_usage("measure id-block: need --measurement, --id-key, --block and --auth "
                             "(see --help)");
    }
    if (!paths_differ(&args)) {
        return command_usage("measure id-block: --block and --auth need files of their own");
    }
    if ((args.block.policy & REPORT_POLICY_DEBUG) != 0) {
        fputs(COMMAND_PROGRAM ": --policy: it lets the host debug the guest\n", stderr);
    }
    return make(&args);
}
