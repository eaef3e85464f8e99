/*
 * The command `verify`: files in, a verdict out.  The rules are attest/verify.h and
 * attest/policy.h; this gathers what they need and in which words they answer.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/arg.h"
#include "attest/command.h"
#include "attest/finding.h"
#include "attest/intake.h"
#include "attest/material.h"
#include "attest/policy.h"
#include "attest/verify.h"
#include "common/err.h"

static const char usage_text[] =
    "usage: " COMMAND_PROGRAM " verify --report FILE [OPTION...]\n"
    "\n"
    "FILE is an attestation report (raw, hexadecimal, base64), a report with its certificate "
    "table\n"
    "behind it, a tsm-report (CBOR or JSON), a CSR or its attestation bundle; - is standard "
    "input.\n"
    "\n"
    "  --vek FILE         the key certificate (VCEK); DER or PEM, like all certificates\n"
    "  --ask FILE         the intermediate, or the key service's whole cert_chain\n"
    "  --ark FILE         AMD's root; it counts only if its key is pinned here\n"
    "  --crl FILE         the root's revocation list, DER; without one rows 55 to 63 are skipped\n"
    "  --collateral DIR   every *.der, *.pem and *.crl in DIR\n"
    "  --report-data HEX  what the report must be bound to; padded with zeros to 64 bytes\n"
    "  --report-id HEX    the instance of the guest that it must come from\n"
    "  --at TIME          as if it were TIME (2026-11-25T12:00:00Z)\n"
    "  --vmpl N           privilege level that may have asked, 0 by default\n"
    "  --allow LIST       debug, migration, or both with a comma\n"
    "  --policy FILE      appraise by the CA's policy instead of the defaults\n"
    "  --workload NAME    by this workload of the policy alone\n"
    "  --json             for programs\n"
    "\n"
    "Last line: `verdict: accepted` (exit 0) or `verdict: refused: CODE: SLUG: detail` (exit 3).\n";

struct verify_args {
    const char *report;
    const char *policy;
    const char *workload;
    struct material material; /* of --ask, --ark, --collateral */
    struct material veks;     /* of --vek: tried first */
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    bool has_report_data;
    uint8_t report_id[CLAIMS_REPORT_ID_LEN];
    bool has_report_id;
    int64_t now;
    bool loosened; /* --vmpl or --allow was given */
    struct policy_guest_rules guest;
    bool json;
};

static int file_error(const struct err *err)
{
    fprintf(stderr, COMMAND_PROGRAM ": %s\n", err->msg);
    return COMMAND_FAILED;
}

/* The command line. */

static int take_allow(struct verify_args *args, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (len == 5 && strncmp(list, "debug", len) == 0) {
            args->guest.allow_debug = true;
        } else if (len == 9 && strncmp(list, "migration", len) == 0) {
            args->guest.allow_migration = true;
        } else {
            return command_usage("--allow: need debug, migration or both, not %s", list);
        }
        list += len + (list[len] == ',' ? 1 : 0);
    }
    args->loosened = true;
    return -1;
}

static int take_value(struct verify_args *args, int option, const char *value)
{
    struct err err;
    size_t len = 0;
    unsigned vmpl = 0;

    switch (option) {
    case 'd':
        if (arg_hex(value, sizeof(args->report_data), args->report_data, &len, &err) != 0) {
            return command_error("--report-data", &err);
        }
        args->has_report_data = true;
        return -1;
    case 'i':
        if (arg_hex(value, sizeof(args->report_id), args->report_id, &len, &err) != 0) {
            return command_error("--report-id", &err);
        }
        if (len != sizeof(args->report_id)) {
            return command_usage("--report-id: need %zu hex digits", 2 * sizeof(args->report_id));
        }
        args->has_report_id = true;
        return -1;
    case 't':
        return arg_time(value, &args->now, &err) == 0 ? -1 : command_error("--at", &err);
    case 'l':
        if (arg_number(value, 3, &vmpl, &err) != 0) {
            return command_error("--vmpl", &err);
        }
        args->guest.vmpl = vmpl;
        args->loosened = true;
        return -1;
    default:
        return take_allow(args, value);
    }
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct verify_args *args, int option, const char *value)
{
    struct err err;

    switch (option) {
    case 'r':
        args->report = value;
        return -1;
    case 'v':
        return material_add(&args->veks, value, &err) == 0 ? -1 : file_error(&err);
    case 'c':
        return material_add(&args->material, value, &err) == 0 ? -1 : file_error(&err);
    case 'C':
        return material_add_dir(&args->material, value, &err) == 0 ? -1 : file_error(&err);
    case 'R':
        return material_add_crl(&args->material, value, &err) == 0 ? -1 : file_error(&err);
    case 'p':
        args->policy = value;
        return -1;
    case 'w':
        args->workload = value;
        return -1;
    case 'j':
        args->json = true;
        return -1;
    case 'h':
        fputs(usage_text, stdout);
        return COMMAND_DONE;
    case 'd':
    case 'i':
    case 't':
    case 'l':
    case 'a':
        return take_value(args, option, value);
    default:
        return COMMAND_USAGE;
    }
}

