/*
 * Input: one word that is no file.
 */
#include "attest/input.h"

#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/file.h"

int input_read(const char *path, size_t max, uint8_t **out_data, size_t *out_len, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        return file_read_stream(STDIN_FILENO, "standard input", max, out_data, out_len, err);
    }
    return file_read(path, max, out_data, out_len, err);
}
