/*
 * Vendor: the simulated vendor that all tests of a build folder share, made at its first use, since
 * RSA-4096 keys take seconds.  Tests make machines of their own under it.
 */
#pragma once

#define VENDOR_PATH_CAP 512

/* The folder of the vendor for "Sim", "Milan", "Genoa" or "Turin": ark.pem, ark.key, ask.pem,
   ask.key.  All products share the two keys.  Safe when tests run at the same time; fails the
   calling test if it cannot be made. */
void vendor_path(const char *product, char out_path[static VENDOR_PATH_CAP]);
