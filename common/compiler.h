/*
 * Compiler attributes: the only extensions to C11 that this project uses.
 */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
