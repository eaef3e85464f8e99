/*
 * Service job: an enrolment that runs on the thread pool.  Only the service itself includes this.
 */
#pragma once

#include <stdbool.h>

struct conn;
struct service;

/* Judges the connection's request, which renews the certificate that the client has shown if
   `renews`; answer, log line and counters follow. */
void service_job_start(struct service *service, struct conn *conn, bool renews);
