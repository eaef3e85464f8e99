/*
 * Main: the command line of liftgate-ca.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <uv.h>

#include "ca/init.h"
#include "ca/setup.h"
#include "ca/store.h"
#include "common/err.h"
#include "common/log.h"
#include "common/secrecy.h"
#include "config/ca_config.h"

/* Exit statuses. */
enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* What to do with settings. */
enum action { RUN, CHECK, PRINT };

static const char help[] =
    "usage: liftgate-ca init -d DIR --trust-domain TD --name HOST|IP...\n"
    "       liftgate-ca serve -c FILE [--check | --print-config]\n"
    "       liftgate-ca --help | --version\n"
    "\n"
    "init   makes DIR with the keys and certificates of root, issuing CA and server, the\n"
    "       nonce secret, ca.ini and policy.ini; root.key may go offline\n"
    "serve  runs the authority; with --check it only judges settings, policy and keys,\n"
    "       with --print-config it writes the settings in effect, defaults included\n"
    "\n"
    "Settings of FILE:\n";

static int fail(const char *what, const struct err *err)
{
    fprintf(stderr, "liftgate-ca: %s: %s\n", what, err->msg);
    return err->code == ERR_INVALID ? USAGE : FAILED;
}

static int usage(const char *why)
{
    fprintf(stderr, "liftgate-ca: usage: %s; try --help\n", why);
    return USAGE;
}

static int print_version(void)
{
    printf("liftgate-ca %s\n%s, libuv %s, SQLite %s, jansson %s\n", LIFTGATE_VERSION,
           OpenSSL_version(OPENSSL_VERSION), uv_version_string(), store_library_version(),
           jansson_version_str());
    return DONE;
}

static int run_init(int argc, char **argv)
{
    static const struct option options[] = {
        {"trust-domain", required_argument, NULL, 't'},
        {"name", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    const char *names[INIT_NAMES_MAX];
    struct init_options init = {.names = names, .now = (int64_t)time(NULL)};
    struct err err;
    int option = 0;

    while ((option = getopt_long(argc, argv, "d:", options, NULL)) != -1) {
        if (option == 'd') {
            init.dir = optarg;
        } else if (option == 't') {
            init.trust_domain = optarg;
        } else if (option == 'n' && init.num_names < INIT_NAMES_MAX) {
            names[init.num_names++] = optarg;
        } else {
            return usage(option == 'n' ? "too many names" : "init: bad option");
        }
    }
    /* --name takes several: what is left over are more names. */
    for (; optind < argc; optind++) {
        if (init.num_names == 0 || init.num_names == INIT_NAMES_MAX) {
            return usage(init.num_names == 0 ? "init: names follow --name" : "too many names");
        }
        names[init.num_names++] = argv[optind];
    }
    if (init.dir == NULL || init.trust_domain == NULL || init.num_names == 0) {
        return usage("init needs -d DIR, --trust-domain TD and --name HOST");
    }
    if (init_create(&init, &err) != 0) {
        return fail("init", &err);
    }
    printf("made %s: give root.pem to the sidecars, keep root.key offline, edit policy.ini\n",
           init.dir);
    return DONE;
}

static int serve(const struct ca_config *config, enum action action)
{
    struct setup setup = {0};
    struct err err;
    int rc = DONE;

    if (action == PRINT) {
        return ca_config_print(config, stdout, &err) == 0 ? DONE : fail("serve", &err);
    }
    if (setup_init(&setup, config, &err) != 0) {
        rc = fail("serve", &err);
    } else if (action == CHECK) {
        printf("ok: policy %s\n", policy_ca(setup.policy)->id);
    } else if (setup_open_store(&setup, config, &err) != 0 ||
               server_run(&setup.server, &err) != 0) {
        rc = fail("serve", &err);
    }
    setup_deinit(&setup);
    return rc;
}

static int run_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    enum action action = RUN;
    struct ca_config *config = NULL;
    struct err err;
    int option = 0;
    int rc = DONE;

    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c') {
            path = optarg;
        } else if (option == 'k') {
            action = CHECK;
        } else if (option == 'p') {
            action = PRINT;
        } else {
            return usage("serve: bad option");
        }
    }
    if (path == NULL || optind != argc) {
        return usage("serve needs -c FILE and nothing else");
    }
    config = ca_config_load(path, &err);
    if (config == NULL) {
        return fail("serve", &err);
    }
    log_setup((enum log_level)config->log.level, (enum log_format)config->log.format);
    rc = serve(config, action);
    ca_config_free(config);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err;

    if (secrecy_begin(&err) != 0) {
        return fail("start", &err);
    }
    opterr = 0; /* usage() says it, once */
    if (argc < 2) {
        return usage("need a command: init or serve");
    }
    if (strcmp(argv[argc - 1], "--help") == 0 && argc <= 3) {
        fputs(help, stdout);
        ca_config_help(stdout);
        return DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        return print_version();
    }
    if (strcmp(argv[1], "init") == 0) {
        return run_init(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "serve") == 0) {
        return run_serve(argc - 1, argv + 1);
    }
    return usage("need a command: init or serve");
}
