/*
 * Confine_calls: the filter, made with libseccomp, which knows the numbers of each architecture.
 *
 * The lists are what strace(1) shows over all integration tests with glibc 2.36, what its newer
 * versions and libuv 1.50 use instead, and what their error paths need.  io_uring is not among
 * them: it would go around the filter.
 */
#include "proxy/confine_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sockios.h>
#include <seccomp.h>

#include "common/err.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
/* Harmless whatever their arguments are.  Names that an architecture lacks are skipped. */
static const char *const allowed[] = {
    /* sockets */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* descriptors */
    "close", "close_range", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd2", "fcntl", "lseek", "pipe2", "poll", "ppoll", "pread64",
    "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "pselect6", "read", "readv", "select", "write", "writev",
    /* looking at files; what may be opened is Landlock's business */
    "access", "faccessat", "faccessat2", "fstat", "fstatfs", "getcwd", "getdents64", "lstat",
    "newfstatat", "readlink", "readlinkat", "stat", "statfs", "statx", "unlink", "unlinkat",
    /* memory */
    "brk", "madvise", "mlock", "mlock2", "mremap", "munlock", "munmap",
    /* threads, signals, time */
    "clock_getres", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "futex_wait",
    "futex_waitv", "futex_wake", "get_robust_list", "getrandom", "gettid", "gettimeofday",
    "membarrier", "nanosleep", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigtimedwait", "sched_getaffinity", "sched_yield", "set_robust_list",
    "set_tid_address", "sigaltstack", "time",
    /* who and where we are */
    "getegid", "geteuid", "getgid", "getpid", "getppid", "getresgid", "getresuid", "getrlimit",
    "getrusage", "getuid", "setrlimit", "sysinfo", "umask", "uname",
};

/* Nobody but an attacker calls these here. */
static const char *const deadly[] = {
    "bpf", "chroot", "delete_module", "execve", "execveat", "finit_module", "fork", "init_module",
    "kexec_file_load", "kexec_load", "mount", "move_mount", "open_by_handle_at", "perf_event_open",
    "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "setns", "swapon", "umount2",
    "unshare", "userfaultfd", "vfork",
};

/* With requests for evidence. */
static const char *const folders[] = {"mkdir", "mkdirat", "rmdir"};

/* clang-format on */

static const unsigned long ioctls[] = {FIONBIO, FIONREAD,   FIOCLEX,     SIOCOUTQ,
                                       TCGETS,  SIOCATMARK, SIOCGIFNAME, SIOCGIFINDEX};

static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_VSOCK};

/* Addresses, for look-ups of names; whose a socket is. */
static const int netlinks[] = {NETLINK_ROUTE, NETLINK_SOCK_DIAG};

/* The condition that an argument is `value`, in the bits of `mask`. */
static struct scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value)
{
    return (struct scmp_arg_cmp){argument, SCMP_CMP_MASKED_EQ, mask, value};
}

static struct scmp_arg_cmp equal(unsigned argument, uint64_t value)
{
    return masked(argument, UINT64_MAX, value);
}

/* A rule for one call; the first failure is kept in `*rc`. */
static void rule(scmp_filter_ctx filter, int *rc, uint32_t action, const char *name, unsigned num,
                 const struct scmp_arg_cmp *conditions)
{
    int call = seccomp_syscall_resolve_name(name);

    if (*rc == 0 && call != __NR_SCMP_ERROR) {
        *rc = seccomp_rule_add_array(filter, action, call, num, conditions);
    }
}

static void allow_if(scmp_filter_ctx filter, int *rc, const char *name, struct scmp_arg_cmp cmp)
{
    rule(filter, rc, SCMP_ACT_ALLOW, name, 1, &cmp);
}

