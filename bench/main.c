/*
 * The load generator: what a path to an application costs, by a scenario; and an application to
 * measure it with.  What is measured are black boxes: it knows addresses and processes.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/environment.h"
#include "bench/reading.h"
#include "bench/results.h"
#include "bench/run.h"
#include "bench/scale.h"
#include "bench/scenario.h"
#include "bench/serve.h"
#include "bench/usage.h"
#include "common/err.h"
#include "common/file.h"

#define PROGRAM "liftgate-bench"
#define RESULTS_MODE 0644
#define BUSY_MAX 0.9  /* above it the load generator is what was measured */
#define RATE_MIN 0.95 /* below it an open loop has not kept up */

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int print_help(void)
{
    puts("usage: " PROGRAM " run SCENARIO [RESULTS]\n"
         "       " PROGRAM " scale SCENARIO [RESULTS]\n"
         "       " PROGRAM " serve ADDRESS [LOG]\n"
         "       " PROGRAM " compare RESULTS RESULTS\n"
         "       " PROGRAM " report PAGE RESULTS... FILE...\n"
         "       " PROGRAM " --help | --version\n\n"
         "run: sends the requests of a scenario to each of its targets in turn, prints what they\n"
         "took and what they cost, and writes everything to RESULTS as JSON.\n"
         "scale: the same for each step of [scale], and whether the cost grows.\n"
         "serve: answers them; with LOG once they are in that file and on the disk.\n"
         "compare: what the second results cost more than the first, or that it may be chance.\n"
         "report: results (.json) as a page of HTML with plots; other files are shown in it.\n\n"
         "Settings of a scenario:");
    scenario_help(stdout);
    return EXIT_DONE;
}

static void on_progress(void *user, const char *target, size_t turn, size_t num_turns)
{
    const bool *is_terminal = user;

    if (*is_terminal) {
        fprintf(stderr, "\r\033[K[%zu/%zu] %s", turn + 1, num_turns, target);
    }
}

/* "rr" of "/x/rr.ini"; the caller's. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t len = strlen(base);

    if (len > 4 && strcmp(base + len - 4, ".ini") == 0) {
        len -= 4;
    }
    return strndup(base, len);
}

/* Takes `json`. */
static int write_json(json_t *json, const char *path, struct err *err)
{
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    int rc = -1;

    if (text == NULL) {
        err_set(err, ERR_LIMIT, "%s: out of memory", path);
    } else {
        rc = file_replace(path, RESULTS_MODE, text, strlen(text), err);
    }
    free(text);
    json_decref(json);
    return rc;
}

static void warn_of_busy(const struct results *results)
{
    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        const struct results_metric *busy = results_find(&results->targets[i], "busy");

        for (size_t j = 0; busy != NULL && j < busy->num; j++) {
            if (busy->values[j] > BUSY_MAX) {
                fprintf(stderr,
                        PROGRAM ": %s: the load generator was busy for %.0f %% of the time\n",
                        results->targets[i].target->name, busy->values[j] * 100);
                break;
            }
        }
    }
}

static void warn_of_children(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->num_processes; i++) {
        if (usage_forgets_children((pid_t)scenario->processes[i].pid)) {
            fprintf(stderr,
                    PROGRAM ": %s ignores SIGCHLD: what its children cost is lost if they end\n",
                    scenario->processes[i].name);
        }
    }
}

/* Then the latency grows for as long as the turn lasts, and says how long that was. */
static void warn_of_rate(const struct results *results)
{
    const struct scenario_load *load = &results->scenario->load;
    double seconds = (double)load->time / 1e3;

    for (size_t i = 0; load->rate > 0 && i < results->scenario->num_targets; i++) {
        const struct results_metric *found = results_find(&results->targets[i], "operations");

        for (size_t j = 0; found != NULL && j < found->num; j++) {
            /* One more may be on its way at the end. */
            if (found->values[j] * seconds + 1 < RATE_MIN * (double)load->rate * seconds) {
                fprintf(stderr, PROGRAM ": %s: only %.0f of %" PRIu64 " requests a second\n",
                        results->targets[i].target->name, found->values[j], load->rate);
                break;
            }
        }
    }
}

static int fail(const char *name, bool is_terminal, const struct err *err)
{
    fprintf(stderr, "%s" PROGRAM ": %s: %s\n", is_terminal ? "\r\033[K" : "", name, err->msg);
    return EXIT_FAILED;
}

/* Runs a scenario that has been read, and reports it. */
static int measure(const struct scenario *scenario, const char *name, const char *results_path)
{
    int code = EXIT_FAILED;
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    struct results *results = results_new(scenario, name);
    const struct run_options options = {
        .scenario = scenario, .on_progress = on_progress, .user = &is_terminal};
    struct err err;

    if (results == NULL) {
        fprintf(stderr, PROGRAM ": run: out of memory\n");
        return EXIT_FAILED;
    }
    warn_of_children(scenario);
    if (run_scenario(&options, results, &err) != 0) {
        code = fail(name, is_terminal, &err);
        goto out;
    }
    if (is_terminal) {
        fputs("\r\033[K", stderr);
    }
    results_print(results, stdout);
    warn_of_busy(results);
    warn_of_rate(results);
    if (results_path != NULL &&
        write_json(results_json(results, environment_read("")), results_path, &err) != 0) {
        code = fail(name, false, &err);
        goto out;
    }
    code = EXIT_DONE;
out:
    results_free(results);
    return code;
}

