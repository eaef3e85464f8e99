/*
 * Fuzz: a deny list.  Whatever is in a list that was taken, searching it reads no byte outside.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "common/err.h"
#include "common/svid.h"
#include "proxy/deny.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char id[] = "spiffe://prod.example/snp/checkout";
    const struct svid peer = {.spiffe = id, .serial = {1, 2}, .serial_len = 2, .has_claims = true};
    struct err err = {0};
    struct deny *deny = deny_parse((struct bytes){data, len}, &err);

    if (deny == NULL) {
        assert(err.code == ERR_INVALID && err.msg[0] != '\0');
        return 0;
    }
    assert(deny_count(deny) <= len / 2);
    assert(deny_find(deny, &peer) == NULL || deny_count(deny) > 0);
    deny_unref(deny);
    return 0;
}
