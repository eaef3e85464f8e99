/*
 * Enrolment_state: what follows from a success, a failure, and the passing of time.
 *
 * While there is a schedule, one attempt is always due.  What is due by CLOCK_BOOTTIME stays so
 * when somebody sets the clock; what is valid is judged by the CA's time.
 */
#include "proxy/enrolment_state.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include <openssl/rand.h>

#include "common/err.h"
#include "common/log.h"
#include "common/svid.h"

#define NEVER ENROLMENT_STATE_NEVER
#define BACKDATE_MS 60000 /* notBefore lies this far before the issue (spec: certificates) */
#define SERIAL_TEXT_CAP 41
#define SLEPT_MIN_MS 1000   /* less may be a busy moment between two readings */
#define CLOCK_WARN_MS 60000 /* a difference that somebody should look into (spec: clocks) */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds since 1970 by the CA's clock, as far as we know it. */
static int64_t checked_now_ms(const struct enrolment_state *state)
{
    return checked_clock_now(&state->clock);
}

static struct pause_clocks read_clocks(void)
{
    return (struct pause_clocks){
        .loop_ms = clock_ms(CLOCK_MONOTONIC),
        .boot_ms = clock_ms(CLOCK_BOOTTIME),
        .wall_ms = clock_ms(CLOCK_REALTIME),
    };
}

static uint64_t random_bits(void)
{
    uint64_t bits = 0;

    if (RAND_bytes((unsigned char *)&bits, sizeof(bits)) != 1) {
        return (uint64_t)clock_ms(CLOCK_BOOTTIME); /* jitter, not a secret */
    }
    return bits;
}

static int64_t not_after_ms(const struct enrolment_state *state)
{
    return state->identity != NULL ? identity_not_after(state->identity) * 1000 : 0;
}

void enrolment_state_init(struct enrolment_state *state, bool from_ca)
{
    *state = (struct enrolment_state){
        .from_ca = from_ca, .due_ms = NEVER, .jump_due_ms = NEVER, .clocks = read_clocks()};
}

void enrolment_state_deinit(struct enrolment_state *state)
{
    identity_unref(state->identity);
    state->identity = NULL;
}

void enrolment_state_turn(struct enrolment_state *state, bool from_ca)
{
    state->from_ca = from_ca;
    state->renew = (struct renew){0};
    state->renewable = false;
    state->status.reboot_needed = false;
}

void enrolment_state_begin(struct enrolment_state *state)
{
    state->jump_due_ms = NEVER;
}

static void log_identity(const char *event, const struct identity *identity)
{
    struct svid svid = {.spiffe = NULL};
    char serial[SERIAL_TEXT_CAP] = "";
    struct err err;

    if (svid_describe(identity_leaf(identity), &svid, &err) == 0) {
        for (size_t i = 0; i < svid.serial_len; i++) {
            (void)snprintf(serial + 2 * i, 3, "%02x", svid.serial[i]);
        }
    }
    svid_deinit(&svid);
    log_info(event, kv_text("spiffe", identity_spiffe(identity)), kv_text("serial", serial),
             kv_num("not_after", identity_not_after(identity)),
             kv_num("clock_offset_ms", identity_clock(identity)->wall_offset_ms));
}

void enrolment_state_succeed(struct enrolment_state *state, struct identity *identity)
{
    int64_t offset_ms = identity_clock(identity)->wall_offset_ms;
    bool first = state->identity == NULL;
    uint64_t delay_ms = 0;

    identity_unref(state->identity);
    state->identity = identity;
    state->renewable = state->from_ca;
    state->status.num_ok++;
    state->status.last_refusal = VERDICT_ACCEPTED;
    state->status.last_success = clock_ms(CLOCK_REALTIME) / 1000;
    state->status.clock_offset_ms = offset_ms;
    state->clock = *identity_clock(identity);
    state->status.expired = false;
    state->status.reboot_needed = false;
    log_identity(first ? "identity.ready" : "identity.renewed", identity);
    if (offset_ms > CLOCK_WARN_MS || offset_ms < -CLOCK_WARN_MS) {
        log_warn("clock.wrong", kv_num("offset_ms", offset_ms),
                 kv_text("effect", "certificates are judged by the CA's clock"));
    }
    delay_ms =
        renew_after_success(&state->renew, identity_not_before(identity) * 1000 + BACKDATE_MS,
                            not_after_ms(state), checked_now_ms(state), random_bits());
    state->due_ms = state->from_ca ? (uint64_t)clock_ms(CLOCK_BOOTTIME) + delay_ms : NEVER;
    malloc_trim(0); /* an enrolment is a burst, and nothing like it follows for a long time */
}

void enrolment_state_fail(struct enrolment_state *state, const struct enrol_failure *failure,
                          const char *why)
{
    /* The CA has lost our certificate, or knows no renewals: next, and soon, as a newcomer. */
    bool disowned = failure->renewal && (failure->code == VERDICT_IDENTITY_NOT_PERMITTED ||
                                         failure->code == VERDICT_REQUEST_INVALID);
    uint64_t delay_ms = renew_after_failure(
        &state->renew, disowned ? VERDICT_UNAVAILABLE : failure->code, failure->retry_after_s,
        not_after_ms(state), checked_now_ms(state), random_bits());

    state->renewable = state->renewable && !disowned;
    state->status.num_failed++;
    state->status.last_refusal = failure->code;
    state->due_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME) + delay_ms;
    log_warn("identity.failed", kv_text("error", why),
             kv_text("code",
                     failure->code != VERDICT_ACCEPTED ? verdict_code_name(failure->code) : "none"),
             kv_text("id", failure->id), kv_num("retry_ms", (int64_t)delay_ms));
}

void enrolment_state_give_up(struct enrolment_state *state, const char *why)
{
    state->status.num_failed++;
    state->status.reboot_needed = true;
    state->due_ms = NEVER;
    log_error("identity.reboot_needed", kv_text("error", why),
              kv_text("effect", state->identity != NULL ? "our certificate serves until it expires"
                                                        : "there is no identity"),
              kv_text("instead", "reboot this machine"));
}

static void check_expiry(struct enrolment_state *state)
{
    if (state->identity == NULL || state->status.expired ||
        checked_now_ms(state) < not_after_ms(state)) {
        return;
    }
    state->status.expired = true;
    log_error("identity.expired", kv_text("spiffe", identity_spiffe(state->identity)),
              kv_num("not_after", identity_not_after(state->identity)),
              kv_text("effect", "new handshakes are refused"));
}

/* After a pause, or once somebody has set the clock, what we have may be over, and what the CA has
   told of its clock is not true any more.  Files tell nothing new. */
static void check_clocks(struct enrolment_state *state)
{
    struct pause_clocks now = read_clocks();
    struct pause pause = pause_between(&state->clocks, &now, ENROLMENT_STATE_TICK_MS);

    state->clocks = now;
    if ((pause.slept_ms < SLEPT_MIN_MS && pause.stepped_ms == 0) || !state->from_ca ||
        state->status.reboot_needed) {
        return;
    }
    state->jump_due_ms = renew_after_jump(&state->renew, (uint64_t)now.boot_ms);
}

void enrolment_state_tick(struct enrolment_state *state)
{
    check_clocks(state);
    check_expiry(state);
}

uint64_t enrolment_state_wait_ms(const struct enrolment_state *state)
{
    uint64_t due_ms = state->jump_due_ms < state->due_ms ? state->jump_due_ms : state->due_ms;
    uint64_t now_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME);

    if (due_ms == NEVER) {
        return NEVER;
    }
    return due_ms > now_ms ? due_ms - now_ms : 0;
}
