/*
 * Report_errno: what an errno of the kernel's guest interfaces means, and what to do about it.
 */
#pragma once

struct err;

/* Of mkdir() in configfs-tsm's folder `dir`.  Returns -1; ERR_INVALID, or ERR_IO for what may
   pass. */
int report_errno_of_folder(int errnum, const char *dir, struct err *err);

/* Of a request for a report, over the interface `name`.  Returns -1; ERR_IO if retrying may help,
   ERR_REBOOT if nothing but a reboot can, else ERR_INVALID. */
int report_errno_of_request(int errnum, const char *name, struct err *err);
