/*
 * True clock: loaded into the authority, lets it tell the time of a machine whose clock nobody
 * sets.
 *
 * The authority of a test runs in the same guest as the sidecars; a host that sets the clock of a
 * confidential machine has no hand on that of its authority.  Its clock is CLOCK_BOOTTIME and
 * TRUE_CLOCK_AHEAD seconds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000

static int64_t read_ns(clockid_t clock)
{
    struct timespec now = {0};

    (void)syscall(SYS_clock_gettime, clock, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static int64_t ahead_ns; /* of CLOCK_BOOTTIME */

__attribute__((constructor)) static void start(void)
{
    const char *ahead = getenv("TRUE_CLOCK_AHEAD");

    ahead_ns = ahead != NULL ? strtoll(ahead, NULL, 10) * SECOND_NS : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int64_t now_ns = 0;

    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) {
        return (int)syscall(SYS_clock_gettime, clock, out);
    }
    now_ns = read_ns(CLOCK_BOOTTIME) + ahead_ns;
    *out = (struct timespec){now_ns / SECOND_NS, now_ns % SECOND_NS};
    return 0;
}

time_t time(time_t *out)
{
    time_t now = (time_t)((read_ns(CLOCK_BOOTTIME) + ahead_ns) / SECOND_NS);

    if (out != NULL) {
        *out = now;
    }
    return now;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    int64_t now_ns = read_ns(CLOCK_BOOTTIME) + ahead_ns;

    *out = (struct timeval){now_ns / SECOND_NS, now_ns % SECOND_NS / 1000};
    return 0;
}
