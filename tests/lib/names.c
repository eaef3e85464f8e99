/*
 * Names: the table and the look-up in it.
 */
#include "tests/lib/names.h"

#include <assert.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/sockets.h"

#define NAMES_MAX 4
#define ADDRESSES_MAX 8

struct name {
    char text[64];
    struct sockets_address addresses[ADDRESSES_MAX];
    unsigned num_addresses;
    unsigned asked;
    bool stalled;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t released;
    struct name names[NAMES_MAX];
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

/* The entry of `text`, or an unused one if `room`, or NULL.  Called with the lock. */
static struct name *names_find(const char *text, bool room)
{
    struct name *unused = NULL;

    for (unsigned i = 0; i < NAMES_MAX; i++) {
        if (strcmp(names.names[i].text, text) == 0) {
            return &names.names[i];
        }
        if (names.names[i].text[0] == '\0' && unused == NULL) {
            unused = &names.names[i];
        }
    }
    assert(!room || unused != NULL);
    return room ? unused : NULL;
}

void names_set(const char *text, const char *const *addresses)
{
    struct name *name = NULL;
    struct err err;

    pthread_mutex_lock(&names.lock);
    name = names_find(text, true);
    (void)snprintf(name->text, sizeof(name->text), "%s", text);
    name->num_addresses = 0;
    for (; *addresses != NULL; addresses++) {
        char with_port[SOCKETS_HOST_CAP + 8] = "";

        assert(name->num_addresses < ADDRESSES_MAX);
        (void)snprintf(with_port, sizeof(with_port),
                       strchr(*addresses, ':') != NULL ? "[%s]:0" : "%s:0", *addresses);
        if (sockets_parse(with_port, &name->addresses[name->num_addresses++], &err) != 0) {
            abort(); /* the test's own mistake */
        }
    }
    pthread_mutex_unlock(&names.lock);
}

void names_stall(const char *text, bool stalled)
{
    pthread_mutex_lock(&names.lock);
    names_find(text, true)->stalled = stalled;
    pthread_cond_broadcast(&names.released);
    pthread_mutex_unlock(&names.lock);
}

unsigned names_asked(const char *text)
{
    unsigned asked = 0;

    pthread_mutex_lock(&names.lock);
    asked = names_find(text, true)->asked;
    pthread_mutex_unlock(&names.lock);
    return asked;
}

/* One entry as the C library makes them, so that its freeaddrinfo() takes it. */
static struct addrinfo *names_entry(const struct sockets_address *address)
{
    struct addrinfo *entry = calloc(1, sizeof(*entry) + sizeof(address->u));

    assert(entry != NULL);
    entry->ai_family = address->u.any.sa_family;
    entry->ai_socktype = SOCK_STREAM;
    entry->ai_addrlen = address->len;
    entry->ai_addr = (struct sockaddr *)(void *)(entry + 1);
    memcpy(entry->ai_addr, &address->u, address->len);
    return entry;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    struct addrinfo **end = out;
    struct name *name = NULL;

    *out = NULL;
    pthread_mutex_lock(&names.lock);
    name = names_find(node, false);
    if (name != NULL) {
        name->asked++;
        while (name->stalled) {
            pthread_cond_wait(&names.released, &names.lock);
        }
        for (unsigned i = 0; i < name->num_addresses; i++) {
            *end = names_entry(&name->addresses[i]);
            end = &(*end)->ai_next;
        }
    }
    pthread_mutex_unlock(&names.lock);
    return *out != NULL ? 0 : EAI_NONAME;
}
