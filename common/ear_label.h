/*
 * Ear label: the numbers and names inside an attestation result, for its writer and its reader.
 *
 * Internal to common/ear.h.  Labels: draft-ietf-rats-ear-04 and AR4SI.
 */
#pragma once

#include "common/ear.h"

#define EAR_TAG_UCCS 601      /* RFC 9781 */
#define EAR_CMW_TYPE_UCCS 267 /* application/eat-ucs+cbor, RFC 9782 */
#define EAR_CMW_IND_RESULT 8  /* RFC 9999 */
#define EAR_PROFILE_04 "tag:ietf.org,2026:rats/ear#04"
#define EAR_PROFILE_03 "tag:ietf.org,2026:rats/ear#03"
#define EAR_SUBMODULE "cpu"
#define EAR_DEVELOPER "liftgate"

enum ear_label {
    EAR_LABEL_IAT = 6,
    EAR_LABEL_PROFILE = 265,
    EAR_LABEL_SUBMODS = 266,
    EAR_LABEL_STATUS = 1000,
    EAR_LABEL_VECTOR = 1001,
    EAR_LABEL_POLICY_IDS = 1003,
    EAR_LABEL_VERIFIER = 1004,
    EAR_LABEL_CLAIMS = 1005,
};

/* AR4SI: trustworthiness vector labels, and the values that we give. */
enum ar4si {
    AR4SI_INSTANCE = 0,
    AR4SI_CONFIGURATION = 1,
    AR4SI_EXECUTABLES = 2,
    AR4SI_HARDWARE = 4,
    AR4SI_RUNTIME_OPAQUE = 5,
    AR4SI_AFFIRMED = 2,
    AR4SI_BOOT_TIME_ONLY = 3,
};

/* The TCB components in the order of their encoded names, with their index in struct ear. */
struct ear_component {
    const char *name;
    unsigned index;
};

extern const struct ear_component ear_components[EAR_TCB_COMPONENTS];
