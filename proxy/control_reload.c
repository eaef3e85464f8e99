/*
 * Control_reload: what SIGHUP does, and what it shares with the start.
 */
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/control_state.h"
#include "proxy/deny.h"
#include "proxy/deny_file.h"
#include "proxy/enrolment.h"
#include "proxy/ingredients.h"

void control_adopt(struct control *control, struct generation *generation)
{
    generation_unref(control->generation);
    control->generation = generation;
    control->num_generations++;
}

void control_set_identity(struct control *control, struct identity *identity)
{
    struct identity *old = control->identity;

    control->identity = identity_ref(identity);
    identity_unref(old);
    if (control->first_usable == 0) {
        control->first_usable = control->num_generations;
    }
}

void control_set_deny(struct control *control, struct deny *deny)
{
    struct deny *old = control->deny;

    control->deny = deny != NULL ? deny_ref(deny) : NULL;
    deny_unref(old);
}

int control_read_deny(const struct control_rules *rules, struct deny **out_deny, struct err *err)
{
    *out_deny = rules->deny_file != NULL ? deny_file_read(rules->deny_file, err) : NULL;
    return rules->deny_file != NULL && *out_deny == NULL ? err_wrap(err, "[identity] deny_file")
                                                         : 0;
}

int control_start_admin(struct control *control, const char *listen, struct admin **out,
                        struct err *err)
{
    const struct admin_options options = {
        .listen = listen, .on_get = control_answer, .user = control};

    *out = listen != NULL ? admin_start(&control->loop, &options, err) : NULL;
    return listen == NULL || *out != NULL ? 0 : -1;
}

/* The one that `rules` want: the same as ever if its address has not changed. */
static int next_admin(struct control *control, const struct control_rules *rules,
                      struct admin **out, struct err *err)
{
    const char *before = control->rules.admin_listen;
    const char *after = rules->admin_listen;

    if (before != NULL && after != NULL && strcmp(before, after) == 0) {
        *out = control->admin;
        return 0;
    }
    return control_start_admin(control, after, out, err);
}

static void on_old_admin_stopped(void *user)
{
}

/* Of two the one that is not to be; either may be NULL. */
static void stop_other_admin(struct admin *other, const struct admin *kept)
{
    if (other != NULL && other != kept) {
        admin_stop(other, on_old_admin_stopped, NULL);
    }
}

/* Everything that the settings have changed, all or nothing: what can fail comes first. */
static int reload(struct control *control, struct err *err)
{
    const struct control_source *source = &control->options->source;
    struct control_rules rules;
    struct ingredients from = {.number = control->num_generations + 1,
                               .identity = control->identity,
                               .rules = &rules,
                               .num_live = &control->num_live,
                               .tenures = &control->tenures,
                               .previous = control->generation};
    struct crew_change *change = NULL;
    struct enrolment_change enrolment = {.source = NULL};
    struct generation *generation = NULL;
    struct deny *deny = NULL;
    struct admin *admin = control->admin;
    int rc = -1;

    if (source->load(source->user, &rules, err) != 0) {
        return -1;
    }
    if (control_read_deny(&rules, &deny, err) != 0 ||
        enrolment_prepare(control->enrolment, &rules.enrolment, &enrolment, err) != 0) {
        goto out;
    }
    if (enrolment.identity != NULL) {
        from.identity = enrolment.identity;
    }
    change = crew_prepare(control->crew, &rules.crew, err);
    if (change == NULL) {
        goto out;
    }
    from.deny = deny;
    from.change = change;
    generation = ingredients_mix(&from, err);
    if (generation == NULL || next_admin(control, &rules, &admin, err) != 0 ||
        deny_file_watch(control->deny_file, rules.deny_file, deny, err) != 0) {
        generation_unref(generation);
        crew_cancel(change);
        stop_other_admin(admin, control->admin);
        goto out;
    }
    control_set_deny(control, deny);
    enrolment_commit(control->enrolment, &enrolment);
    crew_commit(control->crew, change, generation);
    stop_other_admin(control->admin, admin);
    control->admin = admin;
    source->free(control->rules.owner);
    control->rules = rules;
    control_adopt(control, generation);
    if (from.identity != NULL) {
        control_set_identity(control, from.identity);
    }
    log_setup(rules.log_level, rules.log_format);
    source->announce(rules.owner);
    rc = 0;
out:
    if (rc != 0) {
        enrolment_cancel(control->enrolment, &enrolment);
        source->free(rules.owner);
    }
    deny_unref(deny);
    return rc;
}

void control_reload(struct control *control)
{
    struct err err;

    if (control->state != CONTROL_RUNNING) {
        return;
    }
    if (control->reloading != 0) { /* one after the other; several wait as one */
        control->reload_again = true;
        return;
    }
    control->reload_begun = true;
    manager_tell(&control->manager);
    control->reload_ok = reload(control, &err) == 0;
    if (!control->reload_ok) {
        log_warn("config.refused", kv_text("error", err.msg),
                 kv_text("effect", "the settings in use stay"));
        control->reload_begun = false;
        manager_tell(&control->manager);
        return;
    }
    control->reloading = control->num_generations;
    if (control->rules.enrolment.files.certificate != NULL) {
        enrolment_now(control->enrolment);
    }
}

/* A reload is over when the last worker has taken it. */
void control_acknowledged(struct control *control)
{
    if (control->reloading != 0 && crew_generation(control->crew) >= control->reloading) {
        log_info("config.reloaded", kv_num("generation", (int64_t)control->reloading));
        control->reloading = 0;
        control->reload_begun = false;
        control->reload_time = (int64_t)time(NULL);
        crew_clean_up(control->crew);
        if (control->reload_again) {
            control->reload_again = false;
            control_reload(control);
        }
    }
}
