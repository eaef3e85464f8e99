/*
 * Ini: each way in which inih misreads a file is refused, with its exact words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/ini.h"

#define SEEN_CAP 4096

/* What the callbacks saw, one item a line: "[kind|name]@line" and "key=value@line". */
struct seen {
    char text[SEEN_CAP];
    size_t len;
};

static void note(struct seen *seen, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct seen *seen, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    seen->len += (size_t)vsnprintf(seen->text + seen->len, SEEN_CAP - seen->len, format, args);
    va_end(args);
    assert_true(seen->len < SEEN_CAP);
}

static int on_section(void *user, const char *kind, const char *name, unsigned line,
                      struct err *err)
{
    if (strcmp(kind, "refused") == 0) {
        return err_set(err, ERR_INVALID, "no such section");
    }
    note(user, "[%s|%s]@%u\n", kind, name, line);
    return 0;
}

static int on_key(void *user, const struct ini_key *key, struct err *err)
{
    if (strcmp(key->value, "bad") == 0) {
        return err_set(err, ERR_INVALID, "need good");
    }
    note(user, "%s|%s:%s=%s@%u\n", key->kind, key->name, key->key, key->value, key->line);
    return 0;
}

static int parse(const char *text, size_t len, struct seen *seen, struct err *err)
{
    const struct ini_callbacks callbacks = {
        .on_section = on_section, .on_key = on_key, .user = seen};

    memset(seen, 0, sizeof(*seen));
    return ini_parse_text("t.ini", text, len, &callbacks, err);
}

static void keys_come_with_section_name_and_line(void **state)
{
    static const char text[] = "; comment\n"
                               "# comment, long enough to say [something] = else\n"
                               "[ca]\n"
                               "ttl = 3600\n"
                               "\n"
                               "[workload pay-1]   ; trailing\n"
                               "dns=a.example\t; first\n"
                               "dns \t =  b.example  \n"
                               "path = /a b;c#d:e=f\n"
                               " \t\n"
                               "[empty]";
    struct seen seen;
    struct err err;

    assert_int_equal(parse(text, sizeof(text) - 1, &seen, &err), 0);
    assert_string_equal(seen.text, "[ca|]@3\n"
                                   "ca|:ttl=3600@4\n"
                                   "[workload|pay-1]@6\n"
                                   "workload|pay-1:dns=a.example@7\n"
                                   "workload|pay-1:dns=b.example@8\n"
                                   "workload|pay-1:path=/a b;c#d:e=f@9\n"
                                   "[empty|]@11\n");
}

#define NAME_32 "abcdefghijklmnopqrstuvwxyz012345"
#define X_100                                                                                      \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                                           \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X_90                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                                                \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define TEXT(s) s, sizeof(s) - 1
#define NAME_RULE "a section name is 1 to 32 of a-z, 0-9 and '-', with one blank before it"
#define HEADER_RULE "a header is exactly [kind] or [kind name]"
#define KEY_RULE "need 'key = value' with a key of a-z and '_'"

