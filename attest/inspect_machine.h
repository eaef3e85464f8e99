/*
 * Inspect_machine: the fields of a report that are the machine's: processor, chip, platform,
 * firmware.
 *
 * Internal to inspect.
 */
#pragma once

#include "attest/report.h"
#include "attest/sheet.h"

void inspect_machine(struct sheet *sheet, struct report report);
