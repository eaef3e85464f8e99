/*
 * The command `measure`: what a guest's launch measurement will be, for a policy.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/arg.h"
#include "attest/command.h"
#include "attest/measure.h"
#include "common/err.h"
#include "common/file.h"

#define IMAGE_MAX ((size_t)256 * 1024 * 1024) /* bytes of a kernel or an initrd */

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " measure snp --ovmf FILE [OPTION...]\n"
    "       " COMMAND_PROGRAM " measure ovmf --ovmf FILE\n"
    "       " COMMAND_PROGRAM " measure id-block OPTION... | --help\n"
    "\n"
    "snp       prints `measurement = HEX`, as a policy wants it, for a guest that is launched "
    "with:\n"
    "ovmf      prints what --ovmf-hash takes.\n"
    "id-block  signs what may be launched, so that a policy can name the signer instead.\n"
    "\n"
    "  --ovmf FILE          the firmware, with SEV metadata\n"
    "  --ovmf-hash HEX      of the firmware's pages, instead of hashing them again\n"
    "  --kernel FILE        the kernel that the hypervisor hands over (-kernel)\n"
    "  --initrd FILE        its initial file system; none by default\n"
    "  --append TEXT        its command line; empty by default\n"
    "  --vcpus N            how many virtual processors; 1 by default\n"
    "  --vcpu-type MODEL    of QEMU: EPYC, EPYC-Rome, -Milan, -Genoa, -Turin, in any version\n"
    "  --vcpu-sig HEX       CPUID 1 EAX instead, such as 800f12\n"
    "  --vmm NAME           qemu (default), gce or ec2; what is known of ec2 is in doubt\n"
    "  --svsm FILE          with QEMU: an SVSM below the firmware, which all processors enter\n"
    "  --vars-size N        with --svsm: bytes of the firmware's variables, between the two\n"
    "  --guest-features HEX SEV_FEATURES; 1 by default, 21 with DebugSwap\n"
    "\n"
    "What most often differs: the model, DebugSwap, a firmware flavour without room for hashes,\n"
    "the number of processors.\n";

struct measure_args {
    const char *ovmf;
    const char *kernel;
    const char *initrd;
    const char *svsm;
    bool has_variables_len;
    uint8_t ovmf_digest[MEASURE_LEN];
    struct measure_launch launch;
};

/* Returns an exit code, or -1 to go on, as all that follow. */
static int take_hex(const char *name, const char *value, uint64_t *out_number)
{
    struct err err;

    return arg_hex_number(value, out_number, &err) == 0 ? -1 : command_error(name, &err);
}

static int take_digest(struct measure_args *args, const char *value)
{
    size_t len = 0;
    struct err err;

    if (arg_hex(value, MEASURE_LEN, args->ovmf_digest, &len, &err) != 0) {
        return command_error("--ovmf-hash", &err);
    }
    if (len != MEASURE_LEN) {
        return command_usage("--ovmf-hash: need %d hex digits", 2 * MEASURE_LEN);
    }
    args->launch.ovmf_digest = args->ovmf_digest;
    return -1;
}

static int take_processors(struct measure_launch *launch, int option, const char *value)
{
    uint64_t signature = 0;
    struct err err;
    int code = -1;

    switch (option) {
    case 'n':
        if (arg_number(value, MEASURE_VCPUS_MAX, &launch->vcpus, &err) != 0) {
            return command_error("--vcpus", &err);
        }
        return launch->vcpus > 0 ? -1 : command_usage("--vcpus: need at least one");
    case 't':
        launch->signature = vmsa_signature(value);
        return launch->signature != 0 ? -1
                                      : command_usage("--vcpu-type: no model %s is known", value);
    case 's':
        code = take_hex("--vcpu-sig", value, &signature);
        if (code == -1 && (signature == 0 || signature > UINT32_MAX)) {
            return command_usage("--vcpu-sig: need 32 bits");
        }
        launch->signature = (uint32_t)signature;
        return code;
    default:
        return take_hex("--guest-features", value, &launch->sev_features);
    }
}

static int take_surroundings(struct measure_args *args, int option, const char *value)
{
    static const struct {
        const char *name;
        enum vmsa_vmm vmm;
    } vmms[] = {{"qemu", VMSA_QEMU}, {"gce", VMSA_GCE}, {"ec2", VMSA_EC2}};
    unsigned len = 0;
    struct err err;

    if (option == 'V') {
        if (arg_number(value, OVMF_LEN_MAX, &len, &err) != 0) {
            return command_error("--vars-size", &err);
        }
        args->launch.variables_len = len;
        args->has_variables_len = true;
        return -1;
    }
    for (size_t i = 0; i < sizeof(vmms) / sizeof(vmms[0]); i++) {
        if (strcmp(value, vmms[i].name) == 0) {
            args->launch.vmm = vmms[i].vmm;
            return -1;
        }
    }
    return command_usage("--vmm: need qemu, gce or ec2");
}

static int take_option(struct measure_args *args, int option, const char *value)
{
    switch (option) {
    case 'o':
        args->ovmf = value;
        return -1;
    case 'O':
        return take_digest(args, value);
    case 'k':
        args->kernel = value;
        return -1;
    case 'i':
        args->initrd = value;
        return -1;
    case 'a':
        args->launch.cmdline = value;
        return -1;
    case 'S':
        args->svsm = value;
        return -1;
    case 'v':
    case 'V':
        return take_surroundings(args, option, value);
    case 'n':
    case 't':
    case 's':
    case 'f':
        return take_processors(&args->launch, option, value);
    case 'h':
        fputs(usage_text, stdout);
        return COMMAND_DONE;
    default:
        return COMMAND_USAGE;
    }
}

