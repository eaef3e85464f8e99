/*
 * Main: the command line of liftgate, the sidecar.
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <uv.h>

#include "common/cbor.h"
#include "common/err.h"
#include "common/http1.h"
#include "common/log.h"
#include "common/secrecy.h"
#include "common/sockets.h"
#include "config/config.h"
#include "proxy/algorithms.h"
#include "proxy/control.h"
#include "proxy/nft.h"
#include "proxy/setup.h"
#include "proxy/setup_sandbox.h"

/* Exit statuses. */
enum { DONE = 0, FAILED = 1, USAGE = 2 };

enum action { RUN, CHECK, PRINT, PRINT_NFT };

static const char help[] =
    "usage: liftgate -c FILE [--check | --print-config | --print-nft]\n"
    "       liftgate --help | --version\n"
    "\n"
    "-c FILE         the settings, as liftgate.conf(5) describes them\n"
    "--check         read and check FILE, then exit: 0 if it is good, 2 if not\n"
    "--print-config  write the settings in effect, defaults included\n"
    "--print-nft     write the rules of the packet filter for transparent = redirect, for the "
    "user\n"
    "                that runs this\n"
    "\n"
    "Signals: TERM and INT drain (a second one ends at once), HUP reloads the settings\n"
    "and certificate files, USR1 renews the identity now.\n"
    "\n"
    "Settings of FILE:\n";

static int fail(const struct err *err)
{
    fprintf(stderr, "liftgate: %s\n", err->msg);
    return err->code == ERR_INVALID ? USAGE : FAILED;
}

static int usage(const char *why)
{
    fprintf(stderr, "liftgate: usage: %s; try --help\n", why);
    return USAGE;
}

static int print_version(void)
{
    const struct scmp_version *seccomp = seccomp_version();

    printf("liftgate %s\n%s, libuv %s, llhttp %s, jansson %s, libcbor %s, libseccomp %u.%u.%u\n",
           LIFTGATE_VERSION, OpenSSL_version(OPENSSL_VERSION), uv_version_string(),
           http1_library_version(), jansson_version_str(), cbor_library_version(), seccomp->major,
           seccomp->minor, seccomp->micro);
    return DONE;
}

/* What the process needs before its first thread. */
static void prepare_process(unsigned num_workers)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    char threads[16] = "";

    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore,
              NULL); /* this and the next until the loop takes them: they would end us */
    sigaction(SIGUSR1, &ignore, NULL);
    /* Half for look-ups of names, of which each worker may have one. */
    (void)snprintf(threads, sizeof(threads), "%u", 8 + (num_workers > 8 ? num_workers : 8));
    setenv("UV_THREADPOOL_SIZE", threads, 0);
    setenv("UV_USE_IO_URING", "0", 1);                   /* the sandbox has none */
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* while its file can be read */
    /* Else each thread of the pool grows a heap of its own, of which enrolments leave bits behind.
     */
    mallopt(M_ARENA_MAX, 1 + (int)num_workers);
    sockets_raise_nofile();
}

/* Nothing in this process can end a getaddrinfo() that has begun, and it may take minutes.  exit()
   would wait for it, as libuv joins its threads then, and would free under its feet what it uses.
   Connections, sockets and our keys are gone by now; the rest is the kernel's to clear. */
static void leave(int status)
{
    (void)fflush(NULL);
    _exit(status);
}

static int run(struct setup *setup, const char *path)
{
    const struct config_log *settings = &setup_config(setup)->log;
    bool left_behind = false;
    struct err err;
    int rc = 0;

    log_setup((enum log_level)settings->level, (enum log_format)settings->format);
    prepare_process((unsigned)setup_config(setup)->process.workers);
    log_info("proxy.start", kv_text("version", LIFTGATE_VERSION),
             kv_text("openssl", OpenSSL_version(OPENSSL_VERSION_STRING)), kv_text("config", path));
    setup_warn_insecure(setup);
    if (setup_become_user(setup, &err) != 0 || setup_open(setup, &err) != 0 ||
        setup_enter_sandbox(setup, &err) != 0 || setup_check_identity(setup, &err) != 0 ||
        setup_check_callers(setup, &err) != 0) {
        return fail(&err);
    }
    rc = control_run(setup_control(setup), &left_behind, &err);
    rc = rc < 0 ? fail(&err) : rc;
    if (left_behind) {
        setup_close(setup);
        leave(rc);
    }
    return rc;
}

static int print_nft(const struct setup *setup)
{
    const struct worker_options *worker = &setup_control(setup)->crew.worker;
    uint32_t uid = 0;
    struct err err;

    if (setup_sandbox_user(setup_config(setup), &uid, &err) != 0 ||
        nft_print(worker->routes, worker->num_routes, uid, stdout, &err) != 0) {
        return fail(&err);
    }
    return DONE;
}

static int print_config(const struct setup *setup)
{
    struct err err;

    return config_print(setup_config(setup), stdout, &err) == 0 ? DONE : fail(&err);
}

static int act(enum action action, const char *path)
{
    struct err err;
    struct setup *setup = setup_new(path, &err);
    int rc = DONE;

    if (setup == NULL) {
        return fail(&err);
    }
    switch (action) {
    case RUN:
        rc = run(setup, path);
        break;
    case CHECK:
        printf("%s: ok\n", path);
        break;
    case PRINT_NFT:
        rc = print_nft(setup);
        break;
    case PRINT:
        rc = print_config(setup);
        break;
    }
    setup_free(setup);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'k'},     {"print-config", no_argument, NULL, 'p'},
        {"print-nft", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},   {NULL, 0, NULL, 0},
    };
    enum action action = RUN;
    const char *path = NULL;
    int option = 0;
    struct err err;

    if (secrecy_begin(&err) != 0 || algorithms_begin(&err) != 0) {
        return fail(&err);
    }
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            action = CHECK;
            break;
        case 'p':
            action = PRINT;
            break;
        case 'n':
            action = PRINT_NFT;
            break;
        case 'h':
            fputs(help, stdout);
            config_help(stdout);
            return DONE;
        case 'v':
            return print_version();
        default:
            return usage("bad option, or one without its value");
        }
    }
    if (path == NULL || optind != argc) {
        return usage("need -c FILE and nothing else");
    }
    return act(action, path);
}
