/*
 * Crowd: who gives way.
 */
#include "ca/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MEMBERS_MAX 8

static void the_source_with_the_most_gives_way(void **state)
{
    static const struct {
        const char *text;   /* a letter for each member: its source, */
        const char *work;   /* whether it waits, is slow or busy, */
        const char *waited; /* and how long */
        int expected;       /* index; -1: none */
    } rows[] = {
        {"", "", "", -1},
        {"a", "w", "0", 0},
        {"a", "b", "9", -1},
        {"abc", "www", "132", 1}, /* of equals whoever has waited longest */
        {"aab", "www", "129", 1}, /* who has few keeps them, however long */
        {"baa", "www", "912", 2},
        {"aabb", "sswb", "9911", 2}, /* of equals nobody who has begun before one who waits */
        {"aaab", "sssw", "1329", 1}, /* but he does before who has less */
        {"aaab", "swbw", "9199", 1}, /* and of his own the one that waits goes first */
        {"aaab", "bbbw", "9991", 3}, /* where none of his can, another does */
        {"aaab", "bbbb", "9999", -1},
        {"abacaba", "bsbsbsb", "1234567", 5},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crowd_member members[MEMBERS_MAX] = {{0}};
        const struct crowd_member *chosen = NULL;
        size_t num = strlen(rows[i].text);

        for (size_t k = 0; k < num; k++) {
            members[k].who = (void *)(uintptr_t)(rows[i].text + k);
            members[k].source.address[15] = (uint8_t)rows[i].text[k];
            members[k].work = rows[i].work[k] == 'w'   ? CROWD_WAITS
                              : rows[i].work[k] == 's' ? CROWD_SLOW
                                                       : CROWD_BUSY;
            members[k].waited_ms = (uint64_t)(rows[i].waited[k] - '0');
        }
        print_message("  row %zu\n", i);
        chosen = crowd_choose(members, num);
        if (rows[i].expected < 0) {
            assert_null(chosen);
        } else {
            assert_non_null(chosen);
            assert_int_equal((const char *)chosen->who - rows[i].text, rows[i].expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_source_with_the_most_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
