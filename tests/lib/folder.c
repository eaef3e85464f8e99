/*
 * Folder: mkdtemp and its opposite.
 */
#include "tests/lib/folder.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OPEN_FOLDERS_MAX 8

void folder_make(char out_path[static FOLDER_PATH_CAP])
{
    const char *base = getenv("TMPDIR");

    snprintf(out_path, FOLDER_PATH_CAP, "%s/liftgate-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(out_path));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}
