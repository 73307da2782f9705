/* pool: shared memory for sealed segments: one memfd per producer, made by init, with a fixed number of slots
 * of one size.
 *
 * The producer maps it writable; upload gets a read-only descriptor of the same memory. Its size is sealed
 * (F_SEAL_GROW, SHRINK, SEAL); write seals do not work with a mapped writer. Mode 0600, not executable.
 * Source: memfd_create(2).
 */
#ifndef SEALTAP_OS_POOL_H
#define SEALTAP_OS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pool {
	uint8_t *map; /* owned */
	uint64_t slot_bytes;
	uint32_t slots;
};

/* read_only is a second descriptor that cannot write; needs /proc. Both are close-on-exec and owned by the
 * caller. */
enum err pool_make(uint64_t slot_bytes, uint32_t slots, int *writable, int *read_only) MUST_USE;
/* Closes fd when it is mapped. */
enum err pool_map(int fd, int writable, uint64_t slot_bytes, uint32_t slots, struct pool *p) MUST_USE;
/* Start of a slot; an index outside traps. */
uint8_t *pool_slot(const struct pool *p, uint32_t index);

#endif
