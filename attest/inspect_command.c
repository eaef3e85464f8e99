/*
 * The command `inspect`: one file of unknown kind, explained.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "attest/command.h"
#include "attest/input.h"
#include "attest/inspect.h"
#include "attest/intake.h"
#include "common/err.h"

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " inspect [FILE] [--json]\n"
    "\n"
    "Explains what FILE, or standard input, holds: an attestation report (raw, hexadecimal, "
    "base64),\n"
    "a report with its certificate table, a tsm-report (CBOR or JSON), certificates (PEM or DER), "
    "a\n"
    "CSR, an attestation bundle, a revocation list or a certificate table alone.\n"
    "Nothing is verified.  '!' marks what takes protection away, '?' what deserves a look.\n"
    "\n"
    "  --json  for programs\n";

static int inspect(const char *path, bool json)
{
    int code = COMMAND_FAILED;
    uint8_t *data = NULL;
    uint8_t *room = malloc(INTAKE_STORAGE_LEN);
    struct buf storage = buf_over(room, INTAKE_STORAGE_LEN);
    size_t len = 0;
    struct intake intake;
    struct verdict verdict;
    struct sheet sheet;
    struct err err;

    if (room == NULL) {
        goto out;
    }
    if (input_read(path, INTAKE_LEN_MAX, &data, &len, &err) != 0) {
        fprintf(stderr, COMMAND_PROGRAM ": %s\n", err.msg);
        goto out;
    }
    if (!intake_open((struct bytes){data, len}, &storage, &intake, &verdict)) {
        fprintf(stderr, COMMAND_PROGRAM ": %s: %s: %s\n", path, verdict_code_name(verdict.code),
                verdict.slug);
        code = COMMAND_REFUSED;
        goto out;
    }
    if (sheet_init(&sheet, stdout, json, &err) != 0) {
        command_error(path, &err);
        goto out;
    }
    sheet_remark(&sheet, "This explains what the file says.  Nothing of it has been verified: that "
                         "is the command verify.");
    inspect_intake(&sheet, &intake, (int64_t)time(NULL));
    if (sheet_finish(&sheet, &err) != 0) {
        command_error(path, &err);
        goto out;
    }
    code = COMMAND_DONE;
out:
    free(data);
    free(room);
    return code;
}

int inspect_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int option = 0;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return COMMAND_DONE;
        default:
            return COMMAND_USAGE;
        }
    }
    if (argc - optind > 1 || (argc == optind && isatty(STDIN_FILENO) != 0)) {
        return command_usage("inspect: need one FILE");
    }
    return inspect(argc == optind ? "-" : argv[optind], json);
}
