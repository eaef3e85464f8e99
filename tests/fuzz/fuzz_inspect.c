/*
 * Fuzz: what the operator's tool does with a file of unknown kind: recognise it, take it apart and
 * explain it.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdio.h>

#include "attest/inspect.h"
#include "attest/intake.h"
#include "common/err.h"

#define NOW 1790000000 /* any time that is the same in each run */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t storage[INTAKE_STORAGE_LEN];
    static FILE *sink = NULL;
    struct buf room = buf_over(storage, sizeof(storage));
    struct intake intake;
    struct verdict verdict = {0};
    struct sheet sheet;
    struct err err;
    int rc = 0;

    if (sink == NULL) {
        sink = fopen("/dev/null", "w");
        assert(sink != NULL);
    }
    if (!intake_open((struct bytes){data, len}, &room, &intake, &verdict)) {
        assert(verdict.slug != NULL);
        return 0;
    }
    rc = sheet_init(&sheet, sink, len % 2 == 1, &err);
    assert(rc == 0);
    inspect_intake(&sheet, &intake, NOW);
    rc = sheet_finish(&sheet, &err);
    assert(rc == 0);
    return 0;
}
