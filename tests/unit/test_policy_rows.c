/*
 * Policy rows: 67 to 91, each refusal from claims that are sound but for the one thing under test,
 * under policies that ask for everything there is.
 */
#include "attest/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"

#define X4(text) text text text text
#define HEX_16(digits) X4(X4(digits)) /* bytes, from two digits */
#define HEX_32(digits) HEX_16(digits) HEX_16(digits)
#define HEX_48(digits) HEX_32(digits) HEX_16(digits)
#define HEX_64(digits) HEX_48(digits) HEX_16(digits)

#define CA "[ca]\ntrust_domain = prod.example\n"
#define FLOORS                                                                                     \
    "[tcb genoa]\n"                                                                                \
    "snp = 21\n"                                                                                   \
    "microcode = 72\n"                                                                             \
    "firmware = 1.55.40\n"                                                                         \
    "provisional = refuse\n"                                                                       \
    "tcb_order = strict\n"                                                                         \
    "min_launch_mit = 0x1\n"                                                                       \
    "min_current_mit = 3\n"
#define WORKLOAD                                                                                   \
    "[workload app]\n"                                                                             \
    "tee = snp\n"                                                                                  \
    "spiffe = snp/app\n"                                                                           \
    "tcb = genoa\n"                                                                                \
    "measurement = " HEX_48(                                                                       \
        "aa") "\n"                                                                                 \
              "smt = refuse\n"                                                                     \
              "guest_forbid = cxl\n"                                                               \
              "guest_require = single-socket\n"                                                    \
              "guest_require = xts\n"                                                              \
              "guest_require = rapl-dis\n"                                                         \
              "guest_require = ciphertext-hiding\n"                                                \
              "guest_require = page-swap-dis\n"                                                    \
              "min_abi = 1.51\n"                                                                   \
              "platform_require = ecc\n"                                                           \
              "platform_require = rapl-dis\n"                                                      \
              "platform_require = dram-hiding\n"                                                   \
              "platform_require = alias-check\n"                                                   \
              "platform_require = iommu-safe\n"                                                    \
              "platform_forbid = smt\n"                                                            \
              "platform_forbid = tsme\n"                                                           \
              "platform_forbid = tio\n"                                                            \
              "platform_accept_bits = 0x100\n"                                                     \
              "id_key_digest = " HEX_48(                                                           \
                  "bb") "\n"                                                                       \
                        "author_key_digest = " HEX_48(                                             \
                            "cc") "\n"                                                             \
                                  "family_id = " HEX_16(                                           \
                                      "dd") "\n"                                                   \
                                            "image_id = " HEX_16(                                  \
                                                "ee") "\n"                                         \
                                                      "host_data = " HEX_32(                       \
                                                          "ff") "\n"                               \
                                                                "min_guest_svn = 5\n"

static const char with_chip[] =
    CA FLOORS WORKLOAD "vek = vcek\nchip = " HEX_64("22") "\n"
                                                          "chip = " HEX_64("11") "\n";
static const char with_provider[] = CA FLOORS WORKLOAD "vek = vlek\ncsp = CN=cc-a.example\n"
                                                       "csp = CN=cc-b.example\n";
static const char with_any_chip[] = CA FLOORS WORKLOAD;
static const char denying[] = CA FLOORS WORKLOAD
    "[deny]\nchip = " HEX_64("33") "\nmeasurement = " HEX_48("ab") "\n"
                                                                   "vek = " HEX_32("44") "\n";

static struct tcb make_tcb(uint8_t snp, uint8_t microcode)
{
    return (struct tcb){
        .value = {[TCB_SNP] = snp, [TCB_MICROCODE] = microcode},
        .present =
            {[TCB_BOOTLOADER] = true, [TCB_TEE] = true, [TCB_SNP] = true, [TCB_MICROCODE] = true},
    };
}

