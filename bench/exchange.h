/*
 * Exchange: what is sent for one request, and the exact bytes that must come back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCHANGE_SIZE_MAX 16384 /* bytes of payload */
#define EXCHANGE_CAP (EXCHANGE_SIZE_MAX + 64)

enum exchange_protocol {
    EXCHANGE_ECHO,  /* a server that returns what it gets */
    EXCHANGE_REDIS, /* PING with a payload, which redis returns as a bulk string */
};

struct exchange {
    uint8_t request[EXCHANGE_CAP];
    size_t request_len;
    uint8_t reply[EXCHANGE_CAP];
    size_t reply_len;
};

/* Fills `exchange` for a payload of `size` bytes, from 1 to EXCHANGE_SIZE_MAX. */
void exchange_init(struct exchange *exchange, enum exchange_protocol protocol, size_t size);
