/*
 * Setup: loading in the order in which things depend on each other.
 */
#include "ca/setup.h"
#include "attest/memo.h"

#include <stdio.h>
#include <time.h>

#include <openssl/ssl.h>

#include "ca/context.h"
#include "ca/fetcher.h"
#include "ca/service_reply.h"
#include "common/err.h"
#include "common/log.h"
#include "config/ca_config.h"

#define WARN_BEFORE_END_S 604800 /* 7 days */

/* The digest of the root as an operator gets it from `openssl x509 -outform DER | sha256sum`. */
static int warn_simulated(const struct policy_ca *ca, struct err *err)
{
    uint8_t sha256[32];
    char text[2 * sizeof(sha256) + 1];

    if (SHA256(ca->insecure_root_der.data, ca->insecure_root_der.len, sha256) == NULL) {
        return err_set_openssl(err, ERR_LIMIT, "%s", ca->insecure_root);
    }
    for (size_t i = 0; i < sizeof(sha256); i++) {
        snprintf(text + 2 * i, 3, "%02x", sha256[i]);
    }
    log_warn("policy.simulated_platform_trusted", kv_text("root", ca->insecure_root),
             kv_text("sha256", text),
             kv_text("meaning", "identities under /sim/ prove nothing about hardware"));
    return 0;
}

static int judge_end(const char *what, const X509 *cert, struct err *err)
{
    int64_t left_s = keys_not_after(cert) - (int64_t)time(NULL);

    if (left_s <= 0) {
        return err_set(err, ERR_DENIED, "the %s certificate has expired", what);
    }
    if (left_s < WARN_BEFORE_END_S) {
        log_warn("keys.certificate_ends_soon", kv_text("which", what), kv_num("left_s", left_s));
    }
    return 0;
}

static int load_keys(struct setup *setup, const struct ca_config *config, struct err *err)
{
    const struct keys_options options = {
        .root_certificate = config->keys.root_certificate,
        .issuing_certificate = config->keys.issuing_certificate,
        .issuing_key = config->keys.issuing_key,
        .server_certificate = config->keys.server_certificate,
        .server_key = config->keys.server_key,
        .nonce_secret = config->keys.nonce_secret,
        .trust_domain = policy_ca(setup->policy)->trust_domain,
    };

    if (keys_load(&options, &setup->keys, err) != 0 ||
        judge_end("root", setup->keys.root, err) != 0 ||
        judge_end("issuing", setup->keys.issuing, err) != 0 ||
        judge_end("server", setup->keys.server, err) != 0) {
        return -1;
    }
    return 0;
}

static void warn_insecure(const char *section, const char *name, const char *key)
{
    log_warn("config.insecure", kv_text("section", section), kv_text("name", name),
             kv_text("key", key));
}

/* How the key service is reached, if it is to be asked. */
static int set_kds(struct setup *setup, const struct ca_config_collateral *collateral,
                   struct err *err)
{
    const char *place = strstr(collateral->kds, "://");
    const char *port = collateral->insecure_kds_http ? "80" : "443";
    bool has_port = false;

    if (place == NULL) {
        return 0;
    }
    place += strlen("://");
    has_port = strchr(place, ':') != NULL;
    if (snprintf(setup->kds_authority, sizeof(setup->kds_authority), "%s%s%s", place,
                 has_port ? "" : ":", has_port ? "" : port) >= (int)sizeof(setup->kds_authority)) {
        return err_set(err, ERR_INVALID, "%s: too long", collateral->kds);
    }
    if (!collateral->insecure_kds_http) {
        setup->kds_ctx = fetcher_context(collateral->kds_root, err);
        if (setup->kds_ctx == NULL) {
            return err_wrap(err, "[collateral] kds_root");
        }
    }
    setup->kds = (struct kds_options){
        .authority = setup->kds_authority,
        .ctx = setup->kds_ctx,
        .interval_ms = collateral->kds_interval,
    };
    setup->server.kds = &setup->kds;
    return 0;
}

