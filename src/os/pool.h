/* pool: shared memory for sealed segments: one memfd per producer, made by init, with one page of the
 * producer's counters and a fixed number of slots of one size. It outlives its producer: what a process that
 * died had committed is found there by the next one (record/commit.h). The window, flows' journal and what
 * status counted are pools as well, for the same reason.
 *
 * The producer maps it writable; upload gets a read-only descriptor of the same memory. Its size is sealed
 * (F_SEAL_GROW, SHRINK, SEAL); write seals do not work with a mapped writer. Mode 0600, not executable.
 * Source: memfd_create(2).
 */
#ifndef SEALTAP_OS_POOL_H
#define SEALTAP_OS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define POOL_PAGE_BYTES 4096u

struct pool {
	uint8_t *map; /* owned: the page, then the slots */
	uint64_t slot_bytes;
	uint32_t slots;
};

/* read_only is a second descriptor that cannot write; needs /proc. Both are close-on-exec and owned by the
 * caller. */
enum err pool_make(uint64_t slot_bytes, uint32_t slots, int *writable, int *read_only) MUST_USE;
/* Closes fd when it is mapped. */
enum err pool_map(int fd, bool writable, uint64_t slot_bytes, uint32_t slots, struct pool *p) MUST_USE;
/* The page alone, to be read; fd stays open. */
enum err pool_map_page(int fd, const void **page) MUST_USE;
/* The producer's page; its layout is the user's (role/progress.h). */
void *pool_page(const struct pool *p);
/* Start of a slot; an index outside traps. */
uint8_t *pool_slot(const struct pool *p, uint32_t index);

#endif