/* What the policies ask for, and nothing more. */
static struct claims sound_claims(void)
{
    struct claims claims = {
        .tee = TEE_SNP,
        .product = PRODUCT_GENOA,
        .measurement_len = 48,
        .host_data_len = 32,
        .guest_policy = 0x3d20133,
        .platform_info = 0x17c,
        .guest_svn = 5,
        .reported = make_tcb(21, 72),
        .current = make_tcb(21, 72),
        .committed = make_tcb(21, 72),
        .launch = make_tcb(21, 72),
        .current_firmware = {1, 55, 40},
        .committed_firmware = {1, 55, 40},
        .mitigations_known = true,
        .launch_mitigations = 1,
        .current_mitigations = 3,
        .author_key_enabled = true,
        .chip_known = true,
    };

    memset(claims.measurement, 0xaa, 48);
    memset(claims.id_key_digest, 0xbb, sizeof(claims.id_key_digest));
    memset(claims.author_key_digest, 0xcc, sizeof(claims.author_key_digest));
    memset(claims.family_id, 0xdd, sizeof(claims.family_id));
    memset(claims.image_id, 0xee, sizeof(claims.image_id));
    memset(claims.host_data, 0xff, 32);
    memset(claims.report_id, 0x55, sizeof(claims.report_id));
    memset(claims.report_id_ma, 0xff, sizeof(claims.report_id_ma));
    memset(claims.chip, 0x11, sizeof(claims.chip));
    memset(claims.vek_chip, 0x11, sizeof(claims.vek_chip));
    return claims;
}

/* The same signed by a provider's key. */
static struct claims provider_claims(void)
{
    struct claims claims = sound_claims();

    claims.vlek = true;
    claims.chip_known = false;
    memset(claims.chip, 0, sizeof(claims.chip));
    memset(claims.vek_chip, 0, sizeof(claims.vek_chip));
    snprintf(claims.csp, sizeof(claims.csp), "CN=cc-b.example");
    return claims;
}

static void clear_policy_bit(struct claims *claims, unsigned bit)
{
    claims->guest_policy &= ~(UINT64_C(1) << bit);
}

static void clear_platform_bit(struct claims *claims, unsigned bit)
{
    claims->platform_info &= ~(UINT64_C(1) << bit);
}

static void set_platform_bit(struct claims *claims, unsigned bit)
{
    claims->platform_info |= UINT64_C(1) << bit;
}

