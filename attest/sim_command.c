/*
 * The command `sim`: simulated vendors and machines, for tests and demonstrations.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/arg.h"
#include "attest/command.h"
#include "attest/idblock.h"
#include "attest/sim.h"
#include "common/err.h"
#include "common/file.h"

#define MEASUREMENT_LEN 48 /* bytes */
#define CLOCK_SKEW_S 60    /* a machine's key is valid from a little before it was made */

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " sim init -d DIR\n"
    "       " COMMAND_PROGRAM " sim machine -d DIR -o MDIR --measurement HEX [--version N]\n"
    "                       [--layout N]\n"
    "\n"
    "init     makes DIR with the root (ARK) and intermediate (ASK) of a simulated vendor.  Takes\n"
    "         seconds.  DIR/ark.pem is what a CA's policy names as insecure_root.\n"
    "machine  makes MDIR, a simulated machine under that vendor, for liftgate and for collect.\n"
    "\n"
    "  -d DIR             the vendor's folder\n"
    "  -o MDIR            the machine's folder\n"
    "  --measurement HEX  what its reports say was launched; 48 bytes\n"
    "  --version N        format of its reports, 2 to 5; 5 by default\n"
    "  --layout N         layout of its TCB, 0 (Milan, Genoa; default) or 1 (Turin)\n"
    "  --host-data HEX    what its host says at launch; at most 32 bytes\n"
    "  --id-block FILE    launched with this ID block, and\n"
    "  --id-auth FILE     this ID authentication, both raw (see measure id-block)\n"
    "  --debug            its guest policy allows debugging: verifiers refuse that by default\n"
    "\n"
    "A simulated machine protects nothing: whoever has MDIR can sign what he likes.\n";

#define POLICY_DEFAULT 0x30000U
#define POLICY_DEBUG 0x80000U

struct sim_args {
    const char *dir;
    const char *mdir;
    uint8_t measurement[MEASUREMENT_LEN];
    bool has_measurement;
    uint8_t host_data[32];
    const char *id_block;
    const char *id_auth;
    struct sim_machine_options options;
};

static int take_number(const char *name, const char *value, unsigned max, unsigned *out_number)
{
    struct err err;

    return arg_number(value, max, out_number, &err) == 0 ? -1 : command_error(name, &err);
}

static int take_measurement(struct sim_args *args, const char *value)
{
    struct err err;
    size_t len = 0;

    if (arg_hex(value, MEASUREMENT_LEN, args->measurement, &len, &err) != 0) {
        return command_error("--measurement", &err);
    }
    if (len != MEASUREMENT_LEN) {
        return command_usage("--measurement: need exactly 48 bytes in hexadecimal");
    }
    args->has_measurement = true;
    return -1;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct sim_args *args, int option, const char *value)
{
    struct err err;
    size_t len = 0;

    switch (option) {
    case 'd':
        args->dir = value;
        return -1;
    case 'o':
        args->mdir = value;
        return -1;
    case 'm':
        return take_measurement(args, value);
    case 'v':
        return take_number("--version", value, 5, &args->options.report_version);
    case 'l':
        return take_number("--layout", value, 1, &args->options.struct_version);
    case 'H':
        if (arg_hex(value, sizeof(args->host_data), args->host_data, &len, &err) != 0) {
            return command_error("--host-data", &err);
        }
        args->options.host_data = args->host_data;
        return -1;
    case 'D':
        args->options.guest_policy = POLICY_DEFAULT | POLICY_DEBUG;
        return -1;
    case 'b':
        args->id_block = value;
        return -1;
    case 'a':
        args->id_auth = value;
        return -1;
    case 'h':
        fputs(usage_text, stdout);
        return COMMAND_DONE;
    default:
        return COMMAND_USAGE;
    }
}

static int init(const struct sim_args *args)
{
    struct err err;

    if (args->dir == NULL || args->mdir != NULL || args->has_measurement) {
        return command_usage("sim init: need -d DIR and nothing else");
    }
    if (sim_vendor_create(args->dir, "Sim", &err) != 0) {
        return command_error(args->dir, &err);
    }
    printf("%s/ark.pem: root of a simulated vendor; it protects nothing\n", args->dir);
    return COMMAND_DONE;
}

/* Exactly `len` bytes of a file. */
static int read_exactly(const char *path, uint8_t *out, size_t len, struct err *err)
{
    uint8_t *data = NULL;
    size_t got = 0;

    if (file_read(path, len, &data, &got, err) != 0) {
        return -1;
    }
    if (got == len) {
        memcpy(out, data, len);
    }
    free(data);
    return got == len ? 0 : err_set(err, ERR_INVALID, "%s: need %zu bytes", path, len);
}

static int create(const struct sim_args *args, struct err *err)
{
    struct sim_machine_options options = args->options;
    uint8_t block[IDBLOCK_LEN];
    uint8_t auth[IDBLOCK_AUTH_LEN];

    if (args->id_block != NULL) {
        if (read_exactly(args->id_block, block, sizeof(block), err) != 0 ||
            read_exactly(args->id_auth, auth, sizeof(auth), err) != 0) {
            return -1;
        }
        options.id_block = block;
        options.id_auth = auth;
    }
    return sim_machine_create(args->dir, args->mdir, &options, err);
}

static int machine(struct sim_args *args)
{
    struct err err;

    if (args->dir == NULL || args->mdir == NULL || !args->has_measurement) {
        return command_usage("sim machine: need -d DIR, -o MDIR and --measurement HEX");
    }
    if ((args->id_block == NULL) != (args->id_auth == NULL)) {
        return command_usage("sim machine: --id-block and --id-auth need each other");
    }
    args->options.measurement = args->measurement;
    args->options.not_before = (int64_t)time(NULL) - CLOCK_SKEW_S;
    if (create(args, &err) != 0) {
        return command_error(args->mdir, &err);
    }
    printf("%s: simulated machine; it protects nothing\n", args->mdir);
    return COMMAND_DONE;
}

int sim_command(int argc, char **argv)
{
    static const struct option options[] = {{"measurement", required_argument, NULL, 'm'},
                                            {"version", required_argument, NULL, 'v'},
                                            {"layout", required_argument, NULL, 'l'},
                                            {"host-data", required_argument, NULL, 'H'},
                                            {"id-block", required_argument, NULL, 'b'},
                                            {"id-auth", required_argument, NULL, 'a'},
                                            {"debug", no_argument, NULL, 'D'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct sim_args args = {0};
    int option = 0;

    optind = 1;
    while ((option = getopt_long(argc, argv, "d:o:", options, NULL)) != -1) {
        int code = take_option(&args, option, optarg);

        if (code >= 0) {
            return code;
        }
    }
    if (argc - optind == 1 && strcmp(argv[optind], "init") == 0) {
        return init(&args);
    }
    if (argc - optind == 1 && strcmp(argv[optind], "machine") == 0) {
        return machine(&args);
    }
    return command_usage("sim: need init or machine (see --help)");
}
