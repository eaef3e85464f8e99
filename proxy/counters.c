/*
 * Counters: the table of names and labels.
 */
#include "proxy/counters.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DENIED_HELP "Peers whose certificate verified, by what did not let them in."
#define CONNECT_HELP "From the look-up of a name to the connection to an application or a peer."
#define PEERS_HELP "Authorized peers that are connected now, by what attested them."
#define CACHE_HELP "Certificates of peers whose path was known to be valid, or was validated."

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
    [COUNTER_CONNECT_BUCKET + 0] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.001\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 1] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.005\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 2] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.01\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 3] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.05\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 4] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.1\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 5] = {"liftgate_upstream_connect_seconds_bucket", "le=\"0.5\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 6] = {"liftgate_upstream_connect_seconds_bucket", "le=\"1\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_BUCKET + 7] = {"liftgate_upstream_connect_seconds_bucket", "le=\"+Inf\"", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_COUNT]  = {"liftgate_upstream_connect_seconds_count", "", "histogram", CONNECT_HELP, false},
    [COUNTER_CONNECT_SUM_MS] = {"liftgate_upstream_connect_seconds_sum", "", "histogram", CONNECT_HELP, true},
    [COUNTER_DENIED_LIST] = {"liftgate_authz_denied_total", "rule=\"deny_file\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_SPIFFE] = {"liftgate_authz_denied_total", "rule=\"spiffe\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_DNS] = {"liftgate_authz_denied_total", "rule=\"dns\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_CLAIMS] = {"liftgate_authz_denied_total", "rule=\"claims\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_STATUS] = {"liftgate_authz_denied_total", "rule=\"status\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_TEE] = {"liftgate_authz_denied_total", "rule=\"tee\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_MEASUREMENT] = {"liftgate_authz_denied_total", "rule=\"measurement\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_TCB] = {"liftgate_authz_denied_total", "rule=\"tcb\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_EPOCH] = {"liftgate_authz_denied_total", "rule=\"epoch\"", "counter", DENIED_HELP, false},
    [COUNTER_DENIED_OTHER] = {"liftgate_authz_denied_total", "rule=\"other\"", "counter", DENIED_HELP, false},
    [COUNTER_PEERS_NONE] = {"liftgate_peers_by_tee", "tee=\"none\"", "gauge", PEERS_HELP, false},
    [COUNTER_PEERS_SNP] = {"liftgate_peers_by_tee", "tee=\"snp\"", "gauge", PEERS_HELP, false},
    [COUNTER_PEERS_TDX] = {"liftgate_peers_by_tee", "tee=\"tdx\"", "gauge", PEERS_HELP, false},
    [COUNTER_PEERS_SIM] = {"liftgate_peers_by_tee", "tee=\"sim\"", "gauge", PEERS_HELP, false},
    [COUNTER_PEERS_OTHER] = {"liftgate_peers_by_tee", "tee=\"other\"", "gauge", PEERS_HELP, false},
    [COUNTER_PEER_CACHE_HIT]  = {"liftgate_peer_cache_total", "result=\"hit\"", "counter", CACHE_HELP, false},
    [COUNTER_PEER_CACHE_MISS] = {"liftgate_peer_cache_total", "result=\"miss\"", "counter", CACHE_HELP, false},
    [COUNTER_BYTES_IN]        = {"liftgate_bytes_total", "direction=\"in\"", "counter", "Application bytes from peers (in) and to peers (out).", false},
    [COUNTER_BYTES_OUT]       = {"liftgate_bytes_total", "direction=\"out\"", "counter", "Application bytes from peers (in) and to peers (out).", false},
    [COUNTER_TRUNCATED]       = {"liftgate_truncated_total", "", "counter", "Streams that ended without close_notify.", false},
    [COUNTER_RESETS_PEER]     = {"liftgate_resets_total", "leg=\"peer\"", "counter", "Sockets closed with an RST.", false},
    [COUNTER_RESETS_APP]      = {"liftgate_resets_total", "leg=\"app\"", "counter", "Sockets closed with an RST.", false},
    [COUNTER_PAUSES]          = {"liftgate_backpressure_pauses_total", "", "counter", "Times that reading stopped until the other side had drained.", false},
    [COUNTER_BUFFER_BYTES]    = {"liftgate_buffer_bytes", "", "gauge", "Bytes in pooled buffers in use.", false},
    [COUNTER_ACCEPT_PAUSED]   = {"liftgate_accept_paused", "", "gauge", "Listeners that do not accept now.", false},
    [COUNTER_LISTENERS_FAILED] = {"liftgate_listeners_failed", "", "gauge", "Listeners whose address another program has taken.", false},
    [COUNTER_ACCEPT_ERRORS_DESCRIPTORS] = {"liftgate_accept_errors_total", "errno=\"EMFILE\"", "counter", "Failed accepts.", false},
    [COUNTER_ACCEPT_ERRORS_MEMORY]      = {"liftgate_accept_errors_total", "errno=\"ENOMEM\"", "counter", "Failed accepts.", false},
    [COUNTER_ACCEPT_ERRORS_OTHER]       = {"liftgate_accept_errors_total", "errno=\"other\"", "counter", "Failed accepts.", false},
    [COUNTER_SHED_CONNECTIONS] = {"liftgate_shed_total", "limit=\"connections\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_HANDSHAKES]  = {"liftgate_shed_total", "limit=\"handshakes\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_BUFFERS]     = {"liftgate_shed_total", "limit=\"buffer_memory\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_SOURCE]      = {"liftgate_shed_total", "limit=\"source\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_SHED_IDENTITIES]  = {"liftgate_shed_total", "limit=\"identities\"", "counter", "Times that a limit held something back.", false},
    [COUNTER_LOOP_TURNS]       = {"liftgate_loop_turns_total", "", "counter", "Wake-ups of the event loop.", false},
    [COUNTER_KEY_UPDATES]      = {"liftgate_keyupdates_total", "", "counter", "Changes of key that peers made.", false},
    [COUNTER_TIME_JUMPS]       = {"liftgate_time_jumps_total", "", "counter", "Times that the process or the machine stood still, or the clock was set.", false},
};
/* clang-format on */

