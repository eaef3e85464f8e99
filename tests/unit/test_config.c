/*
 * Config: what the sidecar's file may say, what it means, and the exact words of each refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "config/config.h"

#define HEX_96                                                                                     \
    "0123456789abcdef0123456789abcdef0123456789abcdef"                                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef"
#define IDENTITY                                                                                   \
    "[identity]\n"                                                                                 \
    "ca = https://ca.prod.example:8443\n"                                                          \
    "ca_root = /etc/liftgate/ca-root.pem\n"                                                        \
    "trust_domain = prod.example\n"                                                                \
    "service = payments/api\n"
#define FILES                                                                                      \
    "[identity]\n"                                                                                 \
    "trust_domain = prod.example\n"                                                                \
    "certificate = a.pem\n"                                                                        \
    "private_key = a.key\n"                                                                        \
    "trust_bundle = b.pem\n"
#define INGRESS                                                                                    \
    "[ingress api]\n"                                                                              \
    "listen = 0.0.0.0:8443\n"                                                                      \
    "forward = 127.0.0.1:8080\n"                                                                   \
    "mode = tcp\n"                                                                                 \
    "allow = cart\n"
#define EGRESS                                                                                     \
    "[egress db]\n"                                                                                \
    "listen = 127.0.0.1:5432\n"                                                                    \
    "connect = db.prod.example:5432\n"                                                             \
    "mode = tcp\n"                                                                                 \
    "expect = cart\n"
#define PEER                                                                                       \
    "[peer cart]\n"                                                                                \
    "spiffe = spiffe://prod.example/snp/cart\n"

static struct config *parse(const char *text, struct err *err)
{
    return config_parse("t.ini", text, strlen(text), err);
}

/* Each kind of value at least once. */
static const char full[] =
    IDENTITY "platform = sim\n"
             "insecure_sim = /m\n" INGRESS "allow = web  mail\n"
             "alpn = h2,http/1.1\n"
             "on_truncation = eof\n"
             "idle_timeout = 90s ; short\n"
             "[ingress far]\n"
             "listen = [::]:0\n"
             "forward = 192.0.2.1:80\n"
             "insecure_remote_app = yes\n"
             "insecure_keep_expired_peers = yes\n"
             "mode = tcp\n"
             "allow = web\n" EGRESS "sni = db\n" PEER "spiffe = spiffe://prod.example/snp/cart2\n"
             "dns = Api.prod.example\n"
             "tee = snp\n"
             "tee = sim\n"
             "measurement = " HEX_96 "\n"
             "tcb_snp_min = 0\n"
             "epoch_min = 42\n"
             "[peer web]\n"
             "spiffe = spiffe://prod.example/snp/web\n"
             "[peer mail]\n"
             "spiffe = spiffe://prod.example/snp/mail\n"
             "[limits]\n"
             "handshake_timeout = 1ms\n"
             "idle_timeout = 2d\n"
             "half_close_timeout = 3min\n"
             "max_lifetime = 12h\n"
             "max_connections = 7\n"
             "buffer_memory = 1GiB\n"
             "[process]\n"
             "workers = 64\nuser = web\ngroup = www-data\nread_path = /etc\nsocket_path = /run/x\n"
             "insecure_no_sandbox = yes\n"
             "[admin]\n"
             "listen = 127.0.0.1:0\n"
             "[log]\n"
             "level = debug\n"
             "format = json\n";

static void routes_and_identity_reach_their_fields(void **state)
{
    struct err err = {0};
    struct config *config = parse(full, &err);

    assert_string_equal(err.msg, "");
    assert_non_null(config);
    assert_string_equal(config->identity.ca, "https://ca.prod.example:8443");
    assert_string_equal(config->identity.service, "payments/api");
    assert_int_equal(config->identity.platform, CONFIG_PLATFORM_SIM);
    assert_null(config->identity.certificate);
    assert_int_equal(config->num_ingresses, 2);
    assert_string_equal(config->ingresses[0].name, "api");
    assert_int_equal(config->ingresses[0].allow.num, 3);
    assert_string_equal(config->ingresses[0].allow.items[2], "mail");
    assert_string_equal(config->ingresses[0].alpn, "h2,http/1.1");
    assert_int_equal(config->ingresses[0].on_truncation, CONFIG_TRUNCATION_EOF);
    assert_int_equal(config->ingresses[0].idle_timeout, 90000);
    assert_int_equal(config->ingresses[1].idle_timeout, 2 * 86400000);
    assert_true(config->ingresses[1].insecure_remote_app);
    assert_false(config->ingresses[0].insecure_remote_app);
    assert_int_equal(config->num_egresses, 1);
    assert_string_equal(config->egresses[0].connect, "db.prod.example:5432");
    assert_string_equal(config->egresses[0].sni, "db");
    config_free(config);
}

static char insecure_keys[256];

