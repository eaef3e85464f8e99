/*
 * Svid: the path, the certificates above the leaf, time, and what is read from a leaf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "common/buf.h"
#include "common/ear.h"
#include "tests/lib/peer.h"

static void a_good_leaf_is_accepted_in_both_roles(void **state)
{
    struct peer *peer = *state;
    int64_t now = (int64_t)time(NULL);

    assert_int_equal(peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, now), 0);
    assert_int_equal(peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_SERVER, now), 0);
    assert_string_equal(peer->svid.spiffe, PEER_ID);
    assert_false(peer->svid.has_claims);
}

/* Every connection keeps one, within the 2 KiB of data-path.md section 3. */
static void a_record_has_no_room_for_the_longest_id(void **state)
{
    const struct peer *peer = *state;

    assert_int_equal(peer_judge(*state, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, time(NULL)),
                     X509_V_OK);
    assert_true(sizeof(peer->svid) + strlen(peer->svid.spiffe) + 1 < 1024);
}

static void time_is_what_the_caller_says(void **state)
{
    struct peer *peer = *state;
    struct svid svid;

    assert_int_equal(svid_describe(peer->leaf, &svid, &peer->err), 0);
    assert_int_equal(peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, svid.not_before),
                     0);
    assert_int_equal(
        peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, svid.not_after - 1), 0);
    assert_int_equal(peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, svid.not_after),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(
        peer_judge(peer, peer->pki.ca, peer->leaf, NULL, SVID_CLIENT, svid.not_before - 1),
        X509_V_ERR_CERT_NOT_YET_VALID);
    svid_deinit(&svid);
}

static void a_leaf_alone_is_judged_by_its_time_too(void **state)
{
    struct peer *peer = *state;
    struct svid own;
    struct svid svid;

    assert_int_equal(svid_describe(peer->leaf, &own, &peer->err), 0);
    const struct {
        int64_t now;
        int error;
    } cases[] = {
        {own.not_before - 1, X509_V_ERR_CERT_NOT_YET_VALID},
        {own.not_before, X509_V_OK},
        {own.not_after - 1, X509_V_OK},
        {own.not_after, X509_V_ERR_CERT_HAS_EXPIRED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int error = X509_V_OK;
        int rc =
            svid_check_leaf(peer->leaf, PEER_TRUST_DOMAIN, cases[i].now, &svid, &error, &peer->err);

        assert_int_equal(rc, cases[i].error == X509_V_OK ? 0 : -1);
        assert_int_equal(error, cases[i].error);
        if (rc == 0) {
            svid_deinit(&svid);
        }
    }
    svid_deinit(&own);
}

/* A leaf that outlives its CA by days. */
static X509 *outliving_leaf(struct peer *peer)
{
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 3 * 86400));
    leaf = peer_received(made, peer->pki.ca_key);
    X509_free(made);
    return leaf;
}

static void an_expired_issuer_is_refused(void **state)
{
    struct peer *peer = *state;
    X509 *leaf = outliving_leaf(peer);
    int64_t now = (int64_t)time(NULL);

    assert_int_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, now), 0);
    assert_int_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, now + 2 * 86400),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    X509_free(leaf);
}