static int read_image(const char *path, size_t max, uint8_t **data, struct bytes *out_bytes,
                      struct err *err)
{
    size_t len = 0;

    if (path == NULL) {
        return 0;
    }
    if (file_read(path, max, data, &len, err) != 0) {
        return -1;
    }
    *out_bytes = (struct bytes){*data, len};
    return 0;
}

static int print(const char *before, const uint8_t digest[static MEASURE_LEN])
{
    fputs(before, stdout);
    for (size_t i = 0; i < MEASURE_LEN; i++) {
        printf("%02x", digest[i]);
    }
    putchar('\n');
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

/* Reads an SVSM's image, if there is to be one, and makes it part of the launch. */
static int read_svsm(struct measure_args *args, uint8_t **data, struct ovmf *svsm, struct err *err)
{
    struct bytes file = {0};

    if (args->svsm == NULL) {
        return 0;
    }
    if (read_image(args->svsm, OVMF_LEN_MAX, data, &file, err) != 0 ||
        ovmf_read_svsm(file, svsm, err) != 0) {
        return -1;
    }
    args->launch.svsm = svsm;
    args->launch.vmm = VMSA_SVSM;
    return 0;
}

static int measure(struct measure_args *args, bool firmware_alone)
{
    uint8_t *blocks[4] = {NULL, NULL, NULL, NULL};
    uint8_t digest[MEASURE_LEN];
    struct bytes file = {0};
    struct ovmf ovmf;
    struct ovmf svsm;
    struct err err;
    int code = COMMAND_FAILED;

    args->launch.ovmf = &ovmf;
    args->launch.has_kernel = args->kernel != NULL;
    if (read_image(args->ovmf, OVMF_LEN_MAX, &blocks[0], &file, &err) != 0 ||
        ovmf_read(file, &ovmf, &err) != 0 ||
        read_image(args->kernel, IMAGE_MAX, &blocks[1], &args->launch.kernel, &err) != 0 ||
        read_image(args->initrd, IMAGE_MAX, &blocks[2], &args->launch.initrd, &err) != 0 ||
        read_svsm(args, &blocks[3], &svsm, &err) != 0) {
        code = command_error("measure", &err);
    } else if (firmware_alone) {
        code = measure_ovmf(&ovmf, digest, &err) == 0 ? print("", digest)
                                                      : command_error("measure", &err);
    } else {
        code = measure_launch(&args->launch, digest, &err) == 0 ? print("measurement = ", digest)
                                                                : command_error("measure", &err);
    }
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        free(blocks[i]);
    }
    return code;
}

/* What does not go together.  Returns an exit code, or -1 to go on. */
static int check(const struct measure_args *args, bool firmware_alone)
{
    const struct measure_launch *launch = &args->launch;

    if (args->ovmf == NULL) {
        return command_usage("measure: need --ovmf FILE (see --help)");
    }
    if (args->kernel == NULL && (args->initrd != NULL || launch->cmdline[0] != '\0')) {
        return command_usage("measure: --initrd and --append need --kernel");
    }
    if ((args->svsm != NULL) != args->has_variables_len) {
        return command_usage("measure: --svsm and --vars-size need each other");
    }
    if (args->svsm != NULL && (launch->vmm != VMSA_QEMU || launch->sev_features != 1)) {
        return command_usage("measure: --svsm is for qemu, with SEV_FEATURES 1");
    }
    if (!firmware_alone && launch->vmm == VMSA_QEMU && launch->signature == 0) {
        return command_usage("measure: need --vcpu-type or --vcpu-sig");
    }
    return -1;
}

int measure_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"ovmf", required_argument, NULL, 'o'},
        {"ovmf-hash", required_argument, NULL, 'O'},
        {"kernel", required_argument, NULL, 'k'},
        {"initrd", required_argument, NULL, 'i'},
        {"append", required_argument, NULL, 'a'},
        {"vcpus", required_argument, NULL, 'n'},
        {"vcpu-type", required_argument, NULL, 't'},
        {"vcpu-sig", required_argument, NULL, 's'},
        {"vmm", required_argument, NULL, 'v'},
        {"svsm", required_argument, NULL, 'S'},
        {"vars-size", required_argument, NULL, 'V'},
        {"guest-features", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct measure_args args = {
        .launch = {.cmdline = "", .vcpus = 1, .vmm = VMSA_QEMU, .sev_features = 1}};
    bool alone = false;
    int option = 0;
    int code = -1;

    if (argc > 1 && strcmp(argv[1], "id-block") == 0) {
        return idblock_command(argc - 1, argv + 1);
    }
    optind = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        code = take_option(&args, option, optarg);
        if (code != -1) {
            return code;
        }
    }
    alone = argc - optind == 1 && strcmp(argv[optind], "ovmf") == 0;
    if (!alone && (argc - optind != 1 || strcmp(argv[optind], "snp") != 0)) {
        return command_usage("measure: need snp, ovmf or id-block (see --help)");
    }
    code = check(&args, alone);
    if (code != -1) {
        return code;
    }
    if (!alone && args.launch.vmm == VMSA_EC2) {
        fputs(COMMAND_PROGRAM
              ": --vmm ec2: public tools disagree about it; compare with the report of "
              "a guest that you trust\n",
              stderr);
    }
    return measure(&args, alone);
}
