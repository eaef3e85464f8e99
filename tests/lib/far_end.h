/*
 * Far_end: the other end of a connection within this process, to look at what a socket of the
 * program is like from inside.
 */
#pragma once

/* The descriptor, which is not the caller's, at the other end of a TCP connection over loopback;
   fails the test if this process has none. */
int far_end(int fd);
