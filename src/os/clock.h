/* clock: what time it is, and setting it. Monotonic for intervals, real for stamps; all in nanoseconds.
 *
 * Setting takes CAP_SYS_TIME and is for the whole machine: a namespace has no clock of its own. Sources:
 * clock_gettime(2), adjtimex(2).
 */
#ifndef SEALTAP_OS_CLOCK_H
#define SEALTAP_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* CLOCK_MONOTONIC. */
uint64_t clock_mono_ns(void);
/* CLOCK_REALTIME, nanoseconds since 1970. */
uint64_t clock_real_ns(void);
/* CLOCK_BOOTTIME: since the machine's start. */
uint64_t clock_boot_ns(void);
/* CLOCK_MONOTONIC_RAW: as the hardware counts, neither set nor slewed. */
uint64_t clock_raw_ns(void);

/* A host's clock is its owner's: in host mode nothing may set it. */
bool clock_is_ours(bool host_mode);
/* CLOCK_REALTIME jumps by so much. */
enum err clock_step(int64_t by_ns) MUST_USE;
/* CLOCK_REALTIME and CLOCK_MONOTONIC run faster or slower, by 500 ppm, until they have gained so much
 * (rounded to microseconds): in the place of what was left of an earlier call. */
enum err clock_slew(int64_t by_ns) MUST_USE;
/* From now on both gain so much: what corrects the hardware's own drift. At most 500,000. */
enum err clock_rate(int64_t ppb) MUST_USE;

#endif