/* clang-format off */
static const struct {
    const char *what;
    const char *text;
    size_t len;
    const char *want;
} refused[] = {
    {"a long line", TEXT("[a]\n; " X_100 X_90 "1234567\n"), "t.ini:2: longer than 198 bytes"},
    {"a long comment whose tail is a setting", TEXT("[a]\n; " X_100 X_90 "     debug = allow\n"),
     "t.ini:2: longer than 198 bytes"},
    {"a continuation", TEXT("[a]\nk = 1\n  debug = refuse\n"), "t.ini:3: a line must not start with a blank"},
    {"a continuation by tab", TEXT("[a]\nk = 1\n\tv\n"), "t.ini:3: a line must not start with a blank"},
    {"an indented header", TEXT(" [a]\n"), "t.ini:1: a line must not start with a blank"},
    {"an open header", TEXT("[a]\nk = 1\n[b\nk = 2\n"), "t.ini:3: " HEADER_RULE},
    {"text behind a header", TEXT("[a] debug = allow\n"), "t.ini:1: only a comment, ' ;...', may follow a header"},
    {"a comment glued to a header", TEXT("[a];x\n"), "t.ini:1: only a comment, ' ;...', may follow a header"},
    {"a second header in the line", TEXT("[a][b]\n"), "t.ini:1: only a comment, ' ;...', may follow a header"},
    {"blanks in a header", TEXT("[ a ]\n"), "t.ini:1: " HEADER_RULE},
    {"a blank behind the kind", TEXT("[a ]\n"), "t.ini:1: " NAME_RULE},
    {"two blanks in a header", TEXT("[a  b]\n"), "t.ini:1: " NAME_RULE},
    {"a tab in a header", TEXT("[a\tb]\n"), "t.ini:1: " HEADER_RULE},
    {"an empty header", TEXT("[]\n"), "t.ini:1: " HEADER_RULE},
    {"capitals in a header", TEXT("[Ca]\n"), "t.ini:1: " HEADER_RULE},
    {"capitals in a name", TEXT("[peer A]\n"), "t.ini:1: " NAME_RULE},
    {"a name with more behind it", TEXT("[peer a b]\n"), "t.ini:1: " HEADER_RULE},
    {"a name of 33 bytes", TEXT("[peer " NAME_32 "6]\n"), "t.ini:1: " NAME_RULE},
    {"a kind of 17 bytes", TEXT("[abcdefghijklmnopq]\n"), "t.ini:1: " HEADER_RULE},
    {"a repeated header", TEXT("[a]\nk = 1\n[b]\n[a]\n"), "t.ini:4: [a]: already in line 1"},
    {"a repeated named header", TEXT("[peer x]\n[peer y]\n[peer x]\n"), "t.ini:3: [peer x]: already in line 1"},
    {"no value", TEXT("[a]\nk =\n"), "t.ini:2: [a] k: no value"},
    {"a value that is a comment", TEXT("[a]\nk = ;1\n"), "t.ini:2: [a] k: no value"},
    {"a semicolon for a value", TEXT("[a]\nk =;1\n"), "t.ini:2: [a] k: a value does not begin with ';'"},
    {"quotes", TEXT("[a]\nk = \"1\"\n"), "t.ini:2: [a] k: quotes have no meaning here; leave them out"},
    {"a colon for an equals sign", TEXT("[a]\nk: 1\n"), "t.ini:2: " KEY_RULE},
    {"a colon before the equals sign", TEXT("[a]\nk:v = 3\n"), "t.ini:2: " KEY_RULE},
    {"a key without value", TEXT("[a]\nk\n"), "t.ini:2: " KEY_RULE},
    {"a key with blanks", TEXT("[a]\nk v = 1\n"), "t.ini:2: " KEY_RULE},
    {"a key in capitals", TEXT("[a]\nKey = 1\n"), "t.ini:2: " KEY_RULE},
    {"a value without key", TEXT("[a]\n= 1\n"), "t.ini:2: " KEY_RULE},
    {"a comment sign in the key", TEXT("[a]\nk ;= 1\n"), "t.ini:2: " KEY_RULE},
    {"a key before the first header", TEXT("k = 1\n[a]\n"), "t.ini:1: a key before the first header"},
    {"NUL", TEXT("[a]\nk = 1\0debug = allow\n"), "t.ini:2: byte 0x00 is not printable ASCII"},
    {"NUL in a header", TEXT("[a\0b]\n"), "t.ini:1: byte 0x00 is not printable ASCII"},
    {"a byte order mark", TEXT("\xef\xbb\xbf[a]\n"), "t.ini:1: byte 0xef is not printable ASCII"},
    {"CR", TEXT("[a]\r\n"), "t.ini:1: byte 0x0d is not printable ASCII"},
    {"CR alone", TEXT("[a]\n; x\rdebug = allow\n"), "t.ini:2: byte 0x0d is not printable ASCII"},
    {"UTF-8 in a comment", TEXT("; caf\xc3\xa9\n"), "t.ini:1: byte 0xc3 is not printable ASCII"},
    {"DEL", TEXT("[a]\nk = \x7f\n"), "t.ini:2: byte 0x7f is not printable ASCII"},
    {"what the section callback refuses", TEXT("[a]\n[refused]\n"), "t.ini:2: [refused]: no such section"},
    {"what the key callback refuses", TEXT("[a]\nk = good\nj = bad\n"), "t.ini:3: [a] j: need good"},
};
/* clang-format on */

