/*
 * Metrics: rendering, and the few facts about this process.  The counters themselves are
 * counters.c.
 */
#include "proxy/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

static bool put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Length of a histogram's name without the suffix of its series. */
static size_t base_len(const struct counter_info *info)
{
    static const char *const suffixes[] = {"_bucket", "_count", "_sum"};
    size_t len = strlen(info->metric);

    for (size_t i = 0; strcmp(info->type, "histogram") == 0 && i < 3; i++) {
        size_t suffix = strlen(suffixes[i]);

        if (len > suffix && strcmp(info->metric + len - suffix, suffixes[i]) == 0) {
            return len - suffix;
        }
    }
    return len;
}

static bool put_counters(const struct counters *counters, struct buf *out)
{
    const char *last = "";
    size_t last_len = 0;
    bool fits = true;

    for (unsigned i = 0; fits && i < COUNTERS; i++) {
        char labels[64];
        struct counter_info info = counter_info((enum counter)i, labels);
        uint64_t value = counter_get(counters, (enum counter)i);
        size_t len = base_len(&info);
        bool labelled = info.labels[0] != '\0';

        if (i == COUNTER_CLOSED + REASON_NONE) {
            continue; /* still open: no end to count */
        }
        if (len != last_len || memcmp(info.metric, last, len) != 0) {
            fits = buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len, info.metric,
                              info.help, (int)len, info.metric, info.type);
            last = info.metric;
            last_len = len;
        }
        fits = fits && buf_printf(out, "%s%s%s%s ", info.metric, labelled ? "{" : "", info.labels,
                                  labelled ? "}" : "");
        fits = fits && (info.milliseconds ? buf_printf(out, "%" PRIu64 ".%03u\n", value / 1000,
                                                       (unsigned)(value % 1000))
                                          : buf_printf(out, "%" PRIu64 "\n", value));
    }
    return fits;
}

static bool put_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    return put_head(out, name, "gauge", help) && buf_printf(out, "%s %" PRId64 "\n", name, value);
}

static bool put_identity(const struct metrics_facts *facts, struct buf *out)
{
    const struct enrolment_status *status = facts->enrolment;
    bool fits =
        put_gauge(out, "liftgate_ready", "Whether /readyz says yes.", facts->ready) &&
        put_gauge(out, "liftgate_identity_not_after_seconds",
                  "When our certificate expires, in seconds since 1970; 0 without one.",
                  facts->identity_not_after) &&
        put_gauge(out, "liftgate_identity_expired",
                  "Whether our certificate has expired without a successor.", status->expired) &&
        put_gauge(out, "liftgate_identity_reboot_needed",
                  "Whether this machine gives no evidence before it is booted anew.",
                  status->reboot_needed) &&
        put_gauge(out, "liftgate_identity_last_success_timestamp",
                  "When an enrolment last succeeded, in seconds since 1970.",
                  status->last_success) &&
        put_head(out, "liftgate_identity_renewals_total", "counter", "Enrolments, by result.") &&
        buf_printf(out,
                   "liftgate_identity_renewals_total{result=\"ok\"} %" PRIu64 "\n"
                   "liftgate_identity_renewals_total{result=\"failed\"} %" PRIu64 "\n",
                   status->num_ok, status->num_failed) &&
        put_head(out, "liftgate_clock_offset_seconds", "gauge",
                 "The CA's clock minus ours, as last seen.") &&
        buf_printf(out, "liftgate_clock_offset_seconds %.3f\n",
                   (double)status->clock_offset_ms / 1000);

    if (fits && status->last_refusal != VERDICT_ACCEPTED) {
        fits = put_head(out, "liftgate_last_refusal", "gauge",
                        "The CA's refusal since the last success, by code.") &&
               buf_printf(out, "liftgate_last_refusal{code=\"%s\"} 1\n",
                          verdict_code_name(status->last_refusal));
    }
    return fits;
}

/* `thousandths`: of a second, or of the whole. */
static bool put_seconds(struct buf *out, const char *name, size_t worker, uint64_t thousandths)
{
    return buf_printf(out, "%s{worker=\"%zu\"} %" PRIu64 ".%03u\n", name, worker,
                      thousandths / 1000, (unsigned)(thousandths % 1000));
}

static bool put_workers(const struct metrics_facts *facts, struct buf *out)
{
    static const char heartbeat[] = "liftgate_worker_heartbeat_age_seconds";
    static const char lag[] = "liftgate_loop_lag_seconds";
    static const char idle[] = "liftgate_loop_idle_ratio";
    bool fits = put_head(out, heartbeat, "gauge", "Since a worker's loop last turned its tick.");

    for (size_t i = 0; fits && i < facts->num_workers; i++) {
        fits = put_seconds(out, heartbeat, i, facts->workers[i].heartbeat_age_ms);
    }
    fits = fits && put_head(out, lag, "gauge", "How late its tick was at worst, of late.");
    for (size_t i = 0; fits && i < facts->num_workers; i++) {
        fits = put_seconds(out, lag, i, facts->workers[i].lag_ms);
    }
    fits = fits && put_head(out, idle, "gauge", "Part of the last seconds that its thread slept.");
    for (size_t i = 0; fits && i < facts->num_workers; i++) {
        fits = put_seconds(out, idle, i, facts->workers[i].idle_permille);
    }
    return fits;
}

static bool put_deny(const struct deny_file_status *status, struct buf *out)
{
    return put_gauge(out, "liftgate_deny_entries", "Entries of the deny list in use.",
                     (int64_t)status->num_entries) &&
           put_gauge(out, "liftgate_deny_last_reload_successful",
                     "Whether the deny list in use is what its file holds.", status->ok) &&
           put_head(out, "liftgate_deny_reloads_total", "counter", "Deny lists read, by result.") &&
           buf_printf(out,
                      "liftgate_deny_reloads_total{result=\"ok\"} %" PRIu64 "\n"
                      "liftgate_deny_reloads_total{result=\"failed\"} %" PRIu64 "\n",
                      status->num_ok, status->num_failed);
}

