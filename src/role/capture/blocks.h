/* blocks: a worker's way through the blocks of its ring: which is next, which are read but not given back
 * yet, and where a worker that starts anew goes on.
 *
 * A block goes back to the kernel when all its packets are committed (blocks_release). Until then it is held:
 * a successor finds it, passes over the packets that were committed, and gives the rest again. A block in
 * which two processes died one after the other is given up: its packets are counted.
 */
#ifndef SEALTAP_ROLE_CAPTURE_BLOCKS_H
#define SEALTAP_ROLE_CAPTURE_BLOCKS_H

#include "os/ring.h"
#include "record/ring_walk.h"
#include "role/progress.h"

struct blocks_ops {
	/* A packet, in the order of the ring; it may shorten it. False: not now; it is given again, as it was
	 * left. */
	bool (*take)(struct ring_packet *p, uint64_t block_seq);
	/* The kernel says that packets were lost around here. */
	void (*losing)(void);
	/* So many packets of this block are lost, which came from first_ns (real) on. What was taken before
	 * is to be committed, and no successor to begin before the block behind it. */
	void (*given_up)(uint64_t block_seq, uint64_t packets, uint64_t first_ns);
};

struct blocks {
	struct ring ring;
	struct progress *progress;    /* borrowed */
	const struct blocks_ops *ops; /* static */
	uint64_t block_seq;           /* the next packet is in this block, */
	uint64_t packets;             /* behind so many of it */
	uint32_t next;                /* block to read next */
	uint32_t held;                /* blocks read but not yet given back, those before `next` */
	bool in_block;                /* `walk` stands inside block `next` */
	bool has_packet;              /* `packet` waits */
	struct ring_walk walk;
	struct ring_packet packet;
	uint64_t skip; /* packets of the block that were dealt with before */
};

/* Zeroed but for ring, progress and ops. What a dead process was at is noted. */
void blocks_init(struct blocks *b);
/* The place to go on, behind the packet there; zeros: with the oldest block. Before anything is committed. */
void blocks_resume(struct blocks *b, uint64_t block_seq, uint64_t packets);
/* Begins to read. */
void blocks_start(struct blocks *b);
/* There is a block to read that is not held yet. */
bool blocks_ready(const struct blocks *b);
/* Percent of the ring's blocks that wait to be read. */
unsigned blocks_behind_percent(const struct blocks *b);
/* All packets of the next block. False: one of them has to wait. */
bool blocks_read(struct blocks *b);
/* Every packet of the held blocks is committed: the kernel may have them. A block that is half read stays. */
void blocks_release(struct blocks *b);

#endif