/* clang-format off */
#define SPOIL(name, ...) static void name(struct claims *c) { __VA_ARGS__; }
SPOIL(spoil_debug, c->debug = true)
SPOIL(spoil_migration, c->migration = true)
SPOIL(spoil_smt, c->smt = true)
SPOIL(spoil_vmpl, c->vmpl = 1)
SPOIL(spoil_cxl, c->guest_policy |= 1U << 21)
SPOIL(spoil_single_socket, clear_policy_bit(c, 20))
SPOIL(spoil_xts, clear_policy_bit(c, 22))
SPOIL(spoil_rapl, clear_policy_bit(c, 23))
SPOIL(spoil_ciphertext, clear_policy_bit(c, 24))
SPOIL(spoil_page_swap, clear_policy_bit(c, 25))
SPOIL(spoil_abi, c->guest_policy += 0x05)
SPOIL(spoil_old_abi, c->guest_policy -= 0x01)
SPOIL(spoil_major_abi, c->guest_policy = (c->guest_policy & ~UINT64_C(0xffff)) | 0x0200)
SPOIL(spoil_chip, c->chip[63] ^= 1)
SPOIL(spoil_masked, c->chip_known = false; memset(c->chip, 0, sizeof(c->chip)))
SPOIL(spoil_kind, *c = provider_claims())
SPOIL(spoil_vcek, *c = sound_claims())
SPOIL(spoil_csp, c->csp[3] = 'x')
SPOIL(spoil_no_csp, c->csp[0] = '\0')
SPOIL(spoil_longer_csp, snprintf(c->csp, sizeof(c->csp), "CN=cc-b.examplex"))
SPOIL(spoil_ecc, clear_platform_bit(c, 2))
SPOIL(spoil_platform_rapl, clear_platform_bit(c, 3))
SPOIL(spoil_dram, clear_platform_bit(c, 4))
SPOIL(spoil_alias, clear_platform_bit(c, 5))
SPOIL(spoil_iommu, clear_platform_bit(c, 6))
SPOIL(spoil_platform_smt, set_platform_bit(c, 0))
SPOIL(spoil_tsme, set_platform_bit(c, 1))
SPOIL(spoil_tio, set_platform_bit(c, 7))
SPOIL(spoil_unknown, set_platform_bit(c, 9))
SPOIL(spoil_highest, set_platform_bit(c, 63))
SPOIL(spoil_product, c->product = PRODUCT_MILAN)
SPOIL(spoil_reported, c->reported = make_tcb(22, 72))
SPOIL(spoil_committed, c->committed = make_tcb(21, 73))
SPOIL(spoil_launch, c->launch = make_tcb(22, 71))
SPOIL(spoil_strict_reported, c->current = make_tcb(22, 72); c->reported = make_tcb(22, 72))
SPOIL(spoil_strict_launch, c->current = make_tcb(22, 72); c->launch = make_tcb(22, 72))
SPOIL(spoil_version, c->committed_firmware = (struct firmware){1, 55, 41})
SPOIL(spoil_low_reported, c->reported = make_tcb(20, 72))
SPOIL(spoil_low_launch, c->launch = make_tcb(21, 71))
SPOIL(spoil_firmware, c->current_firmware = c->committed_firmware = (struct firmware){1, 55, 39})
SPOIL(spoil_committed_firmware, c->committed_firmware = (struct firmware){1, 54, 99})
SPOIL(spoil_provisional, c->current = make_tcb(22, 72))
SPOIL(spoil_provisional_version, c->current_firmware = (struct firmware){1, 55, 41})
SPOIL(spoil_launch_mitigation, c->launch_mitigations = 2)
SPOIL(spoil_current_mitigation, c->current_mitigations = 1)
SPOIL(spoil_unreported, c->mitigations_known = false)
SPOIL(spoil_measurement, c->measurement[47] ^= 1)
SPOIL(spoil_measurement_len, c->measurement_len = 32)
SPOIL(spoil_id_key, c->id_key_digest[0] ^= 1)
SPOIL(spoil_no_author, c->author_key_enabled = false)
SPOIL(spoil_author, c->author_key_digest[47] ^= 1)
SPOIL(spoil_family, c->family_id[15] ^= 1)
SPOIL(spoil_image, c->image_id[0] ^= 1)
SPOIL(spoil_host_data, c->host_data[31] ^= 1)
SPOIL(spoil_svn, c->guest_svn = 4)
SPOIL(deny_chip, memset(c->chip, 0x33, 64))
SPOIL(deny_hidden_chip, spoil_masked(c); memset(c->vek_chip, 0x33, 64))
SPOIL(deny_measurement, memset(c->measurement, 0xab, 48))
SPOIL(deny_vek, memset(c->vek_spki_sha256, 0x44, 32))

