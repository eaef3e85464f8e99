/*
 * Main: the entry of liftgate-attest, the operator's tool, which collects, explains and verifies
 * evidence and makes simulated machines.  No network: where something is missing it prints the
 * address that has it.  Each subcommand is a file of its own.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "attest/command.h"
#include "common/cbor.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"collect", collect_command, "have this machine's hardware sign evidence"},
    {"inspect", inspect_command, "explain evidence, a certificate or a CSR, field by field"},
    {"verify", verify_command, "say whether evidence is genuine, and if not, which rule it breaks"},
    {"measure", measure_command, "compute the launch measurement that a policy names"},
    {"sim", sim_command, "make a simulated vendor or machine, for tests and demonstrations"},
};

#define NUM_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(void)
{
    puts("usage: " COMMAND_PROGRAM " COMMAND [OPTION...]\n"
         "       " COMMAND_PROGRAM " COMMAND --help | --help | --version\n");
    for (size_t i = 0; i < NUM_COMMANDS; i++) {
        printf("  %-8s %s\n", commands[i].name, commands[i].help);
    }
    puts("\nexit code: 0 done, 1 failed, 2 wrong usage or policy file, 3 refused");
    return COMMAND_DONE;
}

static int version(void)
{
    printf(COMMAND_PROGRAM " " LIFTGATE_VERSION " (%s, libcbor %s, jansson %s)\n",
           OpenSSL_version(OPENSSL_VERSION), cbor_library_version(), JANSSON_VERSION);
    return COMMAND_DONE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return command_usage("no command (see --help)");
    }
    if (strcmp(argv[1], "--help") == 0) {
        return help();
    }
    if (strcmp(argv[1], "--version") == 0) {
        return version();
    }
    for (size_t i = 0; i < NUM_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return command_usage("%s: no such command (see --help)", argv[1]);
}
