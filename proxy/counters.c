/*
 * Counters: the table of names and labels.
 */
#include "proxy/counters.h"

#include <assert.h>
#include <stdio.h>

/* clang-format off */
static const struct counter_info counter_table[COUNTER_CLOSED] = {
    [COUNTER_CONNECTIONS_OPEN_INGRESS]  = {"liftgate_connections_open", "direction=\"ingress\"", "gauge", "Connections that are open now.", false},
    [COUNTER_CONNECTIONS_OPEN_EGRESS]   = {"liftgate_connections_open", "direction=\"egress\"", "gauge", "Connections that are open now.", false},
    [COUNTER_ACCEPTED_INGRESS]          = {"liftgate_connections_total", "direction=\"ingress\",result=\"accepted\"", "counter", "Connections accepted, and those of them whose peer was authorized.", false},
    [COUNTER_ACCEPTED_EGRESS]           = {"liftgate_connections_total", "direction=\"egress\",result=\"accepted\"", "counter", "Connections accepted, and those of them whose peer was authorized.", false},
    [COUNTER_AUTHORIZED_INGRESS]        = {"liftgate_connections_total", "direction=\"ingress\",result=\"authorized\"", "counter", "Connections accepted, and those of them whose peer was authorized.", false},
    [COUNTER_AUTHORIZED_EGRESS]         = {"liftgate_connections_total", "direction=\"egress\",result=\"authorized\"", "counter", "Connections accepted, and those of them whose peer was authorized.", false},
    [COUNTER_HANDSHAKE_FAILED_ALERT_SENT]     = {"liftgate_handshake_failures_total", "reason=\"alert_sent\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_FAILED_ALERT_RECEIVED] = {"liftgate_handshake_failures_total", "reason=\"alert_received\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_FAILED_AUTHZ]          = {"liftgate_handshake_failures_total", "reason=\"authz_denied\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_FAILED_TIMEOUT]        = {"liftgate_handshake_failures_total", "reason=\"timeout\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_FAILED_CLOSED]         = {"liftgate_handshake_failures_total", "reason=\"closed\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_FAILED_IDENTITY]       = {"liftgate_handshake_failures_total", "reason=\"identity_invalid\"", "counter", "TLS handshakes that failed.", false},
    [COUNTER_HANDSHAKE_BUCKET + 0] = {"liftgate_handshake_seconds_bucket", "le=\"0.001\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 1] = {"liftgate_handshake_seconds_bucket", "le=\"0.005\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 2] = {"liftgate_handshake_seconds_bucket", "le=\"0.01\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 3] = {"liftgate_handshake_seconds_bucket", "le=\"0.05\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 4] = {"liftgate_handshake_seconds_bucket", "le=\"0.1\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 5] = {"liftgate_handshake_seconds_bucket", "le=\"0.5\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 6] = {"liftgate_handshake_seconds_bucket", "le=\"1\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_BUCKET + 7] = {"liftgate_handshake_seconds_bucket", "le=\"+Inf\"", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_COUNT]  = {"liftgate_handshake_seconds_count", "", "histogram", "Duration of finished TLS handshakes.", false},
    [COUNTER_HANDSHAKE_SUM_MS] = {"liftgate_handshake_seconds_sum", "", "histogram", "Duration of finished TLS handshakes.", true},
    [COUNTER_BYTES_IN]        = {"liftgate_bytes_total", "direction=\"in\"", "counter", "Application bytes from peers (in) and to peers (out).", false},
    [COUNTER_BYTES_OUT]       = {"liftgate_bytes_total", "direction=\"out\"", "counter", "Application bytes from peers (in) and to peers (out).", false},
    [COUNTER_TRUNCATED]       = {"liftgate_truncated_total", "", "counter", "Streams that ended without close_notify.", false},
    [COUNTER_RESETS_PEER]     = {"liftgate_resets_total", "leg=\"peer\"", "counter", "Sockets closed with an RST.", false},
    [COUNTER_RESETS_APP]      = {"liftgate_resets_total", "leg=\"app\"", "counter", "Sockets closed with an RST.", false},
    [COUNTER_PAUSES]          = {"liftgate_backpressure_pauses_total", "", "counter", "Times that reading stopped until the other side had drained.", false},
    [COUNTER_BUFFER_BYTES]    = {"liftgate_buffer_bytes", "", "gauge", "Bytes in pooled buffers in use.", false},
    [COUNTER_ACCEPT_PAUSED]   = {"liftgate_accept_paused", "", "gauge", "Listeners that do not accept now.", false},
    [COUNTER_ACCEPT_ERRORS_DESCRIPTORS] = {"liftgate_accept_errors_total", "errno=\"EMFILE\"", "counter", "Failed accepts.", false},
    [COUNTER_ACCEPT_ERRORS_MEMORY]      = {"liftgate_accept_errors_total", "errno=\"ENOMEM\"", "counter", "Failed accepts.", false},
    [COUNTER_ACCEPT_ERRORS_OTHER]       = {"liftgate_accept_errors_total", "errno=\"other\"", "counter", "Failed accepts.", false},
    [COUNTER_SHED_CONNECTIONS] = {"liftgate_shed_total", "limit=\"connections\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_HANDSHAKES]  = {"liftgate_shed_total", "limit=\"handshakes\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_BUFFERS]     = {"liftgate_shed_total", "limit=\"buffer_memory\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_SOURCE]      = {"liftgate_shed_total", "limit=\"source\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_LOOP_TURNS]       = {"liftgate_loop_turns_total", "", "counter", "Wake-ups of the event loop.", false},
    [COUNTER_KEY_UPDATES]      = {"liftgate_keyupdates_total", "", "counter", "Changes of key that peers made.", false},
    [COUNTER_TIME_JUMPS]       = {"liftgate_time_jumps_total", "", "counter", "Times that the process or the machine stood still, or the clock was set.", false},
};
/* clang-format on */

/* Upper bounds of the buckets, in the order of the table; the last one has none. */
static const uint64_t counter_bucket_ms[COUNTER_HANDSHAKE_BUCKETS - 1] = {1,   5,   10,  50,
                                                                          100, 500, 1000};

void counters_handshake(struct counters *counters, uint64_t duration_ms)
{
    for (unsigned i = 0; i < COUNTER_HANDSHAKE_BUCKETS; i++) {
        if (i == COUNTER_HANDSHAKE_BUCKETS - 1 || duration_ms <= counter_bucket_ms[i]) {
            counter_add(counters, (enum counter)(COUNTER_HANDSHAKE_BUCKET + i), 1);
        }
    }
    counter_add(counters, COUNTER_HANDSHAKE_COUNT, 1);
    counter_add(counters, COUNTER_HANDSHAKE_SUM_MS, duration_ms);
}

void counters_sum(struct counters *sum, const struct counters *counters)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        counter_add(sum, (enum counter)i, counter_get(counters, (enum counter)i));
    }
}

struct counter_info counter_info(enum counter counter, char labels[static 64])
{
    assert((unsigned)counter < COUNTERS);
    if (counter < COUNTER_CLOSED) {
        return counter_table[counter];
    }
    (void)snprintf(labels, 64, "reason=\"%s\"",
                   reason_name((enum reason)(counter - COUNTER_CLOSED)));
    return (struct counter_info){
        "liftgate_closed_total", labels, "counter", "Connections that ended.", false,
    };
}