static void note_insecure(const char *section, const char *name, const char *key)
{
    size_t len = strlen(insecure_keys);

    snprintf(insecure_keys + len, sizeof(insecure_keys) - len, "[%s %s] %s;", section, name, key);
}

static void what_is_insecure_and_in_use_is_found(void **state)
{
    struct err err = {0};
    struct config *config = parse(full, &err);

    assert_non_null(config);
    assert_int_equal(config_insecure(config, note_insecure), 4);
    assert_string_equal(insecure_keys, "[identity ] insecure_sim;"
                                       "[ingress far] insecure_keep_expired_peers;"
                                       "[ingress far] insecure_remote_app;"
                                       "[process ] insecure_no_sandbox;");
    assert_int_equal(config_insecure(config, NULL), 4);
    config_free(config);
}

static void peers_and_limits_reach_their_fields(void **state)
{
    struct err err = {0};
    struct config *config = parse(full, &err);

    assert_non_null(config);
    assert_int_equal(config->num_peers, 3);
    assert_int_equal(config->peers[0].spiffe.num, 2);
    assert_int_equal(config->peers[0].dns.num, 1);
    assert_string_equal(config->peers[0].dns.items[0], "Api.prod.example");
    assert_int_equal(config->peers[0].tee.num, 2);
    assert_string_equal(config->peers[0].tee.items[1], "sim");
    assert_string_equal(config->peers[0].measurement.items[0], HEX_96);
    assert_true(config->peers[0].tcb_snp_min.is_set);
    assert_false(config->peers[0].tcb_tee_min.is_set);
    assert_int_equal(config->peers[0].epoch_min.value, 42);
    assert_int_equal(config->limits.handshake_timeout, 1);
    assert_int_equal(config->limits.connect_timeout, 5000);
    assert_int_equal(config->limits.half_close_timeout, 180000);
    assert_int_equal(config->limits.max_lifetime, 12 * 3600000);
    assert_int_equal(config->limits.drain_delay, 0);
    assert_int_equal(config->limits.max_connections, 7);
    assert_int_equal(config->limits.max_connections_per_listener, 0);
    assert_int_equal(config->limits.buffer_memory, UINT64_C(1) << 30);
    assert_string_equal(config->process.user, "web");
    assert_string_equal(config->process.group, "www-data");
    assert_string_equal(config->process.read_path.items[0], "/etc");
    assert_string_equal(config->process.socket_path.items[0], "/run/x");
    assert_true(config->process.insecure_no_sandbox);
    assert_string_equal(config->admin.listen, "127.0.0.1:0");
    assert_int_equal(config->log.level, LOG_DEBUG);
    assert_int_equal(config->log.format, LOG_JSON);
    config_free(config);
}

static void the_smallest_file_gets_the_defaults_of_the_specification(void **state)
{
    struct err err = {0};
    struct config *config = parse(FILES INGRESS PEER, &err);

    assert_non_null(config);
    assert_null(config->identity.ca);
    assert_string_equal(config->identity.private_key, "a.key");
    assert_int_equal(config->limits.handshake_timeout, 10000);
    assert_int_equal(config->limits.connect_timeout, 5000);
    assert_int_equal(config->limits.idle_timeout, 3600000);
    assert_int_equal(config->limits.half_close_timeout, 60000);
    assert_int_equal(config->limits.write_stall_timeout, 300000);
    assert_int_equal(config->limits.linger_timeout, 2000);
    assert_int_equal(config->limits.ready_wait, 10000);
    assert_int_equal(config->limits.max_lifetime, 0);
    assert_int_equal(config->limits.drain_timeout, 30000);
    assert_int_equal(config->limits.max_connections, 4096);
    assert_int_equal(config->limits.max_connections_per_source, 2048);
    assert_int_equal(config->limits.max_handshakes, 256);
    assert_int_equal(config->limits.buffer_memory, 64 << 20);
    assert_int_equal(config->ingresses[0].on_truncation, CONFIG_TRUNCATION_RESET);
    assert_int_equal(config->ingresses[0].idle_timeout, 3600000);
    assert_null(config->admin.listen);
    assert_int_equal(config->log.level, LOG_INFO);
    assert_int_equal(config->log.format, LOG_TEXT);
    config_free(config);
}

