/*
 * Init text: the two INI files that a new authority begins with, as an operator reads them.
 */
#pragma once

#include <stdbool.h>

#include "common/buf.h"

#define INIT_COLLATERAL "collateral" /* folder of the operator's certificates */

/* Whether ca.ini can name files in `dir` (absolute): no blank, quote or byte outside ASCII, and not
   so long that a line would not be read. */
MUST_CHECK bool init_text_dir_valid(const char *dir);

/* ca.ini for an authority in `dir` (absolute).  False if it does not fit. */
MUST_CHECK bool init_text_settings(const char *dir, struct buf *out);

/* policy.ini: commented, and without a workload: nobody gets an identity yet. */
MUST_CHECK bool init_text_policy(const char *trust_domain, struct buf *out);