static void an_empty_bundle_trusts_nothing(void **state)
{
    struct peer *peer = *state;

    assert_int_equal(peer_judge(peer, NULL, peer->leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

static void a_leaf_is_no_trust_anchor(void **state)
{
    struct peer *peer = *state;

    assert_int_equal(
        peer_judge(peer, peer->leaf, peer->leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

/* Adds an extension with id-pe-cmw's OID and `value`. */
static void add_result(X509 *cert, const uint8_t *value, size_t len)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.35", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;

    assert_int_equal(ASN1_OCTET_STRING_set(data, value, (int)len), 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, data);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(oid);
}

/* The extension's value for an attestation result: OCTET STRING { CMW }. */
static size_t result(uint8_t out[static 4 + EAR_CMW_MAX])
{
    struct ear ear = {
        .iat = 1790000000,
        .status = EAR_AFFIRMING,
        .genuine = true,
        .policy_id = "ni:///sha-256;47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        .tee = "snp",
        .epoch = 42,
        .measurement_len = 48,
        .tcb_present = {true, true, true, true, false},
        .verifier_build = "liftgate-ca 1.0.0",
    };
    struct buf buf = buf_over(out + 4, EAR_CMW_MAX);
    struct err err;

    assert_int_equal(ear_encode(&ear, &buf, &err), 0);
    assert_true(buf.len > 0xff);
    out[0] = 0x04;
    out[1] = 0x82;
    out[2] = (uint8_t)(buf.len >> 8);
    out[3] = (uint8_t)buf.len;
    return 4 + buf.len;
}

static void the_attestation_result_is_read(void **state)
{
    struct peer *peer = *state;
    uint8_t value[4 + EAR_CMW_MAX];
    size_t len = result(value);
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    add_result(made, value, len);
    leaf = peer_received(made, peer->pki.ca_key);
    assert_int_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     0);
    assert_true(peer->svid.has_claims);
    assert_string_equal(peer->svid.claims.tee, "snp");
    assert_int_equal(peer->svid.claims.epoch, 42);
    X509_free(made);
    X509_free(leaf);
}

static void a_malformed_attestation_result_is_refused(void **state)
{
    struct peer *peer = *state;
    uint8_t good[4 + EAR_CMW_MAX];
    size_t good_len = result(good);
    const struct {
        size_t skip; /* bytes of the good value left out at the start */
        size_t len;
        const char *reason;
    } cases[] = {
        {0, 0, "not one OCTET STRING"},
        {4, good_len - 4, "not one OCTET STRING"}, /* the CMW without its wrapping */
        {0, good_len - 1, "not one OCTET STRING"},
        {0, good_len + 1, "not one OCTET STRING"},
    };

    good[good_len] = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        add_result(made, good + cases[i].skip, cases[i].len);
        leaf = peer_received(made, peer->pki.ca_key);
        peer_refused_for(peer, i, leaf, cases[i].reason);
        X509_free(made);
        X509_free(leaf);
    }
}

static void an_attestation_result_that_is_no_cmw_is_refused(void **state)
{
    static const uint8_t empty[] = {0x04, 0x00};
    static const uint8_t other[] = {0x04, 0x02, 0x82, 0x00};
    struct peer *peer = *state;
    const struct bytes cases[] = {{empty, sizeof(empty)}, {other, sizeof(other)}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        add_result(made, cases[i].data, cases[i].len);
        leaf = peer_received(made, peer->pki.ca_key);
        peer_refused_for(peer, i, leaf, "not a CMW record");
        X509_free(made);
        X509_free(leaf);
    }
}

static void an_extension_twice_is_refused(void **state)
{
    struct peer *peer = *state;
    uint8_t value[4 + EAR_CMW_MAX];
    size_t len = result(value);
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;
    int at = X509_get_ext_by_NID(made, NID_subject_alt_name, -1);

    assert_int_equal(X509_add_ext(made, X509_get_ext(made, at), -1), 1);
    leaf = peer_received(made, peer->pki.ca_key);
    peer_refused_for(peer, 0, leaf, "an extension twice");
    X509_free(leaf);
    X509_EXTENSION_free(X509_delete_ext(made, at));
    add_result(made, value, len);
    add_result(made, value, len);
    leaf = peer_received(made, peer->pki.ca_key);
    peer_refused_for(peer, 1, leaf, "an extension twice");
    X509_free(leaf);
    X509_free(made);
}

/* A copy of the CA with another `key`, signed by itself. */
static X509 *rekeyed_ca(struct peer *peer, EVP_PKEY *key)
{
    X509 *made = X509_dup(peer->pki.ca);
    X509 *ca = NULL;

    assert_int_equal(X509_set_pubkey(made, key), 1);
    peer_replace(made, made, NID_subject_key_identifier, "hash");
    ca = peer_received(made, key);
    X509_free(made);
    return ca;
}

static void the_rules_for_keys_hold_for_the_issuer_too(void **state)
{
    struct peer *peer = *state;
    EVP_PKEY *key = EVP_EC_gen("secp256k1");
    X509 *ca = rekeyed_ca(peer, key);
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    peer_replace(made, ca, NID_authority_key_identifier, "keyid:always");
    leaf = peer_received(made, key);
    assert_int_equal(peer_judge(peer, ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     X509_V_ERR_EE_KEY_TOO_SMALL);
    assert_non_null(strstr(peer->err.msg, "above the leaf"));
    X509_free(leaf);
    X509_free(made);
    X509_free(ca);
    EVP_PKEY_free(key);
}

/* An issuing CA under the root of the fixture, signed by it. */
static X509 *issuing_ca(struct peer *peer, const X509 *root, EVP_PKEY *key, int nid,
                        const char *value)
{
    X509 *made = X509_dup(peer->pki.ca);
    X509 *ca = NULL;
    X509_NAME *name = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"Issuing", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_subject_name(made, name), 1);
    assert_int_equal(X509_set_issuer_name(made, X509_get_subject_name(root)), 1);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    peer_replace(made, made, NID_subject_key_identifier, "hash");
    peer_replace(made, peer->pki.ca, NID_authority_key_identifier, "keyid:always");
    if (nid != NID_undef) {
        peer_replace(made, peer->pki.ca, nid, value);
    }
    ca = peer_received(made, peer->pki.ca_key);
    X509_free(made);
    X509_NAME_free(name);
    return ca;
}

/* Judges a leaf under an issuing CA with the extension `nid`; the anchor is the root if `deep`,
   else the issuing CA, root or not. */
static int judge_issued(struct peer *peer, int nid, const char *value, bool deep)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *root = X509_dup(peer->pki.ca);
    X509 *made = X509_dup(peer->leaf);
    X509 *received_root = NULL;
    X509 *issuing = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    int error = 0;

    peer_replace(root, root, NID_basic_constraints, "critical,CA:TRUE");
    received_root = peer_received(root, peer->pki.ca_key);
    issuing = issuing_ca(peer, received_root, key, nid, value);
    assert_int_equal(X509_set_issuer_name(made, X509_get_subject_name(issuing)), 1);
    peer_replace(made, issuing, NID_authority_key_identifier, "keyid:always");
    leaf = peer_received(made, key);
    assert_int_equal(sk_X509_push(untrusted, issuing), 1);
    error = peer_judge(peer, deep ? received_root : issuing, leaf, untrusted, SVID_CLIENT,
                       (int64_t)time(NULL));
    sk_X509_free(untrusted);
    X509_free(leaf);
    X509_free(issuing);
    X509_free(received_root);
    X509_free(made);
    X509_free(root);
    EVP_PKEY_free(key);
    return error;
}

static void issuers_are_judged_as_anchor_and_as_intermediate(void **state)
{
    static const struct {
        int nid;
        const char *value;
        int error;
    } cases[] = {
        {NID_undef, NULL, X509_V_OK},
        {NID_name_constraints, "critical,permitted;URI:prod.example", X509_V_OK},
        {NID_name_constraints, "critical,permitted;URI:other.example",
         X509_V_ERR_PERMITTED_VIOLATION},
        {NID_name_constraints, "permitted;URI:prod.example", X509_V_ERR_CERT_REJECTED},
        {NID_policy_constraints, "requireExplicitPolicy:3", X509_V_ERR_CERT_REJECTED},
        {NID_policy_constraints, "critical,requireExplicitPolicy:3", X509_V_OK},
        {NID_info_access, "DER:0500", X509_V_ERR_CERT_REJECTED},
        {NID_info_access, "caIssuers;URI:http://ca.prod.example/root", X509_V_OK},
        {NID_basic_constraints, "critical,CA:FALSE", X509_V_ERR_INVALID_CA},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int deep = 0; deep < 2; deep++) {
            int error = judge_issued(peer, cases[i].nid, cases[i].value, deep == 1);

            if (error != cases[i].error) {
                fail_msg("row %zu: %d (%s)", i, error, peer->err.msg);
            }
        }
    }
}

static void the_path_is_validated_strictly(void **state)
{
    static const struct {
        int nid; /* NID_undef: nothing altered */
        const char *value;
        const char *digest;
        enum svid_role role;
        int error;
    } cases[] = {
        {NID_undef, NULL, "SHA256", SVID_CLIENT, X509_V_OK},
        {NID_undef, NULL, "SHA1", SVID_CLIENT, X509_V_ERR_CA_MD_TOO_WEAK},
        {NID_authority_key_identifier, NULL, "SHA256", SVID_CLIENT,
         X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER},
        {NID_ext_key_usage, "serverAuth", "SHA256", SVID_CLIENT, X509_V_ERR_INVALID_PURPOSE},
        {NID_ext_key_usage, "clientAuth", "SHA256", SVID_SERVER, X509_V_ERR_INVALID_PURPOSE},
        {NID_sxnet, "critical,DER:0500", "SHA256", SVID_CLIENT,
         X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        int error = 0;

        if (cases[i].nid != NID_undef) {
            peer_replace(made, peer->pki.ca, cases[i].nid, cases[i].value);
        }
        assert_true(X509_sign(made, peer->pki.ca_key, EVP_get_digestbyname(cases[i].digest)) > 0);
        error = peer_judge(peer, peer->pki.ca, made, NULL, cases[i].role, (int64_t)time(NULL));
        if (error != cases[i].error) {
            fail_msg("row %zu: %d (%s)", i, error, peer->err.msg);
        }
        X509_free(made);
    }
}

static void purpose_is_judged_by_the_path_already(void **state)
{
    struct peer *peer = *state;
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;
    int64_t now = (int64_t)time(NULL);

    peer_replace(made, peer->pki.ca, NID_ext_key_usage, "serverAuth");
    leaf = peer_received(made, peer->pki.ca_key);
    assert_int_not_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, now), 0);
    assert_null(strstr(peer->err.msg, "extKeyUsage"));
    assert_int_not_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_SERVER, now), 0);
    assert_non_null(strstr(peer->err.msg, "extKeyUsage"));
    X509_free(leaf);
    X509_free(made);
}