/* clang-format off */
static const struct {
    const char *what;
    const char *text;
    const char *want;
} refused[] = {
    {"an unknown section", "[proxy]\n", "t.ini:1: [proxy]: no such section"},
    {"a name where none belongs", "[limits x]\n", "t.ini:1: [limits x]: takes no name: [limits]"},
    {"a missing name", "[ingress]\n", "t.ini:1: [ingress]: needs a name: [ingress NAME]"},
    {"an unknown key", IDENTITY "cluster = x\n", "t.ini:6: [identity] cluster: no such key"},
    {"a key of another section", IDENTITY "listen = 127.0.0.1:1\n", "t.ini:6: [identity] listen: no such key"},
    {"a repeated scalar", IDENTITY INGRESS "mode = tcp\n", "t.ini:11: [ingress api] mode: already in line 9"},
    {"no identity", INGRESS PEER, "t.ini: [identity] trust_domain: missing"},
    {"no trust domain", "[identity]\nca = https://a:1\n", "t.ini:1: [identity] trust_domain: missing"},
    {"neither CA nor files", "[identity]\ntrust_domain = prod.example\n" INGRESS PEER, "t.ini:1: [identity] ca: missing"},
    {"a CA without root", "[identity]\ntrust_domain = prod.example\nca = https://a:1\nservice = x\n" INGRESS PEER, "t.ini:1: [identity] ca_root: missing"},
    {"a CA without service", "[identity]\ntrust_domain = prod.example\nca = https://a:1\nca_root = x\n" INGRESS PEER, "t.ini:1: [identity] service: missing"},
    {"a CA and files", FILES "ca = https://a:1\n" INGRESS PEER, "t.ini:6: [identity] ca: cannot stand beside certificate, private_key or trust_bundle"},
    {"a platform and files", FILES "platform = snp\n" INGRESS PEER, "t.ini:6: [identity] platform: need none beside certificate, private_key or trust_bundle"},
    {"files without key", "[identity]\ntrust_domain = prod.example\ncertificate = x\ntrust_bundle = y\n" INGRESS PEER, "t.ini:1: [identity] private_key: missing"},
    {"insecure_sim elsewhere", IDENTITY "platform = snp\ninsecure_sim = /m\n" INGRESS PEER, "t.ini:7: [identity] insecure_sim: only with platform = sim"},
    {"report_dir of none", IDENTITY "platform = sim\ninsecure_sim = /m\nreport_dir = /r\n" INGRESS PEER, "t.ini:8: [identity] report_dir: not with platform = sim"},
    {"sim without its folder", IDENTITY "platform = sim\n" INGRESS PEER, "t.ini:1: [identity] insecure_sim: missing, with platform = sim"},
    {"plain HTTP to the CA", "[identity]\nca = http://a:1\n", "t.ini:2: [identity] ca: need https://HOST:PORT"},
    {"a CA without port", "[identity]\nca = https://a\n", "t.ini:2: [identity] ca: need https://HOST:PORT"},
    {"a CA with a path", "[identity]\nca = https://a:1/est\n", "t.ini:2: [identity] ca: need https://HOST:PORT"},
    {"a CA with a user", "[identity]\nca = https://u@a:1\n", "t.ini:2: [identity] ca: need https://HOST:PORT"},
    {"a bad trust domain", "[identity]\ntrust_domain = Prod\n", "t.ini:2: [identity] trust_domain: need a trust domain"},
    {"a bad service", "[identity]\nservice = /x\n", "t.ini:2: [identity] service: need a path such as payments/api"},
    {"a bad platform", "[identity]\nplatform = sgx\n", "t.ini:2: [identity] platform: need one of auto, snp, tdx, sim, none"},
    {"a path with a blank", "[identity]\nca_root = /a # b\n", "t.ini:2: [identity] ca_root: need a path without blanks"},
    {"no route", IDENTITY PEER, "t.ini: need an [ingress NAME] or an [egress NAME]"},
    {"ingress without listen", IDENTITY "[ingress api]\nforward = 127.0.0.1:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:6: [ingress api] listen: missing"},
    {"ingress without forward", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:6: [ingress api] forward: missing"},
    {"ingress without mode", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:2\nallow = cart\n" PEER, "t.ini:6: [ingress api] mode: missing"},
    {"ingress without allow", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:2\nmode = tcp\n" PEER, "t.ini:6: [ingress api] allow: missing"},
    {"egress without expect", IDENTITY "[egress db]\nlisten = 127.0.0.1:1\nconnect = a:2\nmode = tcp\n" PEER, "t.ini:6: [egress db] expect: missing"},
    {"egress without connect", IDENTITY "[egress db]\nlisten = 127.0.0.1:1\nmode = tcp\nexpect = cart\n" PEER, "t.ini:6: [egress db] connect: missing"},
    {"http mode", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:2\nmode = http\nallow = cart\n" PEER, "t.ini:9: [ingress api] mode: http is not in this release; need tcp"},
    {"another mode", "[ingress api]\nmode = udp\n", "t.ini:2: [ingress api] mode: need one of tcp, http"},
    {"an unknown peer", IDENTITY INGRESS "allow = other\n" PEER, "t.ini:11: [ingress api] allow: there is no [peer other]"},
    {"a peer named twice", IDENTITY INGRESS "allow = cart\n" PEER, "t.ini:11: [ingress api] allow: names cart twice"},
    {"a bad peer name", "[ingress api]\nallow = a,b\n", "t.ini:2: [ingress api] allow: need names of sections, of a-z, 0-9 and '-'"},
    {"a remote application", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 10.0.0.1:2\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: not on this machine; that needs insecure_remote_app = yes"},
    {"a wildcard application", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 0.0.0.0:2\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: not on this machine; that needs insecure_remote_app = yes"},
    {"an application without port", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:0\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: need IPv4:PORT, [IPv6]:PORT, unix:/PATH or vsock:CID:PORT"},
    {"PROXY headers from anybody", IDENTITY INGRESS "proxy_in = yes\n" PEER, "t.ini:11: [ingress api] proxy_in: needs proxy_in_from: who may send the header"},
    {"PROXY headers on a socket without addresses", IDENTITY "[ingress api]\nlisten = unix:/run/api\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\nproxy_in = yes\nproxy_in_from = 10.0.0.1\n" PEER, "t.ini:11: [ingress api] proxy_in: needs an IP address to listen on: proxy_in_from lists no other"},
    {"PROXY senders without headers", IDENTITY INGRESS "proxy_in_from = 10.0.0.1\n" PEER, "t.ini:11: [ingress api] proxy_in_from: only with proxy_in = yes"},
    {"PROXY senders from everywhere", IDENTITY INGRESS "proxy_in_from = 0.0.0.0/0\n" PEER, "t.ini:11: [ingress api] proxy_in_from: need an address or ADDRESS/BITS, with no bit set behind those"},
    {"PROXY version 1", IDENTITY INGRESS "proxy_out = v1\n" PEER, "t.ini:11: [ingress api] proxy_out: need one of off, v2"},
    {"redirection of nothing", IDENTITY EGRESS "transparent = redirect\n" PEER, "t.ini:11: [egress db] transparent: needs original: what the route stands in for"},
    {"originals without redirection", IDENTITY EGRESS "original = 192.0.2.1:1\n" PEER, "t.ini:11: [egress db] original: only with transparent = redirect"},
    {"redirection to another loopback", IDENTITY "[egress db]\nlisten = 127.0.0.2:1\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = 192.0.2.1:1\n" PEER, "t.ini:7: [egress db] listen: the kernel redirects to 127.0.0.1:PORT and [::1]:PORT alone"},
    {"redirection to a port of the kernel's", IDENTITY "[egress db]\nlisten = 127.0.0.1:0\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = 192.0.2.1:1\n" PEER, "t.ini:7: [egress db] listen: the kernel redirects to 127.0.0.1:PORT and [::1]:PORT alone"},
    {"an original of the other family", IDENTITY EGRESS "transparent = redirect\noriginal = 192.0.2.1:1\noriginal = [2001:db8::1]:1\n" PEER, "t.ini:13: [egress db] original: not of the family of listen; that needs another [egress NAME]"},
    {"an original on loopback", IDENTITY EGRESS "transparent = redirect\noriginal = 127.0.0.1:1\n" PEER, "t.ini:12: [egress db] original: need a port, and an address that is not on loopback"},
    {"an original that means loopback", IDENTITY EGRESS "transparent = redirect\noriginal = 0.0.0.0:1\n" PEER, "t.ini:12: [egress db] original: need a port, and an address that is not on loopback"},
    {"an original whose packets are of the other family", IDENTITY "[egress db]\nlisten = [::1]:1\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = [::ffff:192.0.2.1]:1\n" PEER, "t.ini:12: [egress db] original: IPv4 within IPv6 leaves as IPv4, which no rule for IPv6 sees"},
    {"an original of two routes in two spellings", IDENTITY "[egress db]\nlisten = [::1]:1\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = [2001:db8::1]:1\n[egress other]\nlisten = [::1]:2\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = [2001:DB8:0::1]:01\n" PEER, "t.ini:19: [egress other] original: the address is taken by another route"},
    {"an original without port", IDENTITY EGRESS "transparent = redirect\noriginal = 192.0.2.1:0\n" PEER, "t.ini:12: [egress db] original: need a port, and an address that is not on loopback"},
    {"an original of two routes", IDENTITY EGRESS "transparent = redirect\noriginal = 192.0.2.1:1\n[egress other]\nlisten = 127.0.0.1:2\nconnect = a:2\nmode = tcp\nexpect = cart\ntransparent = redirect\noriginal = 192.0.2.1:1\n" PEER, "t.ini:19: [egress other] original: the address is taken by another route"},
    {"users of other machines", IDENTITY "[egress db]\nlisten = 0.0.0.0:1\nconnect = a:2\nmode = tcp\nexpect = cart\ninsecure_remote_callers = yes\nallow_uid = 0\n" PEER, "t.ini:12: [egress db] allow_uid: nobody knows the users of other machines"},
    {"a user by name", IDENTITY EGRESS "allow_uid = app\n" PEER, "t.ini:11: [egress db] allow_uid: need the number of a user, 0 to 4294967294"},
    {"the user that is none", IDENTITY EGRESS "allow_uid = 4294967295\n" PEER, "t.ini:11: [egress db] allow_uid: need the number of a user, 0 to 4294967294"},
    {"a user with a sign", IDENTITY EGRESS "allow_uid = +1\n" PEER, "t.ini:11: [egress db] allow_uid: need the number of a user, 0 to 4294967294"},
    {"tproxy over a unix socket", IDENTITY "[ingress api]\nlisten = unix:/run/in\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\ntransparent = tproxy\n" PEER, "t.ini:11: [ingress api] transparent: needs an IP address to listen on"},
    {"remote callers", IDENTITY "[egress db]\nlisten = 0.0.0.0:1\nconnect = a:2\nmode = tcp\nexpect = cart\n" PEER, "t.ini:7: [egress db] listen: not for this machine alone; that needs insecure_remote_callers = yes"},
    {"a remote application over vsock", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = vsock:2:80\nmode = tcp\nallow = cart\non_truncation = eof\n" PEER, "t.ini:8: [ingress api] forward: not on this machine; that needs insecure_remote_app = yes"},
    {"remote callers over vsock", IDENTITY "[egress db]\nlisten = vsock:1:1\nconnect = a:2\nmode = tcp\nexpect = cart\non_truncation = eof\n" PEER, "t.ini:7: [egress db] listen: not for this machine alone; that needs insecure_remote_callers = yes"},
    {"r6_a_unix_application_without_eof", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = unix:/run/app\nmode = tcp\nallow = cart\n" PEER, "t.ini:6: [ingress api] on_truncation: need eof: the plaintext passes a socket that cannot carry a reset"},
    {"r6_a_unix_application_with_reset", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = unix:/run/app\nmode = tcp\nallow = cart\non_truncation = reset\n" PEER, "t.ini:11: [ingress api] on_truncation: need eof: the plaintext passes a socket that cannot carry a reset"},
    {"r6_a_vsock_application_without_eof", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = vsock:1:80\nmode = tcp\nallow = cart\n" PEER, "t.ini:6: [ingress api] on_truncation: need eof: the plaintext passes a socket that cannot carry a reset"},
    {"r6_unix_callers_without_eof", IDENTITY "[egress db]\nlisten = unix:/run/db\nconnect = a:2\nmode = tcp\nexpect = cart\n" PEER, "t.ini:6: [egress db] on_truncation: need eof: the plaintext passes a socket that cannot carry a reset"},
    {"a file mode without a file", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\nlisten_mode = 0600\n" PEER, "t.ini:11: [ingress api] listen_mode: only with a unix socket to listen on"},
    {"a file mode for systemd's socket", IDENTITY "[egress db]\nlisten = systemd:db\nconnect = a:2\nmode = tcp\nexpect = cart\nlisten_mode = 0666\n" PEER, "t.ini:11: [egress db] listen_mode: only with a unix socket to listen on"},
    {"an ingress that leads to itself", IDENTITY "[ingress api]\nlisten = 127.0.0.1:1\nforward = 127.0.0.1:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: leads back to listen"},
    {"one at every address", IDENTITY "[ingress api]\nlisten = 0.0.0.0:1\nforward = 127.0.0.7:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: leads back to listen"},
    {"one at every address of IPv6", IDENTITY "[ingress api]\nlisten = [::]:1\nforward = [::1]:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:8: [ingress api] forward: leads back to listen"},
    {"one at a path", IDENTITY "[ingress api]\nlisten = unix:/run/a\nforward = unix:/run/a\nmode = tcp\nallow = cart\non_truncation = eof\n" PEER, "t.ini:8: [ingress api] forward: leads back to listen"},
    {"one over vsock", IDENTITY "[ingress api]\nlisten = vsock:4294967295:1\nforward = vsock:1:1\nmode = tcp\nallow = cart\non_truncation = eof\n" PEER, "t.ini:8: [ingress api] forward: leads back to listen"},
    {"an egress that leads to itself", IDENTITY "[egress db]\nlisten = 127.0.0.1:1\nconnect = 0.0.0.0:1\nmode = tcp\nexpect = cart\n" PEER, "t.ini:8: [egress db] connect: leads back to listen"},
    {"one in another spelling", IDENTITY "[egress db]\nlisten = 127.0.0.1:1\nconnect = [::ffff:127.0.0.1]:1\nmode = tcp\nexpect = cart\n" PEER, "t.ini:8: [egress db] connect: leads back to listen"},
    {"two egresses that lead to each other", IDENTITY "[egress a]\nlisten = 127.0.0.1:1\nconnect = 127.0.0.1:2\nmode = tcp\nexpect = cart\n[egress b]\nlisten = 127.0.0.1:2\nconnect = 127.0.0.1:1\nmode = tcp\nexpect = cart\n" PEER, "t.ini:8: [egress a] connect: leads back to listen, by way of [egress b]"},
    {"a circle behind a route that is not in it", IDENTITY "[egress a]\nlisten = 127.0.0.1:1\nconnect = 127.0.0.1:2\nmode = tcp\nexpect = cart\n[egress b]\nlisten = 127.0.0.1:2\nconnect = 127.0.0.1:3\nmode = tcp\nexpect = cart\n[ingress c]\nlisten = 127.0.0.1:3\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\n" PEER, "t.ini:18: [ingress c] forward: leads back to listen, by way of [egress b]"},
    {"a circle in both directions", IDENTITY "[ingress a]\nlisten = 0.0.0.0:1\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\n[egress b]\nlisten = 127.0.0.1:2\nconnect = 127.0.0.1:1\nmode = tcp\nexpect = cart\n" PEER, "t.ini:8: [ingress a] forward: leads back to listen, by way of [egress b]"},
    {"another file mode", "[ingress api]\nlisten_mode = 0777\n", "t.ini:2: [ingress api] listen_mode: need one of 0600, 0660, 0666"},
    {"one path for two routes", IDENTITY "[egress a]\nlisten = unix:/run/x\nconnect = a:2\nmode = tcp\nexpect = cart\non_truncation = eof\n[egress b]\nlisten = unix:/run/x\nconnect = a:2\nmode = tcp\nexpect = cart\non_truncation = eof\n" PEER, "t.ini:13: [egress b] listen: the address is taken by [egress a]"},
    {"one socket of systemd's for two routes", IDENTITY "[egress a]\nlisten = systemd:x\nconnect = a:2\nmode = tcp\nexpect = cart\n[egress b]\nlisten = systemd:x\nconnect = a:2\nmode = tcp\nexpect = cart\n" PEER, "t.ini:12: [egress b] listen: the address is taken by [egress a]"},
    {"a socket without a name", "[ingress api]\nlisten = systemd:\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"a socket to connect to", "[ingress api]\nforward = systemd:x\n", "t.ini:2: [ingress api] forward: need IPv4:PORT, [IPv6]:PORT, unix:/PATH or vsock:CID:PORT"},
    {"a variable that is not set", "[ingress api]\nlisten = ${NO_SUCH_VARIABLE}:1\n", "t.ini:2: [ingress api] listen: the environment has no NO_SUCH_VARIABLE"},
    {"a relative path", "[ingress api]\nlisten = unix:run/x\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"an abstract name", "[ingress api]\nlisten = unix:@x\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"a folder as socket", "[ingress api]\nforward = unix:/run/\n", "t.ini:2: [ingress api] forward: need IPv4:PORT, [IPv6]:PORT, unix:/PATH or vsock:CID:PORT"},
    {"a vsock target without port", "[ingress api]\nforward = vsock:1:0\n", "t.ini:2: [ingress api] forward: need IPv4:PORT, [IPv6]:PORT, unix:/PATH or vsock:CID:PORT"},
    {"any vsock as target", "[egress db]\nconnect = vsock:4294967295:1\n", "t.ini:2: [egress db] connect: need HOST:PORT, unix:/PATH or vsock:CID:PORT"},
    {"an admin endpoint on a path", "[admin]\nlisten = unix:/run/x\n", "t.ini:2: [admin] listen: need IPv4:PORT or [IPv6]:PORT"},
    {"a named listener", "[ingress api]\nlisten = localhost:80\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"a listener without port", "[ingress api]\nlisten = 127.0.0.1\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"a port over 65535", "[ingress api]\nlisten = 127.0.0.1:65536\n", "t.ini:2: [ingress api] listen: need IPv4:PORT, [IPv6]:PORT, unix:/PATH, vsock:CID:PORT or systemd:NAME"},
    {"connect without port", "[egress db]\nconnect = db\n", "t.ini:2: [egress db] connect: need HOST:PORT, unix:/PATH or vsock:CID:PORT"},
    {"connect to port 0", "[egress db]\nconnect = db:0\n", "t.ini:2: [egress db] connect: need HOST:PORT, unix:/PATH or vsock:CID:PORT"},
    {"a bad server name", "[egress db]\nsni = a/b\n", "t.ini:2: [egress db] sni: need a host name"},
    {"an empty protocol name", "[egress db]\nalpn = h2,\n", "t.ini:2: [egress db] alpn: need protocol names, with a comma and no blanks between"},
    {"one name for two routes", IDENTITY INGRESS "[egress api]\nlisten = 127.0.0.1:1\nconnect = a:2\nmode = tcp\nexpect = cart\n" PEER, "t.ini:12: [egress api] listen: the name is taken by [ingress api]"},
    {"one address for two routes", IDENTITY INGRESS "[ingress b]\nlisten = 0.0.0.0:8443\nforward = 127.0.0.1:1\nmode = tcp\nallow = cart\n" PEER, "t.ini:12: [ingress b] listen: the address is taken by [ingress api]"},
    {"a peer without ID", IDENTITY INGRESS "[peer cart]\ntee = snp\n", "t.ini:11: [peer cart] spiffe: missing"},
    {"a peer of another trust domain", IDENTITY INGRESS PEER "spiffe = spiffe://other.example/snp/cart\n", "t.ini:13: [peer cart] spiffe: not of trust domain prod.example"},
    {"a bad ID", "[peer cart]\nspiffe = https://prod.example/a\n", "t.ini:2: [peer cart] spiffe: need spiffe://TRUST-DOMAIN/PATH"},
    {"a wildcard in an ID", "[peer cart]\nspiffe = spiffe://prod.example/snp/*\n", "t.ini:2: [peer cart] spiffe: need spiffe://TRUST-DOMAIN/PATH"},
    {"a wildcard in a DNS name", "[peer cart]\ndns = *.example\n", "t.ini:2: [peer cart] dns: need a DNS name without wildcard"},
    {"an underscore in a DNS name", "[peer cart]\ndns = a_b.example\n", "t.ini:2: [peer cart] dns: need a DNS name without wildcard"},
    {"a dot behind a DNS name", "[peer cart]\ndns = api.example.\n", "t.ini:2: [peer cart] dns: need a DNS name without wildcard"},
    {"a bad tee", "[peer cart]\ntee = sgx\n", "t.ini:2: [peer cart] tee: need one of snp, tdx, sim"},
    {"a short measurement", "[peer cart]\nmeasurement = 00\n", "t.ini:2: [peer cart] measurement: need 96 lower-case hex digits"},
    {"capitals in a measurement", "[peer cart]\nmeasurement = A" HEX_96 "\n", "t.ini:2: [peer cart] measurement: need 96 lower-case hex digits"},
    {"a floor over 255", "[peer cart]\ntcb_snp_min = 256\n", "t.ini:2: [peer cart] tcb_snp_min: need a number from 0 to 255"},
    {"a hexadecimal number", "[peer cart]\ntcb_snp_min = 0x10\n", "t.ini:2: [peer cart] tcb_snp_min: need a number from 0 to 255"},
    {"a leading zero", "[peer cart]\ntcb_snp_min = 010\n", "t.ini:2: [peer cart] tcb_snp_min: need a number from 0 to 255"},
    {"a negative number", "[peer cart]\ntcb_snp_min = -1\n", "t.ini:2: [peer cart] tcb_snp_min: need a number from 0 to 255"},
    {"no connections", "[limits]\nmax_connections = 0\n", "t.ini:2: [limits] max_connections: need a number from 1 to 1000000"},
    {"a number with a unit", "[limits]\nmax_connections = 4k\n", "t.ini:2: [limits] max_connections: need a number from 1 to 1000000"},
    {"a number behind 64 bits", "[limits]\nmax_connections = 18446744073709551617\n", "t.ini:2: [limits] max_connections: need a number from 1 to 1000000"},
    {"a duration without unit", "[limits]\nhandshake_timeout = 10\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"a duration with a blank", "[limits]\nhandshake_timeout = 10 s\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"another unit", "[limits]\nhandshake_timeout = 10m\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"a duration of nothing", "[limits]\nhandshake_timeout = 0ms\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"a duration that cannot be off", "[limits]\nhandshake_timeout = off\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"a duration over its bound", "[limits]\nhandshake_timeout = 61min\n", "t.ini:2: [limits] handshake_timeout: need a duration from 1ms to 1h (ms, s, min, h, d)"},
    {"a duration behind 64 bits", "[limits]\nmax_lifetime = 999999999999999999d\n", "t.ini:2: [limits] max_lifetime: need a duration from 1ms to 365d, or off (ms, s, min, h, d)"},
    {"a size without unit", "[limits]\nbuffer_memory = 1048576\n", "t.ini:2: [limits] buffer_memory: need a size from 1MiB to 64GiB (KiB, MiB, GiB)"},
    {"a decimal size", "[limits]\nbuffer_memory = 64MB\n", "t.ini:2: [limits] buffer_memory: need a size from 1MiB to 64GiB (KiB, MiB, GiB)"},
    {"a group without a user", IDENTITY INGRESS PEER "[process]\ngroup = web\n", "t.ini:14: [process] group: only with user"},
    {"an open admin endpoint", IDENTITY INGRESS PEER "[admin]\nlisten = 0.0.0.0:9901\n", "t.ini:14: [admin] listen: not on loopback"},
    {"a bad level", "[log]\nlevel = trace\n", "t.ini:2: [log] level: need one of error, warn, info, debug"},
    {"a comment sign that is data", "[log]\nlevel = info # quiet\n", "t.ini:2: [log] level: need one of error, warn, info, debug"},
    {"something else for yes", "[egress db]\ninsecure_remote_callers = true\n", "t.ini:2: [egress db] insecure_remote_callers: need one of no, yes"},
};
/* clang-format on */

static void bad_files_are_refused_with_section_key_and_line(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct err err = {0};
        struct config *config = NULL;

        print_message("  %s\n", refused[i].what);
        config = parse(refused[i].text, &err);
        assert_null(config);
        assert_string_equal(err.msg, refused[i].want);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void routes_may_lead_to_each_other_but_not_in_a_circle(void **state)
{
    /* clang-format off */
    static const char *const texts[] = {
        IDENTITY "[ingress a]\nlisten = 0.0.0.0:1\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\n[egress b]\nlisten = 127.0.0.1:2\nconnect = 127.0.0.1:3\nmode = tcp\nexpect = cart\n" PEER,
        IDENTITY "[egress a]\nlisten = 127.0.0.1:1\nconnect = 127.0.0.1:2\nmode = tcp\nexpect = cart\n[egress c]\nlisten = 127.0.0.1:3\nconnect = 127.0.0.1:2\nmode = tcp\nexpect = cart\n[ingress b]\nlisten = 127.0.0.1:2\nforward = 127.0.0.1:4\nmode = tcp\nallow = cart\n" PEER,
        IDENTITY "[ingress a]\nlisten = 0.0.0.0:1\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\n[egress b]\nlisten = 127.0.0.1:2\nconnect = 192.0.2.1:1\nmode = tcp\nexpect = cart\n" PEER,
        IDENTITY "[ingress a]\nlisten = 127.0.0.1:0\nforward = 127.0.0.1:2\nmode = tcp\nallow = cart\n[egress b]\nlisten = 127.0.0.2:2\nconnect = localhost:2\nmode = tcp\nexpect = cart\n" PEER,
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct err err = {0};
        struct config *config = parse(texts[i], &err);

        assert_string_equal(err.msg, "");
        config_free(config);
    }
}

#define LONG_CAP 65536

static void lists_and_sections_are_bounded(void **state)
{
    char *text = malloc(LONG_CAP);
    int len = 0;
    struct err err = {0};

    assert_non_null(text);
    len = snprintf(text, LONG_CAP, "[peer p]\n");
    for (int i = 0; i <= SETTINGS_LIST_MAX; i++) {
        len +=
            snprintf(text + len, LONG_CAP - (size_t)len, "spiffe = spiffe://prod.example/p%d\n", i);
    }
    assert_null(config_parse("t.ini", text, (size_t)len, &err));
    assert_string_equal(err.msg, "t.ini:258: [peer p] spiffe: more than 256 values");
    len = 0;
    for (int i = 0; i <= CONFIG_PEERS_MAX; i++) {
        len += snprintf(text + len, LONG_CAP - (size_t)len, "[peer p%d]\n", i);
    }
    assert_null(config_parse("t.ini", text, (size_t)len, &err));
    assert_string_equal(err.msg, "t.ini:257: [peer p256]: more than 256 such sections");
    free(text);
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct err err;

    assert_non_null(out);
    assert_int_equal(config_print(config, out, &err), 0);
    fclose(out);
    return text;
}

static void what_is_printed_gives_the_same_again(void **state)
{
    static const char text[] =
        IDENTITY INGRESS EGRESS "idle_timeout = 90s\n" PEER "tcb_snp_min = 21\n"
                                "tee = snp\n"
                                "[limits]\n"
                                "linger_timeout = 1500ms\n"
                                "drain_delay = 5s\n";
    struct err err = {0};
    struct config *config = parse(text, &err);
    char *once = NULL;
    char *twice = NULL;

    assert_non_null(config);
    once = print(config);
    config_free(config);
    assert_non_null(strstr(once, "[ingress api]\nlisten = 0.0.0.0:8443\n"));
    assert_non_null(strstr(once, "\nidle_timeout = 90s\n"));
    assert_non_null(strstr(once, "\nlinger_timeout = 1500ms\n"));
    assert_non_null(strstr(once, "\nhandshake_timeout = 10s\n"));
    assert_non_null(strstr(once, "\nmax_lifetime = off\n"));
    assert_non_null(strstr(once, "\nbuffer_memory = 64MiB\n"));
    config = parse(once, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(config);
    twice = print(config);
    assert_string_equal(twice, once);
    config_free(config);
    free(once);
    free(twice);
}

static void the_help_names_every_key(void **state)
{
    const struct settings_table *table = config_table();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    config_help(out);
    fclose(out);
    for (size_t i = 0; i < table->num_rows; i++) {
        assert_non_null(strstr(text, table->rows[i].key));
        assert_non_null(strstr(text, table->rows[i].help));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_and_identity_reach_their_fields),
        cmocka_unit_test(what_is_insecure_and_in_use_is_found),
        cmocka_unit_test(peers_and_limits_reach_their_fields),
        cmocka_unit_test(the_smallest_file_gets_the_defaults_of_the_specification),
        cmocka_unit_test(bad_files_are_refused_with_section_key_and_line),
        cmocka_unit_test(routes_may_lead_to_each_other_but_not_in_a_circle),
        cmocka_unit_test(lists_and_sections_are_bounded),
        cmocka_unit_test(what_is_printed_gives_the_same_again),
        cmocka_unit_test(the_help_names_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