/* Judging. */

/* One workload's answer, unless [deny] gave it already.  COMMAND_USAGE if there is no such
   workload. */
static int check_workload(const struct verify_args *args, const struct policy *policy,
                          const struct claims *claims, bool denied, struct finding *finding)
{
    const struct policy_trace *trace = NULL;

    for (size_t i = 0; i < finding->num_traces && trace == NULL; i++) {
        if (strcmp(finding->traces[i].workload, args->workload) == 0) {
            trace = &finding->traces[i];
        }
    }
    if ((trace == NULL && !denied) ||
        !policy_explain(policy, args->workload, claims, &finding->rows)) {
        return command_usage("%s: no workload %s for %s", args->policy, args->workload,
                             tee_name(claims->tee));
    }
    if (trace != NULL) {
        finding->traces = trace;
        finding->num_traces = 1;
        finding->accepted = trace->matches;
        finding->verdict = trace->first_failure;
    }
    return COMMAND_DONE;
}

/* The policy's own answer, or that of one workload. */
static int check_policy(const struct verify_args *args, const struct policy *policy,
                        const struct claims *claims, struct policy_traces *traces,
                        struct finding *finding)
{
    struct policy_grant grant;
    struct verdict verdict = {0};
    bool denied = !policy_check_deny(policy, claims, &verdict, &finding->rows);

    finding->accepted = !denied && policy_evaluate(policy, claims, NULL, &grant, &verdict, traces);
    finding->verdict = verdict;
    finding->traces = traces->items;
    finding->num_traces = traces->num;
    return args->workload == NULL ? COMMAND_DONE
                                  : check_workload(args, policy, claims, denied, finding);
}

/* Row 91. */
static void check_instance(const struct verify_args *args, const struct claims *claims,
                           struct finding *finding)
{
    const struct policy_instance instance = {.report_id = args->report_id};
    struct row_result row = {.row = 91, .state = ROW_OK, .check = "instance"};

    if (!policy_check_instance(claims, &instance, &row.verdict)) {
        row.state = ROW_FAILED;
        finding->verdict = finding->accepted ? row.verdict : finding->verdict;
        finding->accepted = false;
    }
    if (finding->rows.num_results < VERIFY_ROWS_MAX) {
        finding->rows.results[finding->rows.num_results++] = row;
    }
}

/* Puts the VEKs that the operator names before those that the evidence brought.  Evidence that is
   full of certificates of its own cannot keep them out: its last one goes. */
static void prefer_veks(const struct verify_args *args, struct evidence *evidence)
{
    for (size_t i = args->veks.num_certs; i-- > 0;) {
        if (evidence->num_certs < EVIDENCE_CERTS_MAX) {
            evidence->num_certs++;
        }
        memmove(evidence->certs + 1, evidence->certs,
                (evidence->num_certs - 1) * sizeof(evidence->certs[0]));
        evidence->certs[0] = args->veks.certs[i];
    }
}

/* Fills `finding`.  Returns COMMAND_DONE whatever the verdict; anything else ends the program. */
static int judge(struct verify_args *args, struct intake *intake, const struct policy *policy,
                 struct policy_traces *traces, struct finding *finding)
{
    struct verify_options options = {
        .report_data = args->has_report_data ? args->report_data : NULL,
        .now = args->now,
        .anchors = verify_vendor_anchors,
        .num_anchors = verify_num_vendor_anchors,
        .vendor_crl = VENDOR_CRL_USE,
    };
    struct material *material = &args->material;
    struct collateral collateral;
    struct claims claims;
    int code = COMMAND_DONE;

