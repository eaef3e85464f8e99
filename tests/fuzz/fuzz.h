/*
 * Fuzz: the entry point that every target defines, for libFuzzer and for the corpus replay.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
