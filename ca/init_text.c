/*
 * Init text: the texts.
 */
#include "ca/init_text.h"

#include <string.h>

#include "common/ini.h"

#define LONGEST_LINE "issuing_certificate = /issuing.pem" /* of those that name the folder */

bool init_text_dir_valid(const char *dir)
{
    for (const char *c = dir; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '"') {
            return false;
        }
    }
    return strlen(dir) + strlen(LONGEST_LINE) <= INI_LINE_MAX;
}

bool init_text_settings(const char *dir, struct buf *out)
{
    return buf_printf(out,
                      "; Settings of this authority; liftgate-ca.conf(5) explains every key.\n"
                      "[server]\n"
                      "listen = 0.0.0.0:8443\n"
                      "policy = %s/policy.ini\n"
                      "\n"
                      "[keys]\n"
                      "issuing_key = file:%s/issuing.key\n"
                      "issuing_certificate = %s/issuing.pem\n"
                      "root_certificate = %s/root.pem\n"
                      "server_key = file:%s/server.key\n"
                      "server_certificate = %s/server.pem\n"
                      "nonce_secret = %s/nonce.secret\n"
                      "\n"
                      "[collateral]\n"
                      "; certificates of the vendor (ASK, ARK), DER or PEM\n"
                      "directory = %s/" INIT_COLLATERAL "\n"
                      "; where the vendor gives what is not there: https://kdsintf.amd.com\n"
                      "kds = none\n"
                      "\n"
                      "[store]\n"
                      "url = sqlite:%s/ca.db\n"
                      "\n"
                      "[metrics]\n"
                      "; /livez /readyz /metrics\n"
                      "listen = 127.0.0.1:9902\n",
                      dir, dir, dir, dir, dir, dir, dir, dir, dir);
}

bool init_text_policy(const char *trust_domain, struct buf *out)
{
    return buf_printf(out,
                      "; Who gets which identity.  Default deny: without a [workload ...] nobody.\n"
                      "; Raise epoch with every change: the server refuses a changed policy under\n"
                      "; an old epoch, and an epoch lower than one that was in force.\n"
                      "[ca]\n"
                      "trust_domain = %s\n"
                      "epoch = 1\n"
                      "; seconds that a certificate is good for\n"
                      "ttl = 3600\n"
                      "\n"
                      "; Floors for the firmware of one product: milan, genoa, turin or sim.\n"
                      ";[tcb genoa]\n"
                      ";bootloader = 7\n"
                      ";tee = 0\n"
                      ";snp = 21\n"
                      ";microcode = 72\n"
                      "\n"
                      "; One section per service.  All keys must hold; a repeated key lists\n"
                      "; alternatives.  The identity is spiffe://%s/ and the path.\n"
                      ";[workload payments-api]\n"
                      ";tee = snp\n"
                      ";measurement = 96 hex digits, as liftgate-attest inspect shows them\n"
                      ";tcb = genoa\n"
                      ";spiffe = snp/payments/api\n"
                      ";dns = api.pay.example\n"
                      "\n"
                      "; The simulated platform protects nothing: for tests and demonstrations.\n"
                      "; Give it floors in [tcb sim], and workloads with tee = sim.\n"
                      ";[platform sim]\n"
                      ";insecure_root = /path/to/ark.pem\n",
                      trust_domain, trust_domain);
}
