/* clock: what time it is. Monotonic for intervals, real for stamps; both in nanoseconds. */
#ifndef SEALTAP_OS_CLOCK_H
#define SEALTAP_OS_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
uint64_t clock_mono_ns(void);
/* CLOCK_REALTIME, nanoseconds since 1970. */
uint64_t clock_real_ns(void);
/* CLOCK_BOOTTIME: since the machine's start. */
uint64_t clock_boot_ns(void);

#endif
