/* secret: what a role does at its start, before it maps anything large: no core is ever written of it, its
 * own user cannot trace it, and, where it holds secrets, its memory, stack included, never goes to a swap
 * device.
 *
 * Pages are locked as they are touched (MCL_ONFAULT), so that unused buffers cost nothing. What is mapped
 * later (rings, pools: ciphertext or kernel memory) is not locked. Source: mlockall(2), prctl(2).
 */
#ifndef SEALTAP_OS_SECRET_H
#define SEALTAP_OS_SECRET_H

#include <stdbool.h>

#include "base/err.h"

/* RLIMIT_MEMLOCK of such a process, set by os/spawn: more than the program with all roles' static data. */
#define SECRET_LOCK_BYTES (128ul << 20)

/* ERR_SYSTEM: the memory should be locked and is not; the rest holds. */
enum err secret_guard(bool lock) MUST_USE;

#endif
