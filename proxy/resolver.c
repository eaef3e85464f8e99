/*
 * Resolver: name look-ups on the thread pool, one at a time for a route, however many wait.
 */
#include "proxy/resolver.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define RESOLVER_FAILURE_MS 1000 /* how long a failure is remembered */

struct resolver_name {
    struct resolver *resolver;
    const char *host; /* borrowed */
    uint16_t port;
    struct resolver_answer number; /* of a numeric host */
    uv_getaddrinfo_t request;
    bool in_flight;
    bool outdated; /* what is in flight is of another host */
    bool failed;
    uint64_t failed_ms; /* when, on the loop's clock */
    struct resolver_waiter *waiters;
};

struct resolver {
    uv_loop_t *loop;
    size_t num_in_flight;
    size_t in_flight_max;
    size_t num_names;
    struct resolver_name names[];
};

struct resolver *resolver_new(uv_loop_t *loop, size_t num_names, size_t in_flight_max)
{
    struct resolver *resolver =
        calloc(1, sizeof(*resolver) + num_names * sizeof(struct resolver_name));

    if (resolver != NULL) {
        resolver->loop = loop;
        resolver->in_flight_max = in_flight_max;
        resolver->num_names = num_names;
    }
    return resolver;
}

void resolver_set(struct resolver *resolver, size_t name, const char *host, uint16_t port)
{
    struct resolver_name *slot = &resolver->names[name];
    char text[SOCKETS_TARGET_CAP] = "";
    struct err err;

    assert(name < resolver->num_names);
    slot->resolver = resolver;
    assert(slot->waiters == NULL);
    slot->outdated = slot->in_flight;
    slot->failed = false;
    slot->number.num_addresses = 0;
    slot->host = host;
    slot->port = port;
    sockets_join(host, port, text);
    if (sockets_parse(text, &slot->number.addresses[0], &err) == 0) {
        slot->number.num_addresses = 1;
    }
}

bool resolver_is_number(const struct resolver *resolver, size_t name)
{
    return resolver->names[name].number.num_addresses > 0;
}

static void resolver_collect(const struct addrinfo *list, int family, size_t max, uint16_t port,
                             struct resolver_answer *answer)
{
    size_t num = 0;

    for (; list != NULL && num < max; list = list->ai_next) {
        struct sockets_address *address = NULL;

        if (list->ai_family != family || list->ai_addrlen > sizeof(address->u)) {
            continue;
        }
        address = &answer->addresses[answer->num_addresses++];
        memcpy(&address->u, list->ai_addr, list->ai_addrlen);
        address->len = list->ai_addrlen;
        sockets_set_port(address, port);
        num++;
    }
}

static void resolver_tell(struct resolver_name *name, const struct resolver_answer *answer)
{
    struct resolver_waiter *waiters = name->waiters;

    /* Whoever is told may ask again: that is for the next round. */
    name->waiters = NULL;
    if (waiters != NULL) {
        waiters->link = &waiters;
    }
    while (waiters != NULL) {
        struct resolver_waiter *waiter = waiters;

        resolver_cancel(waiter);
        waiter->on_done(waiter, answer);
    }
}

static void resolver_begin(struct resolver *resolver); /* a finished look-up starts the next */

static void resolver_on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolver_name *name = request->data;
    struct resolver_answer answer = {.num_addresses = 0};
    size_t half = RESOLVER_ADDRESSES_MAX / 2;

    name->in_flight = false;
    name->resolver->num_in_flight--;
    if (name->outdated) {
        name->outdated = false;
        uv_freeaddrinfo(list);
        resolver_begin(name->resolver);
        return;
    }
    if (status == 0) {
        resolver_collect(list, AF_INET6, half, name->port, &answer);
        resolver_collect(list, AF_INET, half, name->port, &answer);
        uv_freeaddrinfo(list);
    }
    name->failed = answer.num_addresses == 0 && status != UV_ECANCELED;
    name->failed_ms = uv_now(name->resolver->loop);
    resolver_tell(name, &answer);
    resolver_begin(name->resolver);
}

/* Starts the look-ups that are waited for, as far as there is room. */
static void resolver_begin(struct resolver *resolver)
{
    static const struct resolver_answer none = {.num_addresses = 0};
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    for (size_t i = 0; i < resolver->num_names; i++) {
        struct resolver_name *name = &resolver->names[i];

        if (resolver->num_in_flight >= resolver->in_flight_max) {
            return;
        }
        if (name->waiters == NULL || name->in_flight) {
            continue;
        }
        name->request.data = name;
        if (uv_getaddrinfo(resolver->loop, &name->request, resolver_on_addresses, name->host, NULL,
                           &hints) != 0) {
            resolver_tell(name, &none);
            continue;
        }
        name->in_flight = true;
        resolver->num_in_flight++;
    }
}

void resolver_ask(struct resolver *resolver, size_t name, struct resolver_waiter *waiter)
{
    static const struct resolver_answer none = {.num_addresses = 0};
    struct resolver_name *slot = &resolver->names[name];

    assert(name < resolver->num_names && slot->host != NULL);
    waiter->link = NULL;
    if (slot->number.num_addresses > 0) {
        waiter->on_done(waiter, &slot->number);
        return;
    }
    if (slot->failed && uv_now(resolver->loop) - slot->failed_ms < RESOLVER_FAILURE_MS) {
        waiter->on_done(waiter, &none);
        return;
    }
    waiter->next = slot->waiters;
    waiter->link = &slot->waiters;
    if (waiter->next != NULL) {
        waiter->next->link = &waiter->next;
    }
    slot->waiters = waiter;
    resolver_begin(resolver);
}

void resolver_cancel(struct resolver_waiter *waiter)
{
    if (waiter->link == NULL) {
        return;
    }
    *waiter->link = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->link = waiter->link;
    }
    waiter->link = NULL;
    waiter->next = NULL;
}

void resolver_stop(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->num_names; i++) {
        if (resolver->names[i].in_flight) {
            (void)uv_cancel((uv_req_t *)&resolver->names[i].request);
        }
    }
}

void resolver_free(struct resolver *resolver)
{
    assert(resolver == NULL || resolver->num_in_flight == 0);
    free(resolver);
}
