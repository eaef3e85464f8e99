/*
 * Far_end: a search among the descriptors of the process.
 */
#include "tests/lib/far_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/sockets.h"

#define DESCRIPTORS_MAX 1024

int far_end(int fd)
{
    struct sockets_address near = {.len = sizeof(near.u)};
    struct sockets_address far = {.len = sizeof(far.u)};

    assert_int_equal(getsockname(fd, &near.u.any, &near.len), 0);
    assert_int_equal(getpeername(fd, &far.u.any, &far.len), 0);
    for (int other = 0; other < DESCRIPTORS_MAX; other++) {
        struct sockets_address own = {.len = sizeof(own.u)};
        struct sockets_address peer = {.len = sizeof(peer.u)};

        if (getsockname(other, &own.u.any, &own.len) == 0 && sockets_same_place(&own, &far) &&
            getpeername(other, &peer.u.any, &peer.len) == 0 && sockets_same_place(&peer, &near)) {
            return other;
        }
    }
    fail_msg("no descriptor of this process is the other end of %d", fd);
    return -1;
}