static const struct {
    const char *policy;
    void (*spoil)(struct claims *claims);
    int row;
    enum verdict_code code;
    const char *slug;
} refusals[] = {
    {denying, deny_chip, 67, VERDICT_REVOKED, "chip-denied"},
    {denying, deny_hidden_chip, 67, VERDICT_REVOKED, "chip-denied"},
    {denying, deny_measurement, 68, VERDICT_REVOKED, "measurement-denied"},
    {denying, deny_vek, 68, VERDICT_REVOKED, "vek-denied"},
    {with_chip, spoil_debug, 69, VERDICT_GUEST_POLICY, "debug-allowed"},
    {with_chip, spoil_migration, 69, VERDICT_GUEST_POLICY, "migration-allowed"},
    {with_chip, spoil_smt, 69, VERDICT_GUEST_POLICY, "smt-allowed"},
    {with_chip, spoil_vmpl, 70, VERDICT_GUEST_POLICY, "vmpl-not-allowed"},
    {with_chip, spoil_cxl, 71, VERDICT_GUEST_POLICY, "cxl-allowed"},
    {with_chip, spoil_single_socket, 72, VERDICT_GUEST_POLICY, "single-socket-off"},
    {with_chip, spoil_xts, 72, VERDICT_GUEST_POLICY, "xts-off"},
    {with_chip, spoil_rapl, 72, VERDICT_GUEST_POLICY, "rapl-on"},
    {with_chip, spoil_ciphertext, 72, VERDICT_GUEST_POLICY, "ciphertext-hiding-off"},
    {with_chip, spoil_page_swap, 72, VERDICT_GUEST_POLICY, "page-swap-on"},
    {with_chip, spoil_abi, 73, VERDICT_GUEST_POLICY, "abi-above-firmware"},
    {with_chip, spoil_major_abi, 73, VERDICT_GUEST_POLICY, "abi-above-firmware"},
    {with_chip, spoil_old_abi, 73, VERDICT_GUEST_POLICY, "abi-below-minimum"},
    {with_chip, spoil_chip, 74, VERDICT_MACHINE_NOT_ALLOWED, "chip-not-listed"},
    {with_chip, spoil_masked, 74, VERDICT_MACHINE_NOT_ALLOWED, "chip-unidentified"},
    {with_chip, spoil_kind, 74, VERDICT_MACHINE_NOT_ALLOWED, "chip-unidentified"},
    {with_any_chip, spoil_masked, 74, VERDICT_MACHINE_NOT_ALLOWED, "chip-masked"},
    {with_provider, NULL, 75, VERDICT_MACHINE_NOT_ALLOWED, "vek-kind-not-allowed"},
    {with_chip, spoil_ecc, 76, VERDICT_MACHINE_NOT_ALLOWED, "ecc-off"},
    {with_chip, spoil_platform_rapl, 76, VERDICT_MACHINE_NOT_ALLOWED, "platform-rapl-on"},
    {with_chip, spoil_dram, 76, VERDICT_MACHINE_NOT_ALLOWED, "dram-hiding-off"},
    {with_chip, spoil_alias, 76, VERDICT_MACHINE_NOT_ALLOWED, "alias-check-missing"},
    {with_chip, spoil_iommu, 76, VERDICT_MACHINE_NOT_ALLOWED, "iommu-unsafe"},
    {with_chip, spoil_platform_smt, 77, VERDICT_MACHINE_NOT_ALLOWED, "platform-smt-on"},
    {with_chip, spoil_tsme, 77, VERDICT_MACHINE_NOT_ALLOWED, "tsme-on"},
    {with_chip, spoil_tio, 77, VERDICT_MACHINE_NOT_ALLOWED, "tio-on"},
    {with_chip, spoil_unknown, 78, VERDICT_MACHINE_NOT_ALLOWED, "platform-bits-unknown"},
    {with_chip, spoil_highest, 78, VERDICT_MACHINE_NOT_ALLOWED, "platform-bits-unknown"},
    {with_chip, spoil_product, 79, VERDICT_TCB_NOT_ALLOWED, "product-without-floor"},
    {with_chip, spoil_reported, 80, VERDICT_TCB_NOT_ALLOWED, "reported-above-current"},
    {with_chip, spoil_committed, 80, VERDICT_TCB_NOT_ALLOWED, "committed-above-current"},
    {with_chip, spoil_launch, 80, VERDICT_TCB_NOT_ALLOWED, "launch-above-current"},
    {with_chip, spoil_strict_reported, 81, VERDICT_TCB_NOT_ALLOWED, "reported-above-committed"},
    {with_chip, spoil_strict_launch, 81, VERDICT_TCB_NOT_ALLOWED, "launch-above-committed"},
    {with_chip, spoil_version, 82, VERDICT_TCB_NOT_ALLOWED, "version-above-current"},
    {with_chip, spoil_low_reported, 83, VERDICT_TCB_NOT_ALLOWED, "reported-below-floor"},
    {with_chip, spoil_low_launch, 83, VERDICT_TCB_NOT_ALLOWED, "launch-below-floor"},
    {with_chip, spoil_firmware, 84, VERDICT_TCB_NOT_ALLOWED, "firmware-below-minimum"},
    {with_chip, spoil_committed_firmware, 84, VERDICT_TCB_NOT_ALLOWED, "committed-firmware-below-minimum"},
    {with_chip, spoil_provisional, 85, VERDICT_TCB_NOT_ALLOWED, "firmware-provisional"},
    {with_chip, spoil_provisional_version, 85, VERDICT_TCB_NOT_ALLOWED, "firmware-provisional"},
    {with_chip, spoil_launch_mitigation, 86, VERDICT_TCB_NOT_ALLOWED, "launch-mitigation-missing"},
    {with_chip, spoil_current_mitigation, 86, VERDICT_TCB_NOT_ALLOWED, "current-mitigation-missing"},
    {with_chip, spoil_unreported, 86, VERDICT_TCB_NOT_ALLOWED, "mitigation-unreported"},
    {with_chip, spoil_measurement, 87, VERDICT_REFERENCE_MISMATCH, "measurement"},
    {with_chip, spoil_measurement_len, 87, VERDICT_REFERENCE_MISMATCH, "measurement"},
    {with_chip, spoil_id_key, 88, VERDICT_REFERENCE_MISMATCH, "id-key"},
    {with_chip, spoil_no_author, 88, VERDICT_REFERENCE_MISMATCH, "author-key-absent"},
    {with_chip, spoil_author, 88, VERDICT_REFERENCE_MISMATCH, "author-key"},
    {with_chip, spoil_family, 89, VERDICT_REFERENCE_MISMATCH, "family-id"},
    {with_chip, spoil_image, 89, VERDICT_REFERENCE_MISMATCH, "image-id"},
    {with_chip, spoil_host_data, 89, VERDICT_REFERENCE_MISMATCH, "host-data"},
    {with_chip, spoil_svn, 90, VERDICT_REFERENCE_MISMATCH, "guest-svn"},
}, provider_refusals[] = {
    {with_provider, spoil_csp, 75, VERDICT_MACHINE_NOT_ALLOWED, "csp-not-listed"},
    {with_provider, spoil_no_csp, 75, VERDICT_MACHINE_NOT_ALLOWED, "csp-not-listed"},
    {with_provider, spoil_longer_csp, 75, VERDICT_MACHINE_NOT_ALLOWED, "csp-not-listed"},
    {with_chip, NULL, 74, VERDICT_MACHINE_NOT_ALLOWED, "chip-unidentified"},
};
/* clang-format on */

