/*
 * Rule: one row of the evidence table (spec: verification, rows 1 to 66), and what the rows share.
 *
 * Internal to the verifier.  Rows are data: attest/verify.c walks the tables in the order of their
 * numbers; a judge looks at the appraisal and answers with a slug, or NULL if the row holds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/pool.h"
#include "attest/report.h"
#include "attest/table.h"
#include "attest/vek.h"
#include "attest/verify.h"
#include "common/verdict.h"

/* Which key signs reports; by the names in the chain. */
enum vek_kind { VEK_NAMED_OTHERWISE, VEK_VCEK, VEK_VLEK };

/* What is known so far.  A row that fails leaves what it would have established unset. */
struct appraisal {
    const struct evidence *evidence;
    const struct verify_options *options;
    enum provider provider;  /* row 1 */
    bool provider_known;     /* row 1 */
    struct report report;    /* row 4; data NULL before */
    struct table table;      /* row 6 */
    bool table_known;        /* row 6 */
    const struct pool *pool; /* all of A and B held, or at least those of the table */
    const struct cert *vek;  /* candidates; NULL: none */
    enum vek_kind kind;      /* of `vek`, or whose issuers are judged without one */
    const struct cert *ask;
    const struct cert *ark;
    const struct anchor *anchor;
    enum pool_root root;
    const struct crl *crl; /* the list that is judged; NULL: none concerns this chain */
    struct vek fields;     /* of `vek` */
    unsigned layout;       /* row 44 */
    bool layout_known;     /* row 44 */
    bool spl_known;        /* row 47: `spl` holds the layout's bytes of TCB_VERSION */
    uint8_t spl[TCB_LEN];
    bool hwid_known;                 /* row 48 */
    struct verified_report verified; /* row 65; data NULL before */
    struct verdict found;            /* judges put expected and actual values here */
};

/* What must be known before a row can be judged. */
#define NEEDS_REPORT 0x01U
#define NEEDS_TABLE 0x02U
#define NEEDS_POOL 0x04U
#define NEEDS_VEK 0x08U
#define NEEDS_ASK 0x10U
#define NEEDS_ARK 0x20U /* and its anchor */
#define NEEDS_LAYOUT 0x40U
#define NEEDS_PROVIDER 0x80U
#define NEEDS_SPL 0x100U
#define NEEDS_HWID 0x200U
#define NEEDS_ALL 0x3ffU

typedef const char *rule_judge(struct appraisal *appraisal);

struct rule {
    int row;
    enum verdict_code code;
    const char *check;
    unsigned needs;
    rule_judge *judge;
};

/* A judge's answer where the caller's options leave the row out. */
extern const char rule_skipped[];

extern const struct rule rules_envelope[]; /* A: 1 to 9 */
extern const size_t rules_envelope_len;
extern const struct rule rules_report[]; /* B: 10 to 20 */
extern const size_t rules_report_len;
extern const struct rule rules_chain[]; /* C: 21 to 41 */
extern const size_t rules_chain_len;
extern const struct rule rules_vek[]; /* D: 42 to 54 */
extern const size_t rules_vek_len;
extern const struct rule rules_crl[]; /* E: 55 to 63 */
extern const size_t rules_crl_len;
extern const struct rule rules_final[]; /* E, F: 64 to 66 */
extern const size_t rules_final_len;

/* Sets `crl` to the newest list that holds or, if none does, to the first. */
void rule_choose_crl(struct appraisal *a);

/* Which of the needs are met by now. */
unsigned rule_known(const struct appraisal *a);

/* The kind that `cert`'s common name claims. */
enum vek_kind rule_vek_kind(const struct cert *cert);

/* True if `bytes` is exactly `text`. */
bool rule_is_text(struct bytes bytes, const char *text);

/* Text of the evidence, cut to what fits; whatever is not printable ASCII becomes '?', since the
   values end up on a terminal and in a log. */
void rule_text(struct bytes bytes, char out_text[static VERDICT_VALUE_CAP]);
