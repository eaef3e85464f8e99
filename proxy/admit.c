/*
 * Admit: the state CALLER of an egress: which process calls, and where it wanted to go.  Decided at
 * once, from what the kernel says, before anything is waited for or looked up.
 *
 * A connection of our own that comes back to us would go round for ever: whoever redirects must
 * exempt us, and if that fails the loop ends here.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/err.h"
#include "proxy/conn_state.h"

static enum conn_state admit_refuse(struct conn *c, enum reason reason, const struct err *err)
{
    conn_set_detail(c, err->msg);
    return conn_fail(c, reason);
}

/* Where the caller connected to, as it sees it.  REASON_NONE: found, and ours to serve. */
static enum reason admit_destination(struct conn *c, struct err *err)
{
    const struct redirection *redirection = &c->route->redirection;
    char text[SOCKETS_TEXT_CAP] = "";

    if (redirection->num_originals == 0) {
        return sockets_bound(c->app.fd, &c->destination, err) == 0 ? REASON_NONE
                                                                   : REASON_CALLER_DENIED;
    }
    if (redirection_find(c->app.fd, &c->destination, err) != 0) {
        return REASON_LOOP_REFUSED;
    }
    if (!redirection_holds(redirection, &c->destination)) {
        sockets_format(&c->destination, text);
        (void)err_set(err, ERR_DENIED, "the route does not stand in for %s", text);
        return REASON_LOOP_REFUSED;
    }
    return REASON_NONE;
}

static enum reason admit_caller(struct conn *c, struct err *err)
{
    const struct caller_rules *rules = &c->route->callers;
    bool redirected = c->route->redirection.num_originals > 0;
    uint32_t uid = UINT32_MAX;

    if (caller_find(c->app.fd, &c->source, &c->destination, &uid, err) != 0) {
        return REASON_CALLER_DENIED;
    }
    c->caller_uid = uid;
    if (redirected && uid == geteuid()) {
        (void)err_set(err, ERR_DENIED, "a connection of our own came back");
        return REASON_LOOP_REFUSED;
    }
    if (rules->num_uids > 0 && !caller_is_listed(rules, uid)) {
        (void)err_set(err, ERR_DENIED, "uid %u is not in allow_uid", (unsigned)uid);
        return REASON_CALLER_DENIED;
    }
    return REASON_NONE;
}

enum conn_state admit_run(struct conn *c)
{
    struct err err = {0};
    enum reason reason = REASON_NONE;

    if (c->route->callers.num_uids == 0 && c->route->redirection.num_originals == 0) {
        return CONN_HOLD; /* whoever can reach the listener may use it */
    }
    reason = admit_destination(c, &err);
    if (reason == REASON_NONE) {
        reason = admit_caller(c, &err);
    }
    return reason == REASON_NONE ? CONN_HOLD : admit_refuse(c, reason, &err);
}