/* Under `text` alone, so that verdicts of other workloads do not mix in. */
static bool judge(const char *text, const struct claims *claims, struct verdict *out_verdict)
{
    struct err err = {0};
    struct policy *policy = policy_parse("p.ini", text, strlen(text), &err);
    struct policy_grant grant;
    bool granted = false;

    assert_string_equal(err.msg, "");
    granted = policy_evaluate(policy, claims, NULL, &grant, out_verdict, NULL);
    policy_free(policy);
    return granted;
}

static void what_is_asked_for_is_accepted(void **state)
{
    const struct claims chip = sound_claims();
    const struct claims provider = provider_claims();
    struct verdict verdict;

    assert_true(judge(with_chip, &chip, &verdict));
    assert_true(judge(with_any_chip, &chip, &verdict));
    assert_true(judge(denying, &chip, &verdict));
    assert_true(judge(with_provider, &provider, &verdict));
    assert_true(judge(with_any_chip, &provider, &verdict));
}

static void expect_refusal(const char *policy, const struct claims *claims, int row,
                           enum verdict_code code, const char *slug)
{
    struct verdict verdict;

    assert_false(judge(policy, claims, &verdict));
    if (strcmp(verdict.slug, slug) != 0) {
        fail_msg("%s, should be %s", verdict.slug, slug);
    }
    assert_int_equal(verdict.row, row);
    assert_int_equal(verdict.code, code);
    assert_string_not_equal(verdict.actual, "");
}

