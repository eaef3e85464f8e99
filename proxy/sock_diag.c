/*
 * Sock_diag: the request, and a strict look at the answer: the kernel gives a listener for a tuple
 * that nobody has, and root for a socket that its process has left.
 */
#include "proxy/sock_diag.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "common/err.h"

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

/* Room for what the kernel may append to a message; aligned for its header. */
union answer {
    struct nlmsghdr header;
    struct {
        struct nlmsghdr header;
        struct nlmsgerr body;
    } refusal;
    struct {
        struct nlmsghdr header;
        struct inet_diag_msg body;
    } found;
    uint8_t bytes[4096];
};

/* Host and port as the kernel wants them; both are plain by now. */
static void put_address(const struct sockets_address *address, __be32 host[4], __be16 *port)
{
    if (address->u.any.sa_family == AF_INET) {
        memcpy(host, &address->u.v4.sin_addr, sizeof(address->u.v4.sin_addr));
        *port = address->u.v4.sin_port;
    } else {
        memcpy(host, &address->u.v6.sin6_addr, sizeof(address->u.v6.sin6_addr));
        *port = address->u.v6.sin6_port;
    }
}

static int make_request(const struct sockets_address *local, const struct sockets_address *remote,
                        struct request *out, struct err *err)
{
    struct sockets_address from = sockets_plain(local);
    struct sockets_address to = sockets_plain(remote);

    if (from.len == 0 || to.len == 0 || from.u.any.sa_family != to.u.any.sa_family ||
        (from.u.any.sa_family != AF_INET && from.u.any.sa_family != AF_INET6)) {
        return err_set(err, ERR_DENIED, "no TCP connection");
    }
    *out = (struct request){
        .header = {.nlmsg_len = sizeof(*out),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = (uint8_t)from.u.any.sa_family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = UINT32_MAX,
                 .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    put_address(&from, out->body.id.idiag_src, &out->body.id.idiag_sport);
    put_address(&to, out->body.id.idiag_dst, &out->body.id.idiag_dport);
    if (from.u.any.sa_family == AF_INET6) { /* a link-local address means nothing without */
        out->body.id.idiag_if = from.u.v6.sin6_scope_id;
    }
    return 0;
}

/* True if the answer is about the very tuple: what an IPv6 socket with IPv4 inside is called does
   not matter, so of IPv4 the last four bytes are compared. */
static bool is_about(const struct inet_diag_msg *msg, const struct request *request)
{
    bool v4 = request->body.sdiag_family == AF_INET;
    size_t at = v4 && msg->idiag_family == AF_INET6 ? 3 : 0;
    size_t len = v4 ? sizeof(__be32) : sizeof(msg->id.idiag_src);

    return msg->id.idiag_sport == request->body.id.idiag_sport &&
           msg->id.idiag_dport == request->body.id.idiag_dport &&
           memcmp(&msg->id.idiag_src[at], request->body.id.idiag_src, len) == 0 &&
           memcmp(&msg->id.idiag_dst[at], request->body.id.idiag_dst, len) == 0;
}

/* A connection with a process at its end: not one that is still being made, nor one whose owner has
   gone and which the kernel therefore says is root's. */
static bool is_held(const struct inet_diag_msg *msg)
{
    switch (msg->idiag_state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
        return msg->idiag_inode != 0;
    default:
        return false;
    }
}

static int judge(const union answer *answer, size_t len, const struct request *request,
                 struct sock_diag_owner *out, struct err *err)
{
    const struct inet_diag_msg *msg = &answer->found.body;
    const struct nlmsgerr *refusal = &answer->refusal.body;

    if (len < sizeof(answer->header) || answer->header.nlmsg_len > len) {
        return err_set(err, ERR_IO, "sock_diag: a short answer");
    }
    if (answer->header.nlmsg_type == NLMSG_ERROR &&
        answer->header.nlmsg_len >= NLMSG_LENGTH(sizeof(*refusal))) {
        return refusal->error == -ENOENT ? err_set(err, ERR_DENIED, "no such socket")
                                         : err_set_errno(err, ERR_IO, -refusal->error, "sock_diag");
    }
    if (answer->header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        answer->header.nlmsg_len < NLMSG_LENGTH(sizeof(*msg))) {
        return err_set(err, ERR_IO, "sock_diag: a strange answer");
    }
    if (!is_about(msg, request)) {
        return err_set(err, ERR_DENIED, "no such socket");
    }
    if (!is_held(msg)) {
        return err_set(err, ERR_DENIED, "no process holds the socket");
    }
    *out = (struct sock_diag_owner){.uid = msg->idiag_uid, .inode = msg->idiag_inode};
    return 0;
}

static int ask(int fd, const struct request *request, struct sock_diag_owner *out, struct err *err)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct sockaddr_nl sender = {.nl_family = AF_NETLINK};
    socklen_t sender_len = sizeof(sender);
    union answer answer;
    ssize_t len = 0;

    do {
        len = sendto(fd, request, sizeof(*request), 0, (const struct sockaddr *)&kernel,
                     sizeof(kernel));
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return err_set_errno(err, ERR_IO, errno, "sock_diag");
    }
    do {
        len = recvfrom(fd, &answer, sizeof(answer), 0, (struct sockaddr *)&sender, &sender_len);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return err_set_errno(err, ERR_IO, errno, "sock_diag");
    }
    if (sender.nl_pid != 0) {
        return err_set(err, ERR_IO, "sock_diag: an answer that is not the kernel's");
    }
    return judge(&answer, (size_t)len, request, out, err);
}

int sock_diag_find(const struct sockets_address *local, const struct sockets_address *remote,
                   struct sock_diag_owner *out, struct err *err)
{
    struct request request;
    int rc = -1;
    int fd = -1;

    if (make_request(local, remote, &request, err) != 0) {
        return -1;
    }
    fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "sock_diag");
    }
    rc = ask(fd, &request, out, err);
    close(fd);
    return rc;
}

/* Finds the owner of one end of the connection from `fd` to `listening`. */
static int probe_pair(int listening, int *out_fd, struct err *err)
{
    struct sockets_address there = {.len = 0};
    struct sockets_address here = {.len = 0};
    struct sock_diag_owner owner = {0};

    if (sockets_bound(listening, &there, err) != 0) {
        return -1;
    }
    *out_fd = sockets_connect(&there); /* on loopback it is there at once */
    if (*out_fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "connect to ourselves");
    }
    if (sockets_bound(*out_fd, &here, err) != 0 ||
        sock_diag_find(&here, &there, &owner, err) != 0) {
        return -1;
    }
    return owner.uid == geteuid() ? 0 : err_set(err, ERR_IO, "it takes us for somebody else");
}

int sock_diag_probe(struct err *err)
{
    struct sockets_listen_options options = {.backlog = 1};
    struct sockets_address any = {.len = 0};
    int listening = -1;
    int fd = -1;
    int rc = -1;

    if (sockets_parse("127.0.0.1:0", &any, err) != 0) {
        return -1;
    }
    listening = sockets_listen(&any, &options, err);
    if (listening >= 0) {
        rc = probe_pair(listening, &fd, err);
        close(listening);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc != 0 ? err_wrap(err, "the kernel does not say who owns a socket (tcp_diag)") : 0;
}
