/* rng: the one source of randomness (getrandom(2)). Blocks until the kernel's pool is ready, never fails
 * otherwise (traps). */
#ifndef SEALTAP_OS_RNG_H
#define SEALTAP_OS_RNG_H

#include <stddef.h>

void rng_fill(void *p, size_t len);

#endif