static void one_thing_wrong_is_refused_by_its_own_name(void **state)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct claims claims = sound_claims();

        if (refusals[i].spoil != NULL) {
            refusals[i].spoil(&claims);
        }
        expect_refusal(refusals[i].policy, &claims, refusals[i].row, refusals[i].code,
                       refusals[i].slug);
    }
    for (size_t i = 0; i < sizeof(provider_refusals) / sizeof(provider_refusals[0]); i++) {
        struct claims claims = provider_claims();

        if (provider_refusals[i].spoil != NULL) {
            provider_refusals[i].spoil(&claims);
        }
        expect_refusal(provider_refusals[i].policy, &claims, provider_refusals[i].row,
                       provider_refusals[i].code, provider_refusals[i].slug);
    }
}

/* The host can lower what is reported; the floor under each of the others is its own. */
static void each_tcb_has_its_floor(void **state)
{
    static const char loose[] =
        CA "[tcb genoa]\nmicrocode = 72\n[workload app]\ntee = snp\n"
           "spiffe = snp/app\ntcb = genoa\nplatform_accept_bits = 100\nmeasurement = " HEX_48(
               "aa") "\n";
    struct claims claims = sound_claims();
    struct verdict verdict;

    claims.current = make_tcb(22, 80);
    assert_true(judge(loose, &claims, &verdict)); /* order and provisional firmware: as they may */
    claims.committed = make_tcb(21, 71);
    expect_refusal(loose, &claims, 83, VERDICT_TCB_NOT_ALLOWED, "committed-below-floor");
    claims = sound_claims();
    claims.current = make_tcb(30, 71); /* more of one makes up for nothing of another */
    claims.reported = claims.committed = claims.launch = make_tcb(21, 71);
    expect_refusal(loose, &claims, 83, VERDICT_TCB_NOT_ALLOWED, "current-below-floor");
}

/* What a policy asks for alone, it asks for. */
static void each_wish_holds_without_the_others(void **state)
{
#define ONLY(floor, wish)                                                                          \
    CA "[tcb genoa]\n" floor "\n[workload app]\ntee = snp\nspiffe = snp/app\ntcb = genoa\n"        \
       "platform_accept_bits = 100\nid_key_digest = " HEX_48("bb") "\n" wish "\n"
    static const struct {
        const char *policy;
        bool provider; /* signed by a provider's key */
        void (*spoil)(struct claims *claims);
        int row;
        const char *slug;
    } rows[] = {
        {ONLY("snp = 21", "csp = CN=cc-b.example"), true, spoil_csp, 75, "csp-not-listed"},
        {ONLY("snp = 21", "vek = vlek"), true, spoil_vcek, 75, "vek-kind-not-allowed"},
        {ONLY("min_launch_mit = 1", ""), false, spoil_launch_mitigation, 86,
         "launch-mitigation-missing"},
        {ONLY("min_launch_mit = 1", ""), false, spoil_unreported, 86, "mitigation-unreported"},
        {ONLY("min_current_mit = 3", ""), false, spoil_current_mitigation, 86,
         "current-mitigation-missing"},
        {ONLY("min_current_mit = 3", ""), false, spoil_unreported, 86, "mitigation-unreported"},
        {ONLY("snp = 21", ""), false, spoil_id_key, 88, "id-key"},
    };
#undef ONLY

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct claims claims = rows[i].provider ? provider_claims() : sound_claims();
        struct verdict verdict;

        claims.measurement_len = 32; /* nobody asks for one */
        assert_true(judge(rows[i].policy, &claims, &verdict));
        rows[i].spoil(&claims);
        assert_false(judge(rows[i].policy, &claims, &verdict));
        assert_string_equal(verdict.slug, rows[i].slug);
        assert_int_equal(verdict.row, rows[i].row);
    }
}

