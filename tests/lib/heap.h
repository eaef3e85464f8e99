/*
 * Heap: how much a piece of code has allocated at its worst moment.
 *
 * A program that links tests_heap has its own calls of malloc() and free() counted, and those of
 * OpenSSL and jansson; other libraries are not seen.  One thread.
 */
#pragma once

#include <stddef.h>

/* Before anything else uses OpenSSL or jansson. */
void heap_watch_libraries(void);

/* From now on: what is allocated at one time, beyond what there is already. */
void heap_begin(void);

/* The most since heap_begin(), in bytes. */
size_t heap_peak(void);