static void a_leaf_signed_by_another_key_is_refused(void **state)
{
    struct peer *peer = *state;
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = peer_received(made, peer->leaf_key);

    assert_int_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     X509_V_ERR_CERT_SIGNATURE_FAILURE);
    X509_free(leaf);
    X509_free(made);
}

static void settings_of_the_store_do_not_loosen_the_check(void **state)
{
    struct peer *peer = *state;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *leaf = outliving_leaf(peer);
    struct svid svid;

    assert_int_equal(X509_STORE_add_cert(store, peer->pki.ca), 1);
    assert_int_equal(X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    assert_int_equal(svid_verify(ctx, SVID_CLIENT, PEER_TRUST_DOMAIN,
                                 (int64_t)time(NULL) + 86400 * 2, &svid, &peer->err),
                     -1);
    assert_int_equal(X509_STORE_CTX_get_error(ctx), X509_V_ERR_CERT_HAS_EXPIRED);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(leaf);
}

static void a_leaf_is_described_without_being_judged(void **state)
{
    struct peer *peer = *state;
    uint8_t digest[32] = {0};
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;
    struct svid svid = {.serial_len = 99};

    peer_set_serial(made, "0102ff");
    peer_replace(made, peer->pki.ca, NID_key_usage, NULL);
    leaf = peer_received(made, peer->leaf_key);
    assert_int_equal(svid_describe(leaf, &svid, &peer->err), 0);
    assert_string_equal(svid.spiffe, PEER_ID);
    assert_int_equal(svid.serial_len, 3);
    assert_memory_equal(svid.serial, "\x01\x02\xff", 3);
    assert_int_equal(svid.not_after - svid.not_before, 7200);
    assert_int_equal(X509_digest(leaf, EVP_sha256(), digest, NULL), 1);
    assert_memory_equal(svid.sha256, digest, sizeof(digest));
    assert_null(svid.dns);
    X509_free(leaf);
    svid_deinit(&svid);

    peer_replace(made, peer->pki.ca, NID_subject_alt_name, "DNS:api");
    leaf = peer_received(made, peer->leaf_key);
    svid.serial_len = 99;
    assert_int_equal(svid_describe(leaf, &svid, &peer->err), -1);
    assert_int_equal(peer->err.code, ERR_INVALID);
    assert_int_equal(svid.serial_len, 99);
    svid_deinit(&svid);
    X509_free(leaf);
    X509_free(made);
}

/* A leaf with `num` DNS names of 63 bytes, the first of which is xxx...x0. */
static X509 *leaf_with_names(struct peer *peer, unsigned num)
{
    static char names[8192];
    size_t len = (size_t)snprintf(names, sizeof(names), "URI:" PEER_ID);
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    for (unsigned i = 0; i < num; i++) {
        len += (size_t)snprintf(names + len, sizeof(names) - len, ",DNS:%.*s%02u", 61,
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
    }
    assert_true(len < sizeof(names));
    peer_replace(made, peer->pki.ca, NID_subject_alt_name, names);
    leaf = peer_received(made, peer->pki.ca_key);
    X509_free(made);
    return leaf;
}

static void dns_names_are_kept_up_to_a_bound(void **state)
{
    struct peer *peer = *state;
    const char first[] = "XXXxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx00";
    const unsigned most = SVID_DNS_MAX / 64;

    for (unsigned num = 0; num <= most + 1; num += num == 2 ? most - 2 : 1) {
        X509 *leaf = leaf_with_names(peer, num);
        bool kept = num > 0 && num <= most;
        struct svid copy;

        assert_int_equal(
            peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)), 0);
        assert_int_equal(peer->svid.dns_len, kept ? num * 64 : 0);
        assert_int_equal(peer->svid.dns != NULL, kept);
        assert_true(svid_copy(&peer->svid, &copy));
        assert_int_equal(svid_has_dns(&copy, first), kept);
        assert_false(svid_has_dns(&copy, "x"));
        assert_false(svid_has_dns(&copy, ""));
        svid_deinit(&copy);
        assert_false(svid_has_dns(&copy, first));
        X509_free(leaf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_leaf_is_accepted_in_both_roles, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(a_record_has_no_room_for_the_longest_id, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(time_is_what_the_caller_says, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(a_leaf_alone_is_judged_by_its_time_too, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(an_expired_issuer_is_refused, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(an_empty_bundle_trusts_nothing, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(a_leaf_is_no_trust_anchor, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(the_attestation_result_is_read, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(a_malformed_attestation_result_is_refused, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(an_attestation_result_that_is_no_cmw_is_refused, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(an_extension_twice_is_refused, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(the_rules_for_keys_hold_for_the_issuer_too, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(issuers_are_judged_as_anchor_and_as_intermediate,
                                        peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(the_path_is_validated_strictly, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(purpose_is_judged_by_the_path_already, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(a_leaf_signed_by_another_key_is_refused, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(settings_of_the_store_do_not_loosen_the_check, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(dns_names_are_kept_up_to_a_bound, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(a_leaf_is_described_without_being_judged, peer_setup,
                                        peer_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