static void a_masked_chip_may_be_allowed_by_name(void **state)
{
    static const char allowing[] = CA FLOORS WORKLOAD "masked_chip = allow\n";
    struct claims claims = sound_claims();
    struct verdict verdict;

    spoil_masked(&claims);
    assert_true(judge(allowing, &claims, &verdict));
}

static void a_signer_may_stand_for_the_measurement(void **state)
{
    static const char by_signer[] =
        CA "[tcb genoa]\nsnp = 21\n[workload app]\ntee = snp\n"
           "spiffe = snp/app\ntcb = genoa\n"
           "platform_accept_bits = 100\nid_key_digest = " HEX_48("bb") "\n";
    struct claims claims = sound_claims();
    struct verdict verdict;

    claims.measurement[0] ^= 1;
    assert_true(judge(by_signer, &claims, &verdict));
    claims.id_key_digest[0] ^= 1;
    expect_refusal(by_signer, &claims, 88, VERDICT_REFERENCE_MISMATCH, "id-key");
}

static void an_instance_is_the_one_expected(void **state)
{
    const struct claims claims = sound_claims();
    uint8_t id[CLAIMS_REPORT_ID_LEN];
    uint8_t agent[CLAIMS_REPORT_ID_LEN];
    const struct policy_instance any = {0};
    const struct policy_instance one = {.report_id = id};
    const struct policy_instance both = {.report_id = id, .report_id_ma = agent};
    struct verdict verdict;

    memset(id, 0x55, sizeof(id));
    memset(agent, 0xff, sizeof(agent));
    assert_true(policy_check_instance(&claims, &any, &verdict));
    assert_true(policy_check_instance(&claims, &one, &verdict));
    assert_true(policy_check_instance(&claims, &both, &verdict));
    agent[31] ^= 1;
    assert_false(policy_check_instance(&claims, &both, &verdict));
    assert_string_equal(verdict.slug, "report-id-ma");
    id[31] ^= 1;
    assert_false(policy_check_instance(&claims, &one, &verdict));
    assert_string_equal(verdict.slug, "report-id");
    assert_int_equal(verdict.row, 91);
    assert_int_equal(verdict.code, VERDICT_REFERENCE_MISMATCH);
}

static void an_explanation_has_every_row(void **state)
{
    static struct verify_rows rows;
    struct claims claims = sound_claims();
    struct err err = {0};
    struct policy *policy = policy_parse("p.ini", with_chip, strlen(with_chip), &err);

    spoil_vmpl(&claims);
    spoil_svn(&claims);
    rows.num_results = 0;
    assert_true(policy_explain(policy, "app", &claims, &rows));
    assert_int_equal(rows.num_results, 22);
    for (size_t i = 0; i < rows.num_results; i++) {
        const struct row_result *result = &rows.results[i];
        bool failed = result->row == 70 || result->row == 90;

        assert_int_equal(result->row, 69 + i);
        assert_int_equal(result->state, failed ? ROW_FAILED : ROW_OK);
        assert_int_equal(result->verdict.row, failed ? result->row : 0);
    }
    assert_string_equal(rows.results[70 - 69].verdict.slug, "vmpl-not-allowed");
    assert_false(policy_explain(policy, "other", &claims, &rows));
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_is_accepted),
        cmocka_unit_test(one_thing_wrong_is_refused_by_its_own_name),
        cmocka_unit_test(each_tcb_has_its_floor),
        cmocka_unit_test(each_wish_holds_without_the_others),
        cmocka_unit_test(a_masked_chip_may_be_allowed_by_name),
        cmocka_unit_test(a_signer_may_stand_for_the_measurement),
        cmocka_unit_test(an_instance_is_the_one_expected),
        cmocka_unit_test(an_explanation_has_every_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
