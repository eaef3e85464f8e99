/*
 * Reading: the subcommands of liftgate-bench that measure nothing and read what was measured.
 */
#pragma once

/* The words behind the subcommand.  Both print, and return the exit status of the program. */
int reading_compare(int argc, char **argv); /* A.json B.json */
int reading_report(int argc, char **argv);  /* PAGE.html RESULTS.json... FILE... */
