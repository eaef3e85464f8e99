/*
 * Manager: the socket and the timer of what notify.c says.
 */
#include "proxy/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"

#define MANAGER_LOOK_MS 1000
#define MANAGER_PATIENCE_MIN_MS 300 /* three ticks of a worker, which is no oftener heard of */

/* "/path", or "@name" for an abstract one. */
static int manager_address(const char *text, struct sockaddr_un *out, socklen_t *out_len,
                           struct err *err)
{
    size_t len = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(out->sun_path)) {
        return err_set(err, ERR_INVALID, "NOTIFY_SOCKET: no address of a unix socket");
    }
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, text, len);
    if (text[0] == '@') {
        out->sun_path[0] = '\0';
    }
    *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

static int manager_connect(const char *text, struct err *err)
{
    struct sockaddr_un address;
    socklen_t len = 0;
    int fd = -1;

    if (manager_address(text, &address, &len, err) != 0) {
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, len) != 0) {
        err_set_errno(err, ERR_IO, errno, "NOTIFY_SOCKET");
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* Digits alone; 0 for anything else. */
static uint64_t manager_number(const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len > 0 && len <= 18 && strspn(text, "0123456789") == len ? strtoull(text, NULL, 10) : 0;
}

/* 0: nobody watches this process. */
static uint64_t manager_watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");

    return pid == NULL || manager_number(pid) == (uint64_t)getpid()
               ? manager_number(getenv("WATCHDOG_USEC"))
               : 0;
}

static void manager_on_timer(uv_timer_t *timer)
{
    manager_tell(timer->data);
}

int manager_start(struct manager *manager, uv_loop_t *loop,
                  void (*look)(void *user, struct notify_facts *out), void *user, struct err *err)
{
    const char *text = getenv("NOTIFY_SOCKET");
    uint64_t every_ms = MANAGER_LOOK_MS;

    *manager = (struct manager){.fd = -1, .look = look, .user = user};
    if (text == NULL) {
        return 0;
    }
    manager->fd = manager_connect(text, err);
    if (manager->fd < 0) {
        return -1;
    }
    manager->watchdog_us = manager_watchdog_us();
    if (manager->watchdog_us > 0 && manager->watchdog_us / 2000 < MANAGER_PATIENCE_MIN_MS) {
        log_warn("watchdog.short", kv_num("interval_us", (int64_t)manager->watchdog_us),
                 kv_num("patience_ms", MANAGER_PATIENCE_MIN_MS),
                 kv_text("effect", "fed as asked, but a data thread that hangs is noticed later"));
    }
    if (manager->watchdog_us > 0 && manager->watchdog_us / 4000 < every_ms) {
        every_ms = manager->watchdog_us / 4000;
    }
    (void)uv_timer_init(loop, &manager->timer); /* it only fills in the handle */
    manager->timer.data = manager;
    (void)uv_timer_start(&manager->timer, manager_on_timer, 0, every_ms > 0 ? every_ms : 1);
    return 0;
}

void manager_tell(struct manager *manager)
{
    struct notify_facts facts = {.phase = NOTIFY_NOTHING};
    struct notify said;
    char text[NOTIFY_CAP] = "";
    size_t len = 0;

    if (manager->fd < 0) {
        return;
    }
    manager->look(manager->user, &facts);
    facts.now_us = uv_hrtime() / 1000; /* CLOCK_MONOTONIC */
    len = notify_next(&manager->said, &facts, manager->watchdog_us, text, &said);
    if (len == 0 || send(manager->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len) {
        manager->said = said;
    }
}

uint64_t manager_patience_ms(const struct manager *manager, uint64_t max_ms)
{
    uint64_t half_ms = manager->watchdog_us / 2000;

    if (manager->watchdog_us == 0 || half_ms >= max_ms) {
        return max_ms;
    }
    return half_ms > MANAGER_PATIENCE_MIN_MS ? half_ms : MANAGER_PATIENCE_MIN_MS;
}

void manager_stop(struct manager *manager)
{
    if (manager->fd >= 0) {
        close(manager->fd);
        manager->fd = -1;
        uv_close((uv_handle_t *)&manager->timer, NULL);
    }
}
