/*
 * Service: the enrolment protocol over HTTP (EST, RFC 7030 as corrected by RFC 8951): which path
 * and method means what, and how an answer or a refusal looks.
 *
 * Enrolments run on the thread pool; what they decide is enrol, what is counted is counters.
 */
#pragma once

#include <stddef.h>

#include <uv.h>

#include "ca/conn.h"
#include "ca/counters.h"
#include "ca/enrol.h"
#include "ca/kds.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;
struct service; /* opaque */

/* All borrowed; must outlive the service. */
struct service_options {
    uv_loop_t *loop;
    const struct enrol_authority *authority;
    struct bytes root_der;
    struct bytes issuing_der;
    struct counters *counters;
    struct kds *kds; /* NULL: the vendor is not asked */
};

struct service *service_new(const struct service_options *options, struct err *err);

/* Only when no connection is left; accepts NULL. */
void service_free(struct service *service);

/* A conn_on_request; `user` is a struct service. */
void service_on_request(void *user, struct conn *conn, unsigned refused_status);
