/*
 * The load generator: request/response round trips over plain TCP against given addresses, side by
 * side.  It knows nothing of TLS: what is measured is the path that an unmodified service sees.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"
#include "bench/options.h"
#include "common/err.h"

#define PROGRAM "liftgate-bench"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct score { /* of one target, over all rounds */
    struct latency latency;
    uint64_t elapsed_ns;
};

static int print_help(void)
{
    char *options = options_help();

    if (options == NULL) {
        return EXIT_FAILED;
    }
    printf(
        "usage: " PROGRAM " run [--OPTION VALUE]... NAME=ADDRESS:PORT...\n\n"
        "Sends requests over plain TCP, waits for each reply, and prints latencies and requests\n"
        "per second.  Several targets take turns.  Options of run:\n%s",
        options);
    free(options);
    return EXIT_DONE;
}

static void print_scores(const struct options *options, const struct score *scores)
{
    printf("%-12s %10s %10s %10s %12s\n", "target", "p50 us", "p99 us", "max us", "requests/s");
    for (size_t i = 0; i < options->num_targets; i++) {
        const struct latency *latency = &scores[i].latency;
        double seconds = (double)scores[i].elapsed_ns / 1e9;

        printf("%-12.*s %10.1f %10.1f %10.1f %12.0f\n", (int)options->targets[i].name_len,
               options->targets[i].name, (double)latency_percentile(latency, 500) / 1e3,
               (double)latency_percentile(latency, 990) / 1e3, (double)latency->max_ns / 1e3,
               seconds > 0 ? (double)latency->count / seconds : 0.0);
    }
}

/* One turn of one target. */
static int turn(const struct options *options, const struct exchange *exchange, size_t target,
                struct score *score, struct err *err)
{
    uint64_t time_ms = options->time / options->rounds;
    struct load_options load = {
        .address = options->targets[target].address,
        .connections = (size_t)options->connections,
        .warm_up_ms = options->warm_up,
        .time_ms = time_ms > 0 ? time_ms : 1,
        .exchange = exchange,
    };
    uint64_t elapsed_ns = 0;

    if (load_run(&load, &score->latency, &elapsed_ns, err) != 0) {
        return err_wrap(err, "%.*s", (int)options->targets[target].name_len,
                        options->targets[target].name);
    }
    score->elapsed_ns += elapsed_ns;
    return 0;
}

static int run(const struct options *options)
{
    int code = EXIT_FAILED;
    struct exchange *exchange = malloc(sizeof(*exchange));
    struct score *scores = calloc(options->num_targets, sizeof(*scores));
    struct err err;

    if (exchange == NULL || scores == NULL) {
        fprintf(stderr, PROGRAM ": run: out of memory\n");
        goto out;
    }
    exchange_init(exchange, options->protocol, (size_t)options->size);
    for (uint64_t round = 0; round < options->rounds; round++) {
        for (size_t i = 0; i < options->num_targets; i++) {
            if (turn(options, exchange, i, &scores[i], &err) != 0) {
                fprintf(stderr, PROGRAM ": %s\n", err.msg);
                goto out;
            }
        }
    }
    print_scores(options, scores);
    code = EXIT_DONE;
out:
    free(scores);
    free(exchange);
    return code;
}

static bool is_later(const char *command)
{
    return strcmp(command, "scale") == 0 || strcmp(command, "compare") == 0 ||
           strcmp(command, "report") == 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    struct options options;
    struct err err;

    if (strcmp(command, "--help") == 0 || (argc > 2 && strcmp(argv[2], "--help") == 0)) {
        return print_help();
    }
    if (strcmp(command, "--version") == 0) {
        puts(PROGRAM " " LIFTGATE_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(command, "run") != 0) {
        fprintf(stderr, PROGRAM ": %s: %s\n", *command != '\0' ? command : "no command",
                is_later(command) ? "not in this release" : "need run (see --help)");
        return EXIT_USAGE;
    }
    if (options_parse(argc - 2, argv + 2, &options, &err) != 0) {
        fprintf(stderr, PROGRAM ": %s\n", err.msg);
        return EXIT_USAGE;
    }
    return run(&options);
}
