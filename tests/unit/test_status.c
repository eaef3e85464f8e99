/*
 * Tests of status: the JSON of /identity, read back.
 */
#include "proxy/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "tests/lib/member.h"
#include "tests/lib/pki.h"

#define URI "spiffe://prod.example/snp/app"

static uint8_t storage[16384];

static json_t *render(const struct status_facts *facts)
{
    struct buf out = buf_over(storage, sizeof(storage));
    json_t *root = NULL;
    struct err err;

    assert_int_equal(status_render(facts, &out, &err), 0);
    assert_int_equal(out.data[out.len - 1], '\n');
    root = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

static void without_an_identity_there_are_the_listeners_alone(void **state)
{
    struct status_listener listeners[2] = {{.name = "api"}, {.name = "db", .egress = true}};
    struct status_facts facts = {
        .draining = true, .reboot_needed = true, .generation = 1, .listeners = listeners};
    json_t *root = NULL;
    const json_t *list = NULL;
    struct err err;

    facts.num_listeners = 2;
    assert_int_equal(sockets_parse("127.0.0.1:8443", &listeners[0].address, &err), 0);
    assert_int_equal(sockets_parse("[::1]:5432", &listeners[1].address, &err), 0);
    root = render(&facts);
    assert_true(json_is_null(json_object_get(root, "identity")));
    assert_true(json_is_false(json_object_get(root, "ready")));
    assert_true(json_is_true(json_object_get(root, "draining")));
    assert_true(json_is_true(json_object_get(root, "reboot_needed")));
    list = json_object_get(root, "listeners");
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        static const char *const texts[2][3] = {{"api", "ingress", "127.0.0.1:8443"},
                                                {"db", "egress", "[::1]:5432"}};
        static const char *const keys[] = {"name", "direction", "address"};

        for (size_t k = 0; k < 3; k++) {
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(list, i), keys[k])), texts[i][k]);
        }
    }
    json_decref(root);
}

static void an_identity_is_shown_without_its_key(void **state)
{
    struct pki pki;
    struct identity *identity = NULL;
    struct status_facts facts = {.ready = true, .generation = 7};
    const json_t *shown = NULL;
    const char *chain = NULL;
    json_t *root = NULL;

    pki_init(&pki);
    identity = member_identity(&(struct member){.issuer = &pki, .uri = URI, .seconds = 3600});
    facts.identity = identity;
    root = render(&facts);
    shown = json_object_get(root, "identity");
    assert_int_equal(json_integer_value(json_object_get(root, "generation")), 7);
    assert_string_equal(json_string_value(json_object_get(shown, "spiffe")), URI);
    assert_int_equal(json_string_length(json_object_get(shown, "sha256")), 64);
    assert_int_equal(json_string_length(json_object_get(shown, "not_after")),
                     strlen("2026-01-01T00:00:00Z"));
    assert_null(json_object_get(shown, "claims")); /* the certificate has none */
    chain = json_string_value(json_object_get(shown, "chain"));
    assert_non_null(strstr(chain, "BEGIN CERTIFICATE"));
    assert_null(strstr(chain, "PRIVATE"));
    json_decref(root);
    identity_unref(identity);
    pki_deinit(&pki);
}

static void what_does_not_fit_is_refused(void **state)
{
    const struct status_facts facts = {0};
    struct buf out = buf_over(storage, 16);
    struct err err;

    assert_int_equal(status_render(&facts, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_identity_there_are_the_listeners_alone),
        cmocka_unit_test(an_identity_is_shown_without_its_key),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
