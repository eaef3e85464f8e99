/*
 * Policy root: the simulated vendor's root certificate that a policy names.
 */
#pragma once

#include "attest/policy_rules.h"

/* Reads the one self-signed certificate (PEM) of policy->insecure_root into its DER and key hash.
   Refuses a vendor's key: a simulated root must never pass for a genuine one.  Blocks. */
MUST_CHECK int policy_root_load(struct policy *policy, struct err *err);