static int add_lists(scmp_filter_ctx filter)
{
    int rc = 0;

    for (size_t i = 0; i < NUM(allowed); i++) {
        rule(filter, &rc, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
    }
    for (size_t i = 0; i < NUM(deadly); i++) {
        rule(filter, &rc, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
    }
    for (size_t i = 0; i < NUM(families); i++) {
        allow_if(filter, &rc, "socket", equal(0, (uint64_t)families[i]));
    }
    for (size_t i = 0; i < NUM(netlinks); i++) {
        const struct scmp_arg_cmp both[] = {
            equal(0, AF_NETLINK),
            equal(2, (uint64_t)netlinks[i]),
        };

        rule(filter, &rc, SCMP_ACT_ALLOW, "socket", NUM(both), both);
    }
    return rc;
}

/* Threads but no processes.  clone3 hides its flags from filters: ENOSYS sends glibc to clone. */
static int add_threads(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp process = masked(0, CLONE_THREAD, 0);
    int rc = 0;

    allow_if(filter, &rc, "clone", masked(0, CLONE_THREAD, CLONE_THREAD));
    rule(filter, &rc, SCMP_ACT_KILL_PROCESS, "clone", 1, &process);
    allow_if(filter, &rc, "prlimit64", equal(0, 0));               /* our own */
    allow_if(filter, &rc, "tgkill", equal(0, (uint64_t)getpid())); /* abort() */
    allow_if(filter, &rc, "prctl", equal(0, PR_SET_NAME));
    allow_if(filter, &rc, "prctl", equal(0, PR_GET_NAME));
    return rc;
}

/* No code that was not mapped from a file, and no file that is both. */
static int add_memory(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp from_file[] = {
        masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
        masked(3, MAP_ANONYMOUS, 0),
    };
    int rc = 0;

    allow_if(filter, &rc, "mmap", masked(2, PROT_EXEC, 0));
    rule(filter, &rc, SCMP_ACT_ALLOW, "mmap", NUM(from_file), from_file);
    allow_if(filter, &rc, "mprotect", masked(2, PROT_EXEC, 0));
    return rc;
}

/* A rule for opening a file: `mask` are the flags that are looked at. */
static void rule_open(scmp_filter_ctx filter, int *rc, uint32_t action, int mask, int flags)
{
    const struct scmp_arg_cmp second = masked(1, (uint64_t)mask, (uint64_t)flags);
    const struct scmp_arg_cmp third = masked(2, (uint64_t)mask, (uint64_t)flags);

    rule(filter, rc, action, "open", 1, &second);
    rule(filter, rc, action, "openat", 1, &third);
}

/* For reading; a wish to write, or to cut a file off, is answered as if the file forbade it, unless
   it is one of a request: a file that is there and stays as long as it is.  Landlock knows of
   cutting only since its third version. */
static int add_files(scmp_filter_ctx filter, const struct confine_calls_options *options)
{
    const int looks = O_ACCMODE | O_CREAT | O_TRUNC;
    int rc = 0;

    rule_open(filter, &rc, SCMP_ACT_ALLOW, looks, O_RDONLY);
    rule_open(filter, &rc, SCMP_ACT_ERRNO(EACCES), looks, O_RDONLY | O_TRUNC);
    rule_open(filter, &rc, SCMP_ACT_ERRNO(EACCES), O_ACCMODE, O_RDWR);
    if (!options->requests) {
        rule_open(filter, &rc, SCMP_ACT_ERRNO(EACCES), O_ACCMODE, O_WRONLY);
        return rc;
    }
    rule_open(filter, &rc, SCMP_ACT_ALLOW, looks, O_WRONLY);
    rule_open(filter, &rc, SCMP_ACT_ERRNO(EACCES), O_ACCMODE | O_CREAT, O_WRONLY | O_CREAT);
    rule_open(filter, &rc, SCMP_ACT_ERRNO(EACCES), looks, O_WRONLY | O_TRUNC);
    for (size_t i = 0; i < NUM(folders); i++) {
        rule(filter, &rc, SCMP_ACT_ALLOW, folders[i], 0, NULL);
    }
    return rc;
}

static int add_ioctls(scmp_filter_ctx filter, const unsigned long *numbers, size_t num)
{
    int rc = 0;

    for (size_t i = 0; i < num; i++) {
        allow_if(filter, &rc, "ioctl", masked(1, UINT32_MAX, numbers[i]));
    }
    return rc;
}

static int set_attributes(scmp_filter_ctx filter)
{
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0) {
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    }
    if (rc == 0) { /* a tree: with a list, the last of 120 calls would cost 120 comparisons */
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    return rc;
}

int confine_calls(const struct confine_calls_options *options, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int rc = 0;

    if (filter == NULL) {
        return err_set(err, ERR_LIMIT, "seccomp: out of memory");
    }
    rc = set_attributes(filter);
    if (rc == 0) {
        rc = add_lists(filter);
    }
    if (rc == 0) {
        rc = add_threads(filter);
    }
    if (rc == 0) {
        rc = add_memory(filter);
    }
    if (rc == 0) {
        rc = add_files(filter, options);
    }
    if (rc == 0) {
        rc = add_ioctls(filter, ioctls, NUM(ioctls));
    }
    if (rc == 0) {
        rc = add_ioctls(filter, options->ioctls, options->num_ioctls);
    }
    if (rc == 0) {
        rc = seccomp_load(filter);
    }
    seccomp_release(filter);
    return rc == 0 ? 0 : err_set_errno(err, ERR_IO, -rc, "seccomp");
}
