/*
 * Settings_describe: what a row takes, in words.
 */
#pragma once

#include "config/settings.h"

struct err;

/* Writes what a value may be: "one of tcp, http", "a number from 1 to 255". */
void settings_describe(const struct setting *row, char out[static SETTINGS_VALUE_CAP]);

/* Sets "need ..." with what settings_describe() says; returns -1. */
int settings_describe_need(const struct setting *row, struct err *err);
