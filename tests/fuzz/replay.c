/*
 * Replay: runs a fuzz target over the files named on its command line, without libFuzzer, so that
 * every test run repeats the corpus.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1U << 20)

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct err err;
        uint8_t *data = NULL;
        size_t len = 0;

        if (file_read(argv[i], INPUT_MAX, &data, &len, &err) != 0) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput(data, len);
        free(data);
    }
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