/* Upper bounds of the buckets, in the order of the table; the last one has none. */
static const uint64_t counter_bucket_ms[COUNTER_BUCKETS - 1] = {1, 5, 10, 50, 100, 500, 1000};

/* Into the histogram that begins at `bucket`; its count and its sum follow the buckets. */
static void observe(struct counters *counters, enum counter bucket, uint64_t duration_ms)
{
    for (unsigned i = 0; i < COUNTER_BUCKETS; i++) {
        if (i == COUNTER_BUCKETS - 1 || duration_ms <= counter_bucket_ms[i]) {
            counter_add(counters, (enum counter)(bucket + i), 1);
        }
    }
    counter_add(counters, (enum counter)(bucket + COUNTER_BUCKETS), 1);
    counter_add(counters, (enum counter)(bucket + COUNTER_BUCKETS + 1), duration_ms);
}

void counters_handshake(struct counters *counters, uint64_t duration_ms)
{
    observe(counters, COUNTER_HANDSHAKE_BUCKET, duration_ms);
}

void counters_connect(struct counters *counters, uint64_t duration_ms)
{
    observe(counters, COUNTER_CONNECT_BUCKET, duration_ms);
}

enum counter counter_of_denial(const char *what)
{
    static const struct {
        const char *what;
        enum counter counter;
    } rows[] = {
        {"deny list", COUNTER_DENIED_LIST},
        {"spiffe", COUNTER_DENIED_SPIFFE},
        {"dns", COUNTER_DENIED_DNS},
        {"no attestation result", COUNTER_DENIED_CLAIMS},
        {"attestation result does not affirm", COUNTER_DENIED_STATUS},
        {"tee", COUNTER_DENIED_TEE},
        {"measurement", COUNTER_DENIED_MEASUREMENT},
        {"tcb", COUNTER_DENIED_TCB},
        {"epoch", COUNTER_DENIED_EPOCH},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].what, what) == 0) {
            return rows[i].counter;
        }
    }
    return COUNTER_DENIED_OTHER;
}

enum counter counter_of_tee(const char *tee)
{
    static const struct {
        const char *tee;
        enum counter counter;
    } rows[] = {
        {"", COUNTER_PEERS_NONE},
        {"snp", COUNTER_PEERS_SNP},
        {"tdx", COUNTER_PEERS_TDX},
        {"sim", COUNTER_PEERS_SIM},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].tee, tee) == 0) {
            return rows[i].counter;
        }
    }
    return COUNTER_PEERS_OTHER;
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
