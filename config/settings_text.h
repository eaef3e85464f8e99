/*
 * Settings_text: what a value of each text kind must look like.
 */
#pragma once

#include "common/compiler.h"
#include "config/settings.h"

struct err;

/* Judges one word for a row of a text kind.  ERR_INVALID says what is needed. */
MUST_CHECK int settings_text_check(const struct setting *row, const char *text, struct err *err);
