/*
 * Finding: rows, addresses and the verdict as text and as JSON.
 */
#include "attest/finding.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "attest/product.h"
#include "attest/report.h"
#include "common/err.h"

#define DETAIL_MAX 400

/* Rows that are about one field of the report, which is then shown. */
static const struct {
    int row;
    enum report_field field;
} row_fields[] = {
    {10, REPORT_VERSION},  {11, REPORT_SIGNATURE_ALGO}, {12, REPORT_VMPL},
    {13, REPORT_POLICY},   {14, REPORT_KEY_INFO},       {15, REPORT_KEY_INFO},
    {16, REPORT_KEY_INFO}, {50, REPORT_KEY_INFO},       {51, REPORT_REPORTED_TCB},
    {52, REPORT_CHIP_ID},  {53, REPORT_CHIP_ID},        {66, REPORT_REPORT_DATA},
    {69, REPORT_POLICY},   {70, REPORT_VMPL},
};

static bool field_of(int row, enum report_field *out_field)
{
    for (size_t i = 0; i < sizeof(row_fields) / sizeof(row_fields[0]); i++) {
        if (row_fields[i].row == row) {
            *out_field = row_fields[i].field;
            return true;
        }
    }
    return false;
}

/* What a row that holds has found: the field's value, or nothing to tell. */
static void describe_ok(const struct finding *finding, int row, char out[static DETAIL_MAX])
{
    enum report_field field = REPORT_VERSION;
    struct report report;
    struct bytes bytes;
    size_t len = 0;

    snprintf(out, DETAIL_MAX, "holds");
    if (finding->evidence == NULL || !report_over(finding->evidence->outblob, &report) ||
        !field_of(row, &field)) {
        return;
    }
    if (report_field_info(field)->number) {
        snprintf(out, DETAIL_MAX, "%s 0x%" PRIx64, report_field_info(field)->name,
                 report_uint(report, field));
        return;
    }
    bytes = report_bytes(report, field);
    len = (size_t)snprintf(out, DETAIL_MAX, "%s ", report_field_info(field)->name);
    for (size_t i = 0; i < bytes.len && len + 2 < DETAIL_MAX; i++, len += 2) {
        snprintf(out + len, 3, "%02x", bytes.data[i]);
    }
}

/* Values may be an attacker's bytes: what is not printable becomes '?'. */
static void describe_failure(const struct verdict *verdict, char out[static DETAIL_MAX])
{
    bool expected = verdict->expected[0] != '\0';
    bool actual = verdict->actual[0] != '\0';

    snprintf(out, DETAIL_MAX, "%s%s%s%s%s", expected ? "expected " : "", verdict->expected,
             expected && actual ? ", " : "", actual ? "found " : "", verdict->actual);
    if (!expected && !actual) {
        if (verdict->row > 0) {
            snprintf(out, DETAIL_MAX, "rule %d does not hold", verdict->row);
        } else {
            snprintf(out, DETAIL_MAX, "malformed");
        }
    }
    for (char *at = out; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            *at = '?';
        }
    }
}

/* Addresses. */

static void add_url(struct finding *finding, struct report report, enum product product, bool vek)
{
    char *url = finding->urls[finding->num_urls];
    struct buf out = buf_over(url, KDS_URL_MAX);

    if (finding->num_urls < FINDING_URLS_MAX &&
        (vek ? kds_vcek_url(report, product, &out) : kds_chain_url(product, &out))) {
        url[out.len] = '\0';
        finding->num_urls++;
    }
}

void finding_add_urls(struct finding *finding)
{
    static const char *const vek_slugs[] = {"vek-missing", "product-mismatch", "vek-kind-mismatch",
                                            "vek-tcb-mismatch", "vek-chip-mismatch"};
    static const char *const chain_slugs[] = {"ask-missing", "ark-missing"};
    enum product product = PRODUCT_MILAN;
    struct report report;
    bool vek = false;
    bool chain = false;

    if (finding->accepted || finding->evidence == NULL ||
        !report_over(finding->evidence->outblob, &report)) {
        return;
    }
    for (size_t i = 0; i < sizeof(vek_slugs) / sizeof(vek_slugs[0]); i++) {
        vek = vek || strcmp(finding->verdict.slug, vek_slugs[i]) == 0;
    }
    for (size_t i = 0; i < sizeof(chain_slugs) / sizeof(chain_slugs[0]); i++) {
        chain = chain || strcmp(finding->verdict.slug, chain_slugs[i]) == 0;
    }
    /* A VLEK is its provider's to give; the key service has it for nobody else. */
    vek = vek && report_signing_key(report) == SIGNING_KEY_VCEK;
    if (!vek && !chain) {
        return;
    }
    if (report_uint(report, REPORT_VERSION) >= 3) {
        if (product_by_cpuid((unsigned)report_uint(report, REPORT_CPUID_FAMILY),
                             (unsigned)report_uint(report, REPORT_CPUID_MODEL), &product)) {
            add_url(finding, report, product, vek);
        }
        return;
    }
    /* Version 2 does not tell the product; Turin never spoke it. */
    add_url(finding, report, PRODUCT_MILAN, vek);
    add_url(finding, report, PRODUCT_GENOA, vek);
}

