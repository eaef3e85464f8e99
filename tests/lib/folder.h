/*
 * Folder: a temporary directory of a test's own.
 */
#pragma once

#define FOLDER_PATH_CAP 256

/* Makes an empty directory; fails the calling test if it cannot. */
void folder_make(char out_path[static FOLDER_PATH_CAP]);

/* Removes it with all that is in it. */
void folder_remove(const char *path);