static void bad_files_are_refused_with_their_line(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct seen seen;
        struct err err = {0};

        print_message("  %s\n", refused[i].what);
        assert_int_equal(parse(refused[i].text, refused[i].len, &seen, &err), -1);
        assert_string_equal(err.msg, refused[i].want);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void nothing_is_handed_on_after_the_first_error(void **state)
{
    static const char later[] = "[a]\nk = 1\nj = bad\nl = 2\n[b]\nm = 3\n";
    static const char form[] = "[a]\nk = 1\n[b\n";
    struct seen seen;
    struct err err;

    assert_int_equal(parse(later, sizeof(later) - 1, &seen, &err), -1);
    assert_string_equal(seen.text, "[a|]@1\na|:k=1@2\n");
    assert_int_equal(parse(form, sizeof(form) - 1, &seen, &err), -1);
    assert_string_equal(seen.text, "");
}

static void the_longest_line_and_names_pass_whole(void **state)
{
    static const char text[] = "[abcdefghijklmnop " NAME_32 "]\n"
                               "key_ = " X_100 X_90 "1\n";
    struct seen seen;
    struct err err;

    assert_int_equal(parse(text, sizeof(text) - 1, &seen, &err), 0);
    assert_string_equal(seen.text, "[abcdefghijklmnop|" NAME_32 "]@1\n"
                                   "abcdefghijklmnop|" NAME_32 ":key_=" X_100 X_90 "1@2\n");
}

static void a_full_line_of_198_bytes_is_not_split(void **state)
{
    char text[256];
    struct seen seen;
    struct err err;
    int len = snprintf(text, sizeof(text), "[a]\nk = %s%s1234\nj = 2", X_100, X_90);

    assert_int_equal(strcspn(text + 4, "\n"), INI_LINE_MAX);
    assert_int_equal(parse(text, (size_t)len, &seen, &err), 0);
    assert_non_null(strstr(seen.text, "x1234@2\na|:j=2@3\n"));
}

static void the_section_callback_may_be_left_out(void **state)
{
    struct seen seen = {0};
    const struct ini_callbacks callbacks = {.on_key = on_key, .user = &seen};
    struct err err;

    assert_int_equal(ini_parse_text("t.ini", TEXT("[refused]\nk = 1\n"), &callbacks, &err), 0);
    assert_string_equal(seen.text, "refused|:k=1@2\n");
}

static void only_regular_files_of_bounded_size_are_read(void **state)
{
    char dir[] = "/tmp/test_ini.XXXXXX";
    char path[64];
    char want[128];
    struct seen seen = {0};
    const struct ini_callbacks callbacks = {.on_key = on_key, .user = &seen};
    struct err err = {0};
    FILE *file = NULL;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(ini_load(dir, &callbacks, &err), -1);
    snprintf(want, sizeof(want), "%s: not a regular file", dir);
    assert_string_equal(err.msg, want);

    snprintf(path, sizeof(path), "%s/x.ini", dir);
    assert_int_equal(ini_load(path, &callbacks, &err), -1);
    assert_int_equal(err.code, ERR_IO);

    file = fopen(path, "w");
    assert_non_null(file);
    fputs("[a]\nk = bad\n", file);
    fclose(file);
    assert_int_equal(ini_load(path, &callbacks, &err), -1);
    snprintf(want, sizeof(want), "%s:2: [a] k: need good", path);
    assert_string_equal(err.msg, want);

    assert_int_equal(truncate(path, INI_FILE_MAX + 1), 0);
    assert_int_equal(ini_load(path, &callbacks, &err), -1);
    snprintf(want, sizeof(want), "%s: longer than 1048576 bytes", path);
    assert_string_equal(err.msg, want);

    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_with_section_name_and_line),
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(nothing_is_handed_on_after_the_first_error),
        cmocka_unit_test(the_longest_line_and_names_pass_whole),
        cmocka_unit_test(a_full_line_of_198_bytes_is_not_split),
        cmocka_unit_test(the_section_callback_may_be_left_out),
        cmocka_unit_test(only_regular_files_of_bounded_size_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
