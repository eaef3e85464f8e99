/*
 * Policy id: the name of an effective policy (RFC 6920): a digest of what it says, whatever the
 * order, spelling or comments of the file.
 */
#pragma once

#include "attest/policy_rules.h"

/* Lines `section NUL key NUL value LF` with defaults filled in, sorted by byte, each once; SHA-256
   of them.  The simulated root counts by the hash of its key, not by the path of its file. */
MUST_CHECK int policy_id_compute(const struct policy *policy, char out_id[static POLICY_ID_LEN],
                                 struct err *err);
