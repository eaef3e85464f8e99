/*
 * Setup_sandbox: the mapping from settings to the options of the sandbox.
 */
#include "proxy/setup_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/secrecy.h"
#include "config/config.h"

#define KEY_MEMORY_MIN 1048576 /* bytes, a power of two */
#define KEY_MEMORY_EACH 64     /* bytes per connection */
#define PORT_UNPRIVILEGED 1024
#define OWN_PATHS 7

struct paths {
    const char *read[OWN_PATHS + SETTINGS_LIST_MAX];
    const char *sockets[CONFIG_ROUTES_MAX + SETTINGS_LIST_MAX];
};

static bool needs_privilege(const struct sockets_address *listen)
{
    uint32_t port =
        sockets_family(listen) == AF_VSOCK ? listen->u.vm.svm_port : sockets_port(listen);

    return (sockets_is_ip(listen) || sockets_family(listen) == AF_VSOCK) && port > 0 &&
           port < PORT_UNPRIVILEGED;
}

static struct privileges_options privileges_of(const struct config *config,
                                               const struct worker_options *worker)
{
    struct privileges_options options = {.user = config->process.user,
                                         .group = config->process.group};
    struct sockets_address admin;
    struct err err;

    if (config->admin.listen != NULL && sockets_parse(config->admin.listen, &admin, &err) == 0) {
        options.keep_bind = needs_privilege(&admin);
    }
    for (size_t i = 0; i < worker->num_routes; i++) {
        const struct worker_route *route = &worker->routes[i];

        options.keep_bind = options.keep_bind || needs_privilege(&route->listen);
        options.keep_net = options.keep_net || route->conn.tproxy;
    }
    return options;
}

/* What is read while we run: at renewals and reloads. */
static size_t put_read(const char *path, const struct config *config, struct paths *paths)
{
    const struct config_identity *identity = &config->identity;
    const struct setting_list *more = &config->process.read_path;
    const char *const own[OWN_PATHS] = {
        path,
        identity->ca_root,
        identity->insecure_sim,
        identity->certificate,
        identity->private_key,
        identity->trust_bundle,
        identity->deny_file,
    };
    size_t num = 0;

    for (size_t i = 0; i < OWN_PATHS; i++) {
        if (own[i] != NULL) {
            paths->read[num++] = own[i];
        }
    }
    for (size_t i = 0; i < more->num; i++) {
        paths->read[num++] = more->items[i];
    }
    return num;
}

/* What is made at reloads, and removed then and at the end. */
static size_t put_sockets(const struct config *config, const struct worker_options *worker,
                          struct paths *paths)
{
    const struct setting_list *more = &config->process.socket_path;
    size_t num = 0;

    for (size_t i = 0; i < worker->num_routes; i++) {
        const struct sockets_address *listen = &worker->routes[i].listen;

        if (sockets_family(listen) == AF_UNIX) {
            paths->sockets[num++] = listen->u.local.sun_path;
        }
    }
    for (size_t i = 0; i < more->num; i++) {
        paths->sockets[num++] = more->items[i];
    }
    return num;
}

/* A connection keeps 32 bytes there (measured: its handshake's own key); the rest is ample. */
static size_t key_memory(const struct config_limits *limits)
{
    size_t need = KEY_MEMORY_MIN + limits->max_connections * KEY_MEMORY_EACH;
    size_t len = KEY_MEMORY_MIN;

    while (len < need) {
        len *= 2;
    }
    return len;
}

int setup_sandbox_user(const struct config *config, uint32_t *out_uid, struct err *err)
{
    const struct privileges_options options = {.user = config->process.user,
                                               .group = config->process.group};

    return privileges_uid(&options, out_uid, err);
}

int setup_sandbox_become(const struct config *config, const struct worker_options *worker,
                         struct sandbox_state *out_state, struct err *err)
{
    const struct sandbox_options options = {
        .privileges = privileges_of(config, worker),
        .off = config->process.insecure_no_sandbox,
    };

    if (!options.off) { /* leak checkers do not look for pointers there */
        out_state->memory = secrecy_set_aside(key_memory(&config->limits));
    }
    return sandbox_become(&options, err);
}

/* What the sandbox does not admit looks like a file that is not ours to read. */
bool setup_sandbox_admits(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return errno != EACCES;
    }
    close(fd);
    return true;
}

int setup_sandbox_fits(const struct config *start, const struct config *next, struct err *err)
{
    if (!start->process.insecure_no_sandbox &&
        key_memory(&next->limits) > key_memory(&start->limits)) {
        return err_set(err, ERR_INVALID,
                       "[limits] max_connections: beyond the memory that was set aside for keys, a "
                       "change needs a restart");
    }
    return 0;
}

int setup_sandbox_enter(const char *path, const struct config *config,
                        const struct worker_options *worker, const struct collect_places *places,
                        struct sandbox_state *out_state, struct err *err)
{
    struct paths paths;
    const struct sandbox_options options = {
        .files = {.read = paths.read,
                  .num_read = put_read(path, config, &paths),
                  .sockets = paths.sockets,
                  .num_sockets = put_sockets(config, worker, &paths),
                  .requests = places->request_dir,
                  .device = places->device},
        .ioctls = places->ioctls,
        .num_ioctls = places->num_ioctls,
        .off = config->process.insecure_no_sandbox,
    };

    return sandbox_enter(&options, out_state, err);
}