static bool put_process(const struct metrics_process *process, struct buf *out)
{
    return put_gauge(out, "liftgate_fd_open", "Open descriptors.", (int64_t)process->fd_open) &&
           put_gauge(out, "liftgate_fd_max", "Descriptors allowed.", (int64_t)process->fd_max) &&
           put_gauge(out, "process_open_fds", "Open descriptors.", (int64_t)process->fd_open) &&
           put_gauge(out, "process_max_fds", "Descriptors allowed.", (int64_t)process->fd_max) &&
           put_gauge(out, "liftgate_key_memory_bytes",
                     "Bytes in use of the memory for private keys.", (int64_t)process->key_bytes) &&
           put_gauge(out, "process_resident_memory_bytes", "Resident memory.",
                     (int64_t)process->resident_bytes) &&
           put_gauge(out, "process_virtual_memory_bytes", "Memory addressed.",
                     (int64_t)process->virtual_bytes) &&
           put_head(out, "process_start_time_seconds", "gauge",
                    "When the process started, in seconds since 1970.") &&
           buf_printf(out, "process_start_time_seconds %.2f\n", process->start_time) &&
           put_head(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.") &&
           buf_printf(out, "process_cpu_seconds_total %.3f\n", process->cpu_seconds);
}

static bool put_sandbox(const struct sandbox_state *sandbox, struct buf *out)
{
    return put_head(out, "liftgate_sandbox_status", "gauge",
                    "Whether each part of the sandbox holds; for landlock its version.") &&
           buf_printf(out,
                      "liftgate_sandbox_status{part=\"seccomp\"} %d\n"
                      "liftgate_sandbox_status{part=\"landlock\"} %d\n"
                      "liftgate_sandbox_status{part=\"not_root\"} %d\n"
                      "liftgate_sandbox_status{part=\"keys_locked\"} %d\n",
                      sandbox->calls, sandbox->files_abi, !sandbox->root,
                      sandbox->memory == SECRECY_LOCKED);
}

bool metrics_render(const struct metrics_facts *facts, struct buf *out)
{
    return put_counters(facts->counters, out) && put_workers(facts, out) &&
           put_identity(facts, out) &&
           put_gauge(out, "liftgate_generation", "Number of the settings and identity in use.",
                     (int64_t)facts->generation) &&
           put_gauge(out, "liftgate_generations_live",
                     "Settings that a handshake or a worker still uses.",
                     (int64_t)facts->generations_live) &&
           put_gauge(out, "liftgate_identities_live",
                     "Identities of ours that a connection began with.",
                     (int64_t)facts->identities_live) &&
           put_gauge(out, "liftgate_config_last_reload_successful",
                     "Whether the last reload was taken.", facts->reload_ok) &&
           put_gauge(out, "liftgate_config_last_reload_timestamp",
                     "When settings were last taken, in seconds since 1970.", facts->reload_time) &&
           put_gauge(out, "liftgate_insecure_settings", "Settings in use whose name says insecure.",
                     facts->insecure_settings) &&
           put_gauge(out, "liftgate_egress_unrestricted",
                     "Egress routes that any local user may use.", facts->unrestricted_egresses) &&
           put_deny(facts->deny, out) && put_sandbox(&facts->sandbox, out) &&
           put_process(&facts->process, out) &&
           put_head(out, "liftgate_log_lines_lost_total", "counter",
                    "Lines of the log that nobody took in time.") &&
           buf_printf(out, "liftgate_log_lines_lost_total %" PRIu64 "\n", facts->log_lost) &&
           put_head(out, "liftgate_build_info", "gauge", "Version of program and TLS library.") &&
           buf_printf(out, "liftgate_build_info{version=\"%s\",openssl=\"%s\"} 1\n",
                      LIFTGATE_VERSION, OpenSSL_version(OPENSSL_VERSION_STRING));
}

static uint64_t count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t num = 0;

    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        num++;
    }
    closedir(dir);
    return num > 3 ? num - 3 : 0; /* ".", ".." and the folder itself */
}

/* Field 22 of /proc/self/stat: clock ticks between the boot and the start. */
static double start_time(void)
{
    char text[1024];
    FILE *stat = fopen("/proc/self/stat", "re");
    size_t len = stat != NULL ? fread(text, 1, sizeof(text) - 1, stat) : 0;
    unsigned long long ticks = 0;
    struct timespec now;
    struct timespec up;
    const char *end = NULL;

    if (stat != NULL) {
        fclose(stat);
    }
    text[len] = '\0';
    end = strrchr(text, ')'); /* of the name, in which anything may stand */
    if (end == NULL || sscanf(end + 1,
                              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
                              " %*d %*d %llu",
                              &ticks) != 1) {
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void metrics_read_process(struct metrics_process *out)
{
    struct rlimit limit;
    struct rusage usage;
    FILE *statm = fopen("/proc/self/statm", "re");
    unsigned long total = 0;
    unsigned long pages = 0;

    *out = (struct metrics_process){
        .fd_open = count_descriptors(), .start_time = start_time(), .key_bytes = secrecy_used()};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out->fd_max = limit.rlim_cur;
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        out->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    }
    if (statm != NULL) {
        if (fscanf(statm, "%lu %lu", &total, &pages) == 2) {
            out->virtual_bytes = (uint64_t)total * (uint64_t)sysconf(_SC_PAGESIZE);
            out->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
        }
        fclose(statm);
    }
}
