/*
 * Sandbox: the order, and what is said about it.
 */
#include "proxy/sandbox.h"

#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/confine_calls.h"

static const char *memory_name(enum secrecy_memory memory)
{
    switch (memory) {
    case SECRECY_ORDINARY:
        return "ordinary";
    case SECRECY_UNLOCKED:
        return "unlocked";
    case SECRECY_LOCKED:
        return "locked";
    }
    return "ordinary";
}

static void sandbox_log(const struct sandbox_state *state, bool off)
{
    log_info("sandbox.ready", kv_text("seccomp", state->calls ? "yes" : "no"),
             kv_num("landlock", state->files_abi), kv_num("uid", (int64_t)getuid()),
             kv_text("keys", memory_name(state->memory)));
    if (state->root && !off) {
        log_warn("sandbox.root", kv_text("effect", "root owns more files than it needs"),
                 kv_text("instead", "[process] user"));
    }
    if (state->files_abi == 0 && !off) {
        log_warn("sandbox.no_landlock",
                 kv_text("effect", "any file may be read that the user may"));
    }
    if (state->memory != SECRECY_LOCKED && !off) {
        log_warn("sandbox.keys_unlocked", kv_text("effect", "private keys may be swapped to disk"),
                 kv_text("instead", "raise RLIMIT_MEMLOCK"));
    }
}

int sandbox_become(const struct sandbox_options *options, struct err *err)
{
    bool drop = !options->off || options->privileges.user != NULL;

    if (privileges_become(&options->privileges, err) != 0 || secrecy_keep(err) != 0) {
        return -1;
    }
    return drop ? privileges_drop(&options->privileges, err) : 0;
}

int sandbox_enter(const struct sandbox_options *options, struct sandbox_state *out_state,
                  struct err *err)
{
    struct sandbox_state state = {.memory = out_state->memory, .root = getuid() == 0};
    const struct confine_calls_options calls = {.requests = options->files.requests != NULL,
                                                .ioctls = options->ioctls,
                                                .num_ioctls = options->num_ioctls};

    if (!options->off) {
        if (confine_files(&options->files, &state.files_abi, err) != 0 ||
            confine_calls(&calls, err) != 0) {
            return err_wrap(err, "sandbox");
        }
        state.calls = true;
    }
    sandbox_log(&state, options->off);
    *out_state = state;
    return 0;
}
