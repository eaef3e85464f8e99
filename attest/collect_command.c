/*
 * The command `collect`: evidence from this machine into a file or a pipe.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/arg.h"
#include "attest/collect.h"
#include "attest/command.h"
#include "attest/configfs.h"
#include "attest/parcel.h"
#include "attest/sev_guest.h"
#include "attest/tsm.h"
#include "common/err.h"
#include "common/file.h"

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " collect --report-data HEX -o FILE [OPTION...]\n"
    "\n"
    "Has the platform sign up to 64 bytes (padded with zeros) and writes a tsm-report (CBOR).\n"
    "\n"
    "  --report-data HEX  what the evidence shall be bound to: a nonce, the hash of a key\n"
    "  -o FILE            where to write it; replaced if it exists; - is standard output\n"
    "  --platform NAME    auto (the default: what this machine is), snp, or sim\n"
    "  --machine MDIR     sim: the simulated machine's folder (see sim machine)\n"
    "  --vmpl N           privilege level to ask for, 0 to 3; by default the least that the "
    "kernel\n"
    "                     admits\n"
    "  --report-dir DIR   the kernel's configfs-tsm; " CONFIGFS_DIR "\n"
    "                     by default\n"
    "  --device FILE      where that is missing, the device of the kernel's driver sev-guest;\n"
    "                     " SEV_GUEST_PATH " by default\n";

struct collect_args {
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    bool has_report_data;
    const char *out;
    struct collect_options options;
};

/* Returns an exit code, or -1 to go on. */
static int take_option(struct collect_args *args, int option, const char *value)
{
    struct err err;
    size_t len = 0;

    switch (option) {
    case 'r':
        if (arg_hex(value, sizeof(args->report_data), args->report_data, &len, &err) != 0) {
            return command_error("--report-data", &err);
        }
        args->has_report_data = true;
        return -1;
    case 'o':
        args->out = value;
        return -1;
    case 'p':
        args->options.platform = value;
        return -1;
    case 'm':
        args->options.machine_dir = value;
        return -1;
    case 'd':
        args->options.report_dir = value;
        return -1;
    case 'g':
        args->options.device = value;
        return -1;
    case 'v':
        return arg_number(value, 3, &args->options.vmpl, &err) == 0 ? -1
                                                                    : command_error("--vmpl", &err);
    case 'h':
        fputs(usage_text, stdout);
        return COMMAND_DONE;
    default:
        return COMMAND_USAGE;
    }
}

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int put(const char *path, struct bytes bytes, struct err *err)
{
    if (!is_stdout(path)) {
        return file_replace(path, 0644, bytes.data, bytes.len, err);
    }
    return fwrite(bytes.data, 1, bytes.len, stdout) == bytes.len && fflush(stdout) == 0
               ? 0
               : err_set_errno(err, ERR_IO, errno, "cannot write to it");
}

/* What was written, and what it is good for. */
static void say(const char *path, const struct evidence *evidence, size_t len)
{
    static const char *const certs[] = {
        "without a certificate that fits it: a CA has to ask the vendor",
        "with the certificate of the key that signed it",
        "with the certificates of the key that signed it and of its issuer",
    };
    struct err err;
    struct parcel *parcel = parcel_new(evidence, (int64_t)time(NULL), &err);
    const char *worth = parcel != NULL ? certs[parcel_evidence(parcel)->num_certs] : err.msg;

    fprintf(is_stdout(path) ? stderr : stdout, "%s: %zu bytes of evidence from %.*s, %s\n", path,
            len, (int)evidence->provider.len, (const char *)evidence->provider.data, worth);
    parcel_free(parcel);
}

static int collect(const struct collect_args *args)
{
    int code = COMMAND_FAILED;
    uint8_t *storage = malloc(TSM_LEN_MAX);
    struct buf out = buf_over(storage, TSM_LEN_MAX);
    const struct collect_source *source = NULL;
    struct collected *collected = NULL;
    struct err err;

    if (storage == NULL) {
        goto out;
    }
    collect_sweep(&args->options);
    source = collect_find(&args->options, &err);
    if (source != NULL) {
        collected = collect_evidence(source, &args->options, args->report_data, &err);
    }
    if (collected == NULL) {
        code = command_error("collect", &err);
        goto out;
    }
    if (tsm_encode(collected_evidence(collected), &out, &err) != 0 ||
        put(args->out, (struct bytes){out.data, out.len}, &err) != 0) {
        code = command_error(args->out, &err);
        goto out;
    }
    say(args->out, collected_evidence(collected), out.len);
    code = COMMAND_DONE;
out:
    collected_free(collected);
    free(storage);
    return code;
}

int collect_command(int argc, char **argv)
{
    static const struct option options[] = {{"report-data", required_argument, NULL, 'r'},
                                            {"platform", required_argument, NULL, 'p'},
                                            {"machine", required_argument, NULL, 'm'},
                                            {"report-dir", required_argument, NULL, 'd'},
                                            {"device", required_argument, NULL, 'g'},
                                            {"vmpl", required_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct collect_args args = {.options = {.platform = "auto"}};
    int option = 0;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        int code = take_option(&args, option, optarg);

        if (code >= 0) {
            return code;
        }
    }
    if (argc != optind || !args.has_report_data || args.out == NULL) {
        return command_usage("collect: need --report-data and -o, and nothing else (see --help)");
    }
    return collect(&args);
}
