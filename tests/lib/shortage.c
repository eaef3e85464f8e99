/*
 * Shortage: the wrappers that the linker puts around calls of the C library (--wrap in
 * tests/CMakeLists.txt), and the rules they obey.
 */
#include "tests/lib/shortage.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

/* The rules are written under the lock, as a call that began to read them may last longer than they
   do.  `armed` spares everybody else the lock. */
static struct {
    pthread_rwlock_t lock;
    struct shortage_rule rules[SHORTAGE_RULES_MAX];
    size_t num_rules;
    bool here;
    pthread_t thread;
    atomic_ulong counts[SHORTAGE_CALLS];
    atomic_ulong met;
    atomic_bool armed;
} shortage = {.lock = PTHREAD_RWLOCK_INITIALIZER};

void shortage_begin(const struct shortage_rule *rules, size_t num_rules, bool here)
{
    assert(num_rules <= SHORTAGE_RULES_MAX && !atomic_load(&shortage.armed));
    (void)pthread_rwlock_wrlock(&shortage.lock);
    memcpy(shortage.rules, rules, num_rules * sizeof(*rules));
    shortage.num_rules = num_rules;
    shortage.here = here;
    shortage.thread = pthread_self();
    for (unsigned i = 0; i < SHORTAGE_CALLS; i++) {
        atomic_store(&shortage.counts[i], 0);
    }
    atomic_store(&shortage.met, 0);
    atomic_store(&shortage.armed, true);
    (void)pthread_rwlock_unlock(&shortage.lock);
}

unsigned long shortage_met(void)
{
    return atomic_load(&shortage.met);
}

unsigned long shortage_end(void)
{
    atomic_store(&shortage.armed, false);
    return shortage_met();
}

/* Whether this call meets a rule, which is copied. */
static bool shortage_meets(enum shortage_call call, struct shortage_rule *out_rule)
{
    unsigned long count = 1 + atomic_fetch_add(&shortage.counts[call], 1);

    for (size_t i = 0; i < shortage.num_rules; i++) {
        const struct shortage_rule *rule = &shortage.rules[i];

        if (rule->call == call &&
            (rule->nth != 0 ? count == rule->nth : count % rule->every == 0)) {
            atomic_fetch_add(&shortage.met, 1);
            *out_rule = *rule;
            return true;
        }
    }
    return false;
}

static bool shortage_rule(enum shortage_call call, struct shortage_rule *out_rule)
{
    bool met = false;

    if (!atomic_load(&shortage.armed)) {
        return false;
    }
    (void)pthread_rwlock_rdlock(&shortage.lock);
    if (atomic_load(&shortage.armed) &&
        (pthread_equal(pthread_self(), shortage.thread) != 0) == shortage.here) {
        met = shortage_meets(call, out_rule);
    }
    (void)pthread_rwlock_unlock(&shortage.lock);
    return met;
}

/* True if the call fails, with errno set; else `len`, if it is not NULL, may have become less. */
static bool shortage_fails(enum shortage_call call, size_t *len)
{
    struct shortage_rule rule = {0};

    if (!shortage_rule(call, &rule)) {
        return false;
    }
    if (rule.error != 0) {
        errno = rule.error;
        return true;
    }
    if (len != NULL && *len > rule.len_max) {
        *len = rule.len_max;
    }
    return false;
}

/* Names that the linker gives: __real_X is what the C library has, __wrap_X what is called. */
int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
ssize_t __real_recv(int fd, void *data, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return shortage_fails(SHORTAGE_ACCEPT, NULL) ? -1 : __real_accept4(fd, address, len, flags);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return shortage_fails(SHORTAGE_CONNECT, NULL) ? -1 : __real_connect(fd, address, len);
}

int __wrap_socket(int domain, int type, int protocol)
{
    return shortage_fails(SHORTAGE_SOCKET, NULL) ? -1 : __real_socket(domain, type, protocol);
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags)
{
    return shortage_fails(SHORTAGE_RECV, &len) ? -1 : __real_recv(fd, data, len, flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    return shortage_fails(SHORTAGE_SEND, &len) ? -1 : __real_send(fd, data, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct iovec first = msg->msg_iov[0];
    struct msghdr less = *msg;
    size_t len = first.iov_len;

    if (shortage_fails(SHORTAGE_SEND, &len)) {
        return -1;
    }
    if (len < first.iov_len) {
        first.iov_len = len;
        less.msg_iov = &first;
        less.msg_iovlen = 1;
    }
    return __real_sendmsg(fd, &less, flags);
}

void *__wrap_malloc(size_t size)
{
    return shortage_fails(SHORTAGE_MEMORY, NULL) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return shortage_fails(SHORTAGE_MEMORY, NULL) ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return shortage_fails(SHORTAGE_MEMORY, NULL) ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return shortage_fails(SHORTAGE_MEMORY, NULL) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return shortage_fails(SHORTAGE_MEMORY, NULL) ? NULL : __real_strndup(text, len);
}

static void *shortage_openssl_malloc(size_t size, const char *file, int line)
{
    return size == 0 || shortage_fails(SHORTAGE_OPENSSL, NULL) ? NULL : __real_malloc(size);
}

static void *shortage_openssl_realloc(void *old, size_t size, const char *file, int line)
{
    if (size == 0) {
        free(old);
        return NULL;
    }
    return shortage_fails(SHORTAGE_OPENSSL, NULL) ? NULL : __real_realloc(old, size);
}

static void shortage_openssl_free(void *old, const char *file, int line)
{
    free(old);
}

void shortage_watch_openssl(void)
{
    int rc = CRYPTO_set_mem_functions(shortage_openssl_malloc, shortage_openssl_realloc,
                                      shortage_openssl_free);

    assert(rc == 1);
}