static int make_limits(struct setup *setup, const struct ca_config_limits *config, struct err *err)
{
    const struct limits_rate rates[LIMIT_KINDS] = {
        [LIMIT_NONCE] = {config->nonce_per_second, 1, config->nonce_burst},
        [LIMIT_ENROL] = {config->enrol_per_second, 1, config->enrol_burst},
        [LIMIT_CHIP] = {config->chip_per_minute, 60, config->chip_burst},
        [LIMIT_KEY] = {config->key_per_minute, 60, config->key_burst},
    };

    for (unsigned i = 0; i < LIMIT_KINDS; i++) {
        if (rates[i].num == 0) {
            log_warn("limit.off", kv_text("limit", limit_name((enum limit)i)));
            setup->server.limits_off++;
        }
    }
    setup->limits = limits_new(rates, err);
    setup->authority.limits = setup->limits;
    return setup->limits != NULL ? 0 : -1;
}

int setup_init(struct setup *setup, const struct ca_config *config, struct err *err)
{
    const struct policy_ca *ca = NULL;

    *setup = (struct setup){0};
    setup->policy = policy_load(config->server.policy, err);
    if (setup->policy == NULL) {
        return -1;
    }
    ca = policy_ca(setup->policy);
    if (ca->insecure_root != NULL && warn_simulated(ca, err) != 0) {
        return -1;
    }
    if (ca->short_ttl) {
        log_warn("policy.short_ttl_allowed", kv_num("ttl_s", ca->ttl_s));
    }
    if (load_keys(setup, config, err) != 0 ||
        collateral_load(config->collateral.directory, ca->insecure_root_der, &setup->collateral,
                        err) != 0) {
        return -1;
    }
    setup->memo = memo_new(err);
    if (setup->memo == NULL) {
        return -1;
    }
    setup->ctx = context_new(setup->keys.server, setup->keys.server_key,
                             config->server.tls_min == CA_CONFIG_TLS_1_2, err);
    if (setup->ctx == NULL) {
        return -1;
    }
    setup->authority = (struct enrol_authority){
        .policy = setup->policy,
        .collateral = &setup->collateral.view,
        .nonces = {.trust_domain = ca->trust_domain},
        .issuer = {setup->keys.issuing, setup->keys.issuing_key},
        .memo = setup->memo,
    };
    memcpy(setup->authority.nonces.secret, setup->keys.secret, NONCE_SECRET_LEN);
    setup->server = (struct server_options){
        .listen = config->server.listen,
        .metrics_listen = config->metrics.listen,
        .ctx = setup->ctx,
        .keys = &setup->keys,
        .authority = &setup->authority,
        .insecure_settings = ca_config_insecure(config, warn_insecure),
    };
    if (make_limits(setup, &config->limits, err) != 0) {
        return -1;
    }
    return set_kds(setup, &config->collateral, err);
}

int setup_open_store(struct setup *setup, const struct ca_config *config, struct err *err)
{
    const struct policy_ca *ca = policy_ca(setup->policy);

    setup->store = store_open(config->store.url, err);
    if (setup->store == NULL || store_check_clock(setup->store, service_now_ms(), err) != 0 ||
        store_accept_policy(setup->store, ca->epoch, ca->id, err) != 0) {
        return -1;
    }
    setup->authority.store = setup->store;
    setup->authority.nonces.replica = store_replica(setup->store);
    return 0;
}

void setup_deinit(struct setup *setup)
{
    store_close(setup->store);
    SSL_CTX_free(setup->kds_ctx);
    SSL_CTX_free(setup->ctx);
    limits_free(setup->limits);
    memo_free(setup->memo);
    collateral_deinit(&setup->collateral);
    keys_deinit(&setup->keys);
    policy_free(setup->policy);
    OPENSSL_cleanse(setup, sizeof(*setup));
}
