/*
 * Nft: the rules to the letter, and the routes for which there can be none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proxy/nft.h"

static struct sockets_address address_of(const char *text)
{
    struct sockets_address address = {.len = 0};
    struct err err;

    assert_int_equal(sockets_parse(text, &address, &err), 0);
    return address;
}

static int print(const struct worker_route *routes, size_t num_routes, uint32_t own_uid, char **out,
                 struct err *err)
{
    size_t len = 0;
    FILE *stream = open_memstream(out, &len);
    int rc = 0;

    assert_non_null(stream);
    rc = nft_print(routes, num_routes, own_uid, stream, err);
    fclose(stream);
    return rc;
}

/* A route of each family, one for two users and one for all, and one that redirects nothing. */
static void make_routes(struct worker_route routes[static 3])
{
    routes[0] = (struct worker_route){
        .conn = {.name = "db",
                 .egress = true,
                 .callers = {.uids = {1000, 1001}, .num_uids = 2},
                 .redirection = {.originals = {address_of("192.0.2.1:5432"),
                                               address_of("192.0.2.2:5432")},
                                 .num_originals = 2}},
        .listen = address_of("127.0.0.1:15001"),
    };
    routes[1] = (struct worker_route){.conn = {.name = "plain", .egress = true},
                                      .listen = address_of("127.0.0.1:15002")};
    routes[2] = (struct worker_route){
        .conn = {.name = "db6",
                 .egress = true,
                 .redirection = {.originals = {address_of("[2001:db8::1]:5432")},
                                 .num_originals = 1}},
        .listen = address_of("[::1]:15003"),
    };
}

static void r34_the_rules_redirect_and_guard(void **state)
{
    static const char expected[] =
        "table inet liftgate\n"
        "delete table inet liftgate\n"
        "\n"
        "table inet liftgate {\n"
        "    chain intercept {\n"
        "        type nat hook output priority -100; policy accept;\n"
        "        meta skuid 990 return comment \"liftgate itself\"\n"
        "        oifname \"lo\" return\n"
        "        meta skuid { 1000, 1001 } ip daddr 192.0.2.1 tcp dport 5432 redirect to :15001 "
        "comment \"db\"\n"
        "        meta skuid { 1000, 1001 } ip daddr 192.0.2.2 tcp dport 5432 redirect to :15001 "
        "comment \"db\"\n"
        "        ip6 daddr 2001:db8::1 tcp dport 5432 redirect to :15003 comment \"db6\"\n"
        "    }\n"
        "\n"
        "    chain guard {\n"
        "        type filter hook output priority 0; policy accept;\n"
        "        meta skuid 990 return comment \"liftgate itself\"\n"
        "        meta skuid { 1000, 1001 } ip daddr 192.0.2.1 tcp dport 5432 reject with tcp reset "
        "comment \"db\"\n"
        "        meta skuid { 1000, 1001 } ip daddr 192.0.2.2 tcp dport 5432 reject with tcp reset "
        "comment \"db\"\n"
        "        ip6 daddr 2001:db8::1 tcp dport 5432 reject with tcp reset comment \"db6\"\n"
        "    }\n"
        "}\n";
    struct worker_route routes[3];
    char *text = NULL;
    struct err err;

    make_routes(routes);
    assert_int_equal(print(routes, 3, 990, &text, &err), 0);
    assert_non_null(strstr(text, "\n# Remove:  nft delete table inet liftgate\n"));
    assert_string_equal(strstr(text, "\n\ntable inet") + 2, expected);
    free(text);
}

static void r34_no_rules_without_a_user_of_our_own(void **state)
{
    static const struct {
        uint32_t own_uid;
        size_t num_routes;
        const char *why;
    } rows[] = {
        {0, 3, "user of its own"},
        {1001, 3, "[egress db] allow_uid: 1001 is our own user"},
        {990, 0, "no [egress NAME]"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct worker_route routes[3];
        char *text = NULL;
        struct err err = {0};

        make_routes(routes);
        assert_int_equal(print(routes, rows[i].num_routes, rows[i].own_uid, &text, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, rows[i].why));
        assert_string_equal(text, "");
        free(text);
    }
}

/* Cut short they would redirect and not guard. */
static void r34_rules_that_cannot_be_written_are_a_failure(void **state)
{
    struct worker_route routes[3];
    FILE *full = fopen("/dev/full", "w");
    struct err err = {0};

    assert_non_null(full);
    make_routes(routes);
    assert_int_equal(nft_print(routes, 3, 990, full, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r34_the_rules_redirect_and_guard),
        cmocka_unit_test(r34_no_rules_without_a_user_of_our_own),
        cmocka_unit_test(r34_rules_that_cannot_be_written_are_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
