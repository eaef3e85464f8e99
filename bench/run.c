/*
 * Run: the order of things.
 */
#include "bench/run.h"

#include <time.h>

#include "bench/calls.h"
#include "bench/client.h"
#include "bench/exchange.h"
#include "bench/results.h"
#include "bench/scenario.h"
#include "bench/turn.h"
#include "bench/usage.h"
#include "common/err.h"
#include "common/sockets.h"

#define DESCRIPTORS_SPARE 64 /* of this program itself */

static struct client_options client_options(const struct scenario *scenario)
{
    const struct scenario_client *client = &scenario->client;

    return (struct client_options){
        .certificate = client->certificate,
        .private_key = client->private_key,
        .ca_certificate = client->ca_certificate,
        .ca_key = client->ca_key,
        .spiffe = client->spiffe,
        .trust = client->trust,
        .new_peers = scenario->load.peers == SCENARIO_NEW,
    };
}

/* The target must turn this stranger away; anything but a refusal proves nothing. */
static int refuse_stranger(const struct turn_options *turn, const struct scenario_target *target,
                           enum client_stranger kind, struct err *err)
{
    static const char *const names[] = {[CLIENT_BARE] = "a client without a certificate",
                                        [CLIENT_IMPOSTOR] = "a client with a forged certificate"};
    const struct client_options options = client_options(turn->scenario);
    struct turn_options stranger = *turn;
    int rc = 0;

    stranger.client = client_new_stranger(&options, kind, err);
    if (stranger.client == NULL) {
        return -1;
    }
    if (turn_try(&stranger, target, err) == 0) {
        rc = err_set(err, ERR_DENIED, "accepts %s", names[kind]);
    } else if (err->code != ERR_DENIED) {
        rc = err_wrap(err, "%s", names[kind]);
    }
    client_free(stranger.client);
    return rc;
}

/* Our own client first: else a target that refuses everybody would seem to be strict. */
static int try_target(const struct turn_options *turn, struct results_target *target,
                      struct err *err)
{
    if (!target->target->tls) {
        return 0;
    }
    if (turn_try(turn, target->target, err) != 0 ||
        refuse_stranger(turn, target->target, CLIENT_BARE, err) != 0 ||
        refuse_stranger(turn, target->target, CLIENT_IMPOSTOR, err) != 0) {
        return -1;
    }
    target->refuses_strangers = true;
    return 0;
}

/* What the processes hold before anybody has connected: later they keep what they have freed. */
static int sample_memory(const struct scenario *scenario, uint64_t *out, struct err *err)
{
    for (size_t i = 0; i < scenario->num_processes; i++) {
        struct usage_family family;

        if (usage_find((pid_t)scenario->processes[i].pid, &family, err) != 0 ||
            usage_memory(&family, &out[i], err) != 0) {
            return err_wrap(err, "[process %s]", scenario->processes[i].name);
        }
    }
    return 0;
}

static int run_turns(const struct run_options *options, const struct turn_options *turn,
                     struct results *results, struct err *err)
{
    const struct scenario *scenario = options->scenario;
    size_t num = scenario->num_targets;
    size_t num_turns = num * (size_t)scenario->load.repetitions;

    for (size_t i = 0; i < num; i++) {
        if (try_target(turn, &results->targets[i], err) != 0) {
            return err_wrap(err, "%s", scenario->targets[i].name);
        }
    }
    for (size_t i = 0; i < num_turns; i++) {
        size_t which = (i / num + i % num) % num; /* another one begins each repetition */

        options->on_progress(options->user, scenario->targets[which].name, i, num_turns);
        if (turn_run(turn, &results->targets[which], err) != 0) {
            return err_wrap(err, "%s", scenario->targets[which].name);
        }
    }
    return 0;
}

/* Once more, after all that is timed.  Not with idle connections: those cost more time than calls.
 */
static int count_calls(const struct run_options *options, const struct turn_options *turn,
                       struct results *results, struct err *err)
{
    const struct scenario *scenario = options->scenario;

    if (scenario->load.idle > 0 || !calls_known()) {
        return 0;
    }
    for (size_t i = 0; i < scenario->num_targets; i++) {
        if (scenario->targets[i].processes.num > 0 &&
            turn_count_calls(turn, &results->targets[i], err) != 0) {
            return err_wrap(err, "%s", scenario->targets[i].name);
        }
    }
    return 0;
}

static bool needs_client(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->num_targets; i++) {
        if (scenario->targets[i].tls) {
            return true;
        }
    }
    return false;
}

static int check_descriptors(const struct scenario_load *load, struct err *err)
{
    size_t limit = sockets_raise_nofile();

    if (load->connections + load->idle + DESCRIPTORS_SPARE > limit) {
        return err_set(err, ERR_LIMIT,
                       "%zu descriptors are not enough: raise the limit of open files", limit);
    }
    return 0;
}

static double seconds_since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

int run_scenario(const struct run_options *options, struct results *results, struct err *err)
{
    const struct scenario *scenario = options->scenario;
    const struct client_options client = client_options(scenario);
    struct exchange exchange = {0};
    uint64_t memory[SCENARIO_PROCESSES_MAX] = {0};
    struct turn_options turn = {.scenario = scenario, .exchange = &exchange, .base_memory = memory};
    struct timespec begin;
    int rc = -1;

    results->started = (int64_t)time(NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (check_descriptors(&scenario->load, err) != 0 || sample_memory(scenario, memory, err) != 0 ||
        exchange_init(&exchange, scenario->load.protocol, (size_t)scenario->load.request_size,
                      (size_t)scenario->load.reply_size, err) != 0) {
        goto out;
    }
    if (needs_client(scenario)) {
        turn.client = client_new(&client, err);
        if (turn.client == NULL) {
            goto out;
        }
    }
    rc = run_turns(options, &turn, results, err);
    if (rc == 0) {
        rc = count_calls(options, &turn, results, err);
    }
    results->seconds = seconds_since(&begin);
out:
    client_free(turn.client);
    exchange_deinit(&exchange);
    return rc;
}