/* As measure(), for the steps of [scale]. */
static int measure_scale(const struct scenario *scenario, const char *name,
                         const char *results_path)
{
    int code = EXIT_FAILED;
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    struct err err;
    struct scale *scale = scale_new(scenario, name, &err);

    if (scale == NULL) {
        (void)fail(name, false, &err);
        return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    warn_of_children(scenario);
    if (scale_run(scale, on_progress, &is_terminal, &err) != 0) {
        code = fail(name, is_terminal, &err);
        goto out;
    }
    if (is_terminal) {
        fputs("\r\033[K", stderr);
    }
    scale_print(scale, stdout);
    if (results_path != NULL &&
        write_json(scale_json(scale, environment_read("")), results_path, &err) != 0) {
        code = fail(name, false, &err);
        goto out;
    }
    code = EXIT_DONE;
out:
    scale_free(scale);
    return code;
}

typedef int measure_function(const struct scenario *scenario, const char *name,
                             const char *results_path);

static int run(int argc, char **argv, measure_function *how)
{
    struct scenario *scenario = NULL;
    char *name = NULL;
    struct err err;
    int code = EXIT_FAILED;

    if (argc < 1 || argc > 2) {
        fprintf(stderr, PROGRAM ": need SCENARIO [RESULTS] (see --help)\n");
        return EXIT_USAGE;
    }
    scenario = scenario_load(argv[0], &err);
    if (scenario == NULL) {
        fprintf(stderr, PROGRAM ": %s\n", err.msg);
        return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    name = name_of(argv[0]);
    if (name != NULL) {
        code = how(scenario, name, argc == 2 ? argv[1] : NULL);
    }
    free(name);
    scenario_free(scenario);
    return code;
}

#define NUM_STOP_SIGNALS 2

struct stop { /* until a signal ends `serve` */
    struct serve *server;
    uv_signal_t signals[NUM_STOP_SIGNALS];
};

static void on_signal(uv_signal_t *handle, int signum)
{
    struct stop *stop = handle->data;

    serve_stop(stop->server);
    for (size_t i = 0; i < NUM_STOP_SIGNALS; i++) {
        uv_close((uv_handle_t *)&stop->signals[i], NULL);
    }
}

static void serve_until_signal(uv_loop_t *loop, struct serve *server)
{
    static const int numbers[NUM_STOP_SIGNALS] = {SIGTERM, SIGINT};
    struct stop stop = {.server = server};

    for (size_t i = 0; i < NUM_STOP_SIGNALS; i++) {
        uv_signal_init(loop, &stop.signals[i]);
        stop.signals[i].data = &stop;
        uv_signal_start(&stop.signals[i], on_signal, numbers[i]);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
}

static int serve(int argc, char **argv)
{
    uv_loop_t loop;
    struct sockets_address address;
    struct serve *server = NULL;
    char text[SOCKETS_TEXT_CAP];
    struct err err;

    if (argc < 1 || argc > 2 || sockets_parse(argv[0], &address, &err) != 0) {
        fprintf(stderr, PROGRAM ": serve: need ADDRESS:PORT [LOG] (see --help)\n");
        return EXIT_USAGE;
    }
    (void)sockets_raise_nofile();
    if (uv_loop_init(&loop) != 0) {
        fprintf(stderr, PROGRAM ": serve: no event loop\n");
        return EXIT_FAILED;
    }
    server = serve_start(&loop, &address, argc == 2 ? argv[1] : NULL, &err);
    if (server == NULL) {
        fprintf(stderr, PROGRAM ": %s\n", err.msg);
        return EXIT_FAILED;
    }
    address = serve_address(server);
    sockets_format(&address, text);
    printf("listening on %s\n", text);
    fflush(stdout);
    serve_until_signal(&loop, server);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
    const char *command = "";
    int option = 0;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            return print_help();
        }
        if (option == 'v') {
            puts(PROGRAM " " LIFTGATE_VERSION);
            return EXIT_DONE;
        }
        fprintf(stderr, PROGRAM ": %s: no such option (see --help)\n", argv[optind - 1]);
        return EXIT_USAGE;
    }
    command = optind < argc ? argv[optind++] : "";
    if (strcmp(command, "run") == 0) {
        return run(argc - optind, argv + optind, measure);
    }
    if (strcmp(command, "scale") == 0) {
        return run(argc - optind, argv + optind, measure_scale);
    }
    if (strcmp(command, "serve") == 0) {
        return serve(argc - optind, argv + optind);
    }
    if (strcmp(command, "compare") == 0) {
        return reading_compare(argc - optind, argv + optind);
    }
    if (strcmp(command, "report") == 0) {
        return reading_report(argc - optind, argv + optind);
    }
    fprintf(stderr, PROGRAM ": %s: %s\n", *command != '\0' ? command : "no command",
            "need run, scale, serve, compare or report (see --help)");
    return EXIT_USAGE;
}
