/*
 * The command `inspect`: one file of unknown kind, explained.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "attest/command.h"
#include "attest/inspect.h"
#include "attest/intake.h"
#include "common/err.h"
#include "common/file.h"

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " inspect FILE [--json]\n"
    "\n"
    "Explains what FILE holds: an attestation report (raw, hexadecimal, base64), a report with "
    "its\n"
    "certificate table, a tsm-report (CBOR or JSON), certificates (PEM or DER) or a CSR.\n"
    "Nothing is verified.  '!' marks what takes protection away, '?' what deserves a look.\n"
    "\n"
    "  --json  for programs\n";

static void explain(struct sheet *sheet, const struct intake *intake)
{
    if (intake->kind == INTAKE_CSR) {
        inspect_csr(sheet, intake->documents[0]);
    }
    if (intake->has_evidence) {
        inspect_evidence(sheet, &intake->evidence);
    }
    if (intake->kind == INTAKE_CERTIFICATES) {
        for (size_t i = 0; i < intake->num_documents; i++) {
            char title[40];

            snprintf(title, sizeof(title), "Certificate %zu", i + 1);
            inspect_certificate(sheet, title, intake->documents[i]);
        }
    }
}

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
    if (file_read(path, INTAKE_LEN_MAX, &data, &len, &err) != 0) {
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
    sheet_section(&sheet, "File");
    sheet_put(&sheet, "kind", NULL, "%s", intake_kind_name(intake.kind));
    explain(&sheet, &intake);
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
    if (argc - optind != 1) {
        return command_usage("inspect: need one FILE");
    }
    return inspect(argv[optind], json);
}