/* Text. */

static void print_row(const struct finding *finding, const struct row_result *result)
{
    char detail[DETAIL_MAX];

    switch (result->state) {
    case ROW_OK:
        describe_ok(finding, result->row, detail);
        printf("ok %02d %s: %s\n", result->row, result->check, detail);
        return;
    case ROW_FAILED:
        describe_failure(&result->verdict, detail);
        printf("FAIL %02d %s: %s: %s\n", result->row, result->check, result->verdict.slug, detail);
        return;
    case ROW_SKIPPED:
        printf("skip %02d %s\n", result->row, result->check);
        return;
    }
}

static void print_trace(const struct policy_trace *trace)
{
    char detail[DETAIL_MAX];

    if (trace->matches) {
        printf("ok workload %s: matches\n", trace->workload);
        return;
    }
    describe_failure(&trace->first_failure, detail);
    printf("FAIL workload %s: %s: %s\n", trace->workload, trace->first_failure.slug, detail);
}

int finding_print(const struct finding *finding, struct err *err)
{
    char detail[DETAIL_MAX];

    for (size_t i = 0; i < finding->rows.num_results; i++) {
        print_row(finding, &finding->rows.results[i]);
    }
    for (size_t i = 0; i < finding->num_traces; i++) {
        print_trace(&finding->traces[i]);
    }
    for (size_t i = 0; i < finding->num_urls; i++) {
        printf("%s %s\n", i == 0 ? "get it at" : "or       ", finding->urls[i]);
    }
    if (finding->accepted) {
        puts("verdict: accepted");
    } else {
        describe_failure(&finding->verdict, detail);
        printf("verdict: refused: %s: %s: %s\n", verdict_code_name(finding->verdict.code),
               finding->verdict.slug, detail);
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return err_set(err, ERR_IO, "cannot write to standard output");
    }
    return 0;
}

/* JSON. */

static void set_text(json_t *object, const char *key, const char *text)
{
    char printable[VERDICT_VALUE_CAP];
    size_t i = 0;

    for (; text[i] != '\0' && i + 1 < sizeof(printable); i++) {
        printable[i] = text[i];
        if (text[i] < 0x20 || text[i] > 0x7e) {
            printable[i] = '?';
        }
    }
    printable[i] = '\0';
    json_object_set_new(object, key, i == 0 ? json_null() : json_string(printable));
}

static void set_refusal(json_t *object, const struct verdict *verdict)
{
    set_text(object, "code", verdict_code_name(verdict->code));
    set_text(object, "reason", verdict->slug);
    set_text(object, "expected", verdict->expected);
    set_text(object, "actual", verdict->actual);
}

static json_t *row_json(const struct row_result *result)
{
    static const char *const states[] = {
        [ROW_OK] = "ok", [ROW_FAILED] = "fail", [ROW_SKIPPED] = "skip"};
    json_t *object = json_pack("{s:i, s:s, s:s}", "rule", result->row, "check", result->check,
                               "state", states[result->state]);
    enum report_field field = REPORT_VERSION;

    if (result->state == ROW_FAILED) {
        set_refusal(object, &result->verdict);
    }
    if (field_of(result->row, &field)) {
        json_object_set_new(object, "offset", json_integer(report_field_info(field)->offset));
    }
    return object;
}

static json_t *trace_json(const struct policy_trace *trace)
{
    json_t *object =
        json_pack("{s:s, s:b}", "workload", trace->workload, "matches", trace->matches ? 1 : 0);

    if (!trace->matches) {
        set_refusal(object, &trace->first_failure);
    }
    return object;
}

int finding_print_json(const struct finding *finding, struct err *err)
{
    json_t *root =
        json_pack("{s:b, s:[], s:[]}", "accepted", finding->accepted ? 1 : 0, "rows", "urls");
    int rc = 0;

    if (!finding->accepted) {
        set_refusal(root, &finding->verdict);
        json_object_set_new(root, "rule", json_integer(finding->verdict.row));
    }
    for (size_t i = 0; i < finding->rows.num_results; i++) {
        json_array_append_new(json_object_get(root, "rows"), row_json(&finding->rows.results[i]));
    }
    for (size_t i = 0; i < finding->num_urls; i++) {
        json_array_append_new(json_object_get(root, "urls"), json_string(finding->urls[i]));
    }
    if (finding->traces != NULL) {
        json_object_set_new(root, "workloads", json_array());
    }
    for (size_t i = 0; i < finding->num_traces; i++) {
        json_array_append_new(json_object_get(root, "workloads"), trace_json(&finding->traces[i]));
    }
    if (root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0 || ferror(stdout) != 0) {
        rc = err_set(err, ERR_IO, "cannot write to standard output");
    }
    json_decref(root);
    return rc;
}