    if (policy != NULL) {
        const struct policy_ca *ca = policy_ca(policy);

        options.anchors = ca->anchors;
        options.num_anchors = ca->num_anchors;
        options.vendor_crl = ca->vendor_crl;
        if (ca->insecure_root_der.data != NULL && material->num_certs < COLLATERAL_CERTS_MAX) {
            material->certs[material->num_certs++] = ca->insecure_root_der;
        }
    }
    prefer_veks(args, &intake->evidence);
    collateral = (struct collateral){.certs = material->certs,
                                     .num_certs = material->num_certs,
                                     .crls = material->crls,
                                     .num_crls = material->num_crls};
    finding->evidence = &intake->evidence;
    finding->accepted = verify_evidence(&intake->evidence, &collateral, &options, &claims,
                                        &finding->verdict, &finding->rows);
    if (!finding->accepted) {
        return COMMAND_DONE;
    }
    if (policy != NULL) {
        code = check_policy(args, policy, &claims, traces, finding);
    } else {
        finding->accepted =
            policy_check_defaults(&claims, &args->guest, &finding->verdict, &finding->rows);
    }
    if (args->has_report_id) {
        check_instance(args, &claims, finding);
    }
    return code;
}

static int verify(struct verify_args *args)
{
    int code = COMMAND_FAILED;
    uint8_t *room = malloc(INTAKE_STORAGE_LEN);
    struct buf storage = buf_over(room, INTAKE_STORAGE_LEN);
    struct finding *finding = calloc(1, sizeof(*finding));
    struct policy_traces traces = {.cap = POLICY_WORKLOADS_MAX};
    struct policy *policy = NULL;
    struct intake intake = {0};
    struct bytes file;
    struct err err;

    traces.items = calloc(traces.cap, sizeof(traces.items[0]));
    if (room == NULL || finding == NULL || traces.items == NULL) {
        err_set(&err, ERR_LIMIT, "no memory");
        code = file_error(&err);
        goto out;
    }
    if (args->policy != NULL && (policy = policy_load(args->policy, &err)) == NULL) {
        code = file_error(&err);
        code = err.code == ERR_INVALID ? COMMAND_USAGE : code;
        goto out;
    }
    if (material_read(&args->material, args->report, &file, &err) != 0) {
        code = file_error(&err);
        goto out;
    }
    if (!intake_open(file, &storage, &intake, &finding->verdict)) {
        finding->accepted = false;
    } else if (!intake.has_evidence) {
        verdict_refuse(&finding->verdict, VERDICT_ENVELOPE_INVALID, 0, "no-evidence");
        verdict_actual(&finding->verdict, "a %s", intake_kind_name(intake.kind));
    } else {
        code = judge(args, &intake, policy, &traces, finding);
        if (code != COMMAND_DONE) {
            goto out;
        }
    }
    finding_add_urls(finding);
    if ((args->json ? finding_print_json : finding_print)(finding, &err) != 0) {
        code = file_error(&err);
        goto out;
    }
    code = finding->accepted ? COMMAND_DONE : COMMAND_REFUSED;
out:
    policy_free(policy);
    free(traces.items);
    free(finding);
    free(room);
    return code;
}

/* Reads the options, then verifies. */
static int run(struct verify_args *args, int argc, char **argv)
{
    static const struct option options[] = {{"report", required_argument, NULL, 'r'},
                                            {"vek", required_argument, NULL, 'v'},
                                            {"ask", required_argument, NULL, 'c'},
                                            {"ark", required_argument, NULL, 'c'},
                                            {"collateral", required_argument, NULL, 'C'},
                                            {"crl", required_argument, NULL, 'R'},
                                            {"report-data", required_argument, NULL, 'd'},
                                            {"report-id", required_argument, NULL, 'i'},
                                            {"at", required_argument, NULL, 't'},
                                            {"vmpl", required_argument, NULL, 'l'},
                                            {"allow", required_argument, NULL, 'a'},
                                            {"policy", required_argument, NULL, 'p'},
                                            {"workload", required_argument, NULL, 'w'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option = 0;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int code = take_option(args, option, optarg);

        if (code >= 0) {
            return code;
        }
    }
    if (argc != optind || args->report == NULL) {
        return command_usage("verify: need --report FILE (see --help)");
    }
    if (args->policy == NULL && args->workload != NULL) {
        return command_usage("verify: --workload needs --policy");
    }
    if (args->policy != NULL && args->loosened) {
        return command_usage("verify: with --policy, the policy decides, not --vmpl or --allow");
    }
    return verify(args);
}

int verify_command(int argc, char **argv)
{
    struct verify_args args = {.now = (int64_t)time(NULL)};
    int code = run(&args, argc, argv);

    material_deinit(&args.material);
    material_deinit(&args.veks);
    return code;
}
