/*
 * Inspect: what is around a report: the tsm-report's keys and the certificate table.
 */
#include <stdio.h>
#include <string.h>

#include "attest/inspect.h"
#include "attest/table.h"

static void put_text(struct sheet *sheet, const char *name, const char *meaning, struct bytes text)
{
    sheet_put(sheet, name, meaning, "%.*s", (int)(text.len < 256 ? text.len : 256),
              (const char *)text.data);
}

static void put_entry(struct sheet *sheet, const struct table *table, size_t i)
{
    struct bytes guid = table_guid(table, i);
    struct bytes body = table_body(table, i);
    char name[64];
    struct sheet_line line = {.name = name, .offset = (int)(i * TABLE_ENTRY_LEN)};
    char text[2 * TABLE_GUID_LEN + 1] = "";

    snprintf(name, sizeof(name), "entry %zu: %s", i + 1, table_kind_name(table_kind(table, i)));
    for (size_t j = 0; j < guid.len; j++) {
        snprintf(text + 2 * j, 3, "%02x", guid.data[j]);
    }
    sheet_line(sheet, &line, "%s, %zu bytes", text, body.len);
}

/* The host's table: shown only as far as its own structure holds. */
static void put_table(struct sheet *sheet, struct bytes blob, int64_t now)
{
    struct sheet_line bad = {
        .name = "structure", .offset = SHEET_NO_OFFSET, .mark = SHEET_DANGER, .meaning = NULL};
    struct table table;
    const char *slug = NULL;
    size_t entry = 0;

    sheet_section(sheet, "Certificate table (auxblob, written by the host)");
    sheet_put(sheet, "length", NULL, "%zu bytes", blob.len);
    if (blob.len > TABLE_LEN_MAX) {
        sheet_line(sheet, &bad, "aux-too-long");
        return;
    }
    if (!table_over(blob, &table)) {
        sheet_line(sheet, &bad, "aux-unterminated");
        return;
    }
    slug = table_check_entries(&table, &entry);
    slug = slug != NULL ? slug : table_check_ranges(&table, &entry);
    slug = slug != NULL ? slug : table_check_overlaps(&table, &entry);
    if (slug != NULL) {
        sheet_line(sheet, &bad, "%s in entry %zu", slug, entry + 1);
        return;
    }
    for (size_t i = 0; i < table.num_entries; i++) {
        put_entry(sheet, &table, i);
    }
    for (size_t i = 0; i < table.num_entries; i++) {
        enum table_kind kind = table_kind(&table, i);
        char title[64];

        if (kind == TABLE_VCEK || kind == TABLE_VLEK || kind == TABLE_ASK || kind == TABLE_ARK) {
            snprintf(title, sizeof(title), "Certificate from the table, as %s",
                     table_kind_name(kind));
            inspect_certificate(sheet, title, table_body(&table, i), now);
        } else if (kind == TABLE_CRL) {
            inspect_crl(sheet, "Revocation list from the table", table_body(&table, i), now);
        }
    }
}

void inspect_evidence(struct sheet *sheet, const struct evidence *evidence, int64_t now)
{
    sheet_section(sheet, "Evidence");
    put_text(sheet, "provider", "not authenticated; the root that verifies decides",
             evidence->provider);
    sheet_put(sheet, "outblob", "the report", "%zu bytes", evidence->outblob.len);
    if (evidence->auxblob.data != NULL) {
        sheet_put(sheet, "auxblob", "the certificate table", "%zu bytes", evidence->auxblob.len);
    }
    if (evidence->service_provider.data != NULL) {
        put_text(sheet, "service_provider", "REPORT_DATA is derived by the service: not supported",
                 evidence->service_provider);
    }
    if (evidence->manifestblob.data != NULL) {
        sheet_put(sheet, "manifestblob", NULL, "%zu bytes", evidence->manifestblob.len);
    }
    inspect_report(sheet, evidence->outblob);
    if (evidence->auxblob.len > 0) {
        put_table(sheet, evidence->auxblob, now);
    }
    for (size_t i = 0; i < evidence->num_certs; i++) {
        char title[64];

        snprintf(title, sizeof(title), "Certificate %zu beside the evidence", i + 1);
        inspect_certificate(sheet, title, evidence->certs[i], now);
    }
}

void inspect_intake(struct sheet *sheet, const struct intake *intake, int64_t now)
{
    char title[40];

    sheet_section(sheet, "File");
    sheet_put(sheet, "kind", NULL, "%s", intake_kind_name(intake->kind));
    switch (intake->kind) {
    case INTAKE_CSR:
        inspect_csr(sheet, intake->documents[0]);
        break;
    case INTAKE_CERTIFICATES:
        for (size_t i = 0; i < intake->num_documents; i++) {
            snprintf(title, sizeof(title), "Certificate %zu", i + 1);
            inspect_certificate(sheet, title, intake->documents[i], now);
        }
        break;
    case INTAKE_CRL:
        inspect_crl(sheet, "Certificate revocation list", intake->documents[0], now);
        break;
    case INTAKE_TABLE:
        put_table(sheet, intake->documents[0], now);
        break;
    case INTAKE_REPORT:
    case INTAKE_EXTENDED:
    case INTAKE_TSM:
    case INTAKE_BUNDLE:
        break; /* evidence and nothing else */
    }
    if (intake->has_evidence) {
        inspect_evidence(sheet, &intake->evidence, now);
    }
}
