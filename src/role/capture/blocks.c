#include "role/capture/blocks.h"

void blocks_init(struct blocks *b)
{
	struct progress *p = b->progress;
	uint64_t seq = p->reading_seq;
	p->reading_seq = 0; /* else a death before the first block would count as another one there */
	if (seq == 0)
		return;
	p->crashes = seq == p->suspect_seq ? p->crashes + 1 : 1;
	p->suspect_seq = seq;
}

void blocks_resume(struct blocks *b, uint64_t block_seq, uint64_t packets)
{
	b->block_seq = block_seq;
	b->packets = packets;
}

void blocks_start(struct blocks *b)
{
	b->next = ring_start(&b->ring, b->block_seq);
}

bool blocks_ready(const struct blocks *b)
{
	/* all blocks held: the ring has come round to the oldest of them */
	return b->held < b->ring.blocks && ring_block_ready(&b->ring, b->next);
}

/* They wait in one row from the next on, so that its end is found by halving. */
unsigned blocks_behind_percent(const struct blocks *b)
{
	uint32_t from = 0, to = b->ring.blocks - b->held;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (ring_block_ready(&b->ring, (b->next + middle) % b->ring.blocks))
			from = middle + 1;
		else
			to = middle;
	}
	return from * 100 / b->ring.blocks;
}

static bool poisoned(const struct blocks *b)
{
	uint64_t seq = b->walk.seq;
	if (b->progress->suspect_seq != seq || b->progress->crashes < 2)
		return false;
	b->ops->given_up(seq, b->walk.packets > b->packets ? b->walk.packets - b->packets : 0,
			 b->walk.first_ns);
	return true;
}

/* False: there is nothing to read in block `next`; it was committed before, or is given up. */
static bool begin(struct blocks *b)
{
	enum err e = ring_walk_begin(&b->walk, span_of(ring_block(&b->ring, b->next), b->ring.block_bytes));
	ASSERT(!e);
	if (b->walk.seq < b->block_seq)
		return false;
	if (b->walk.seq > b->block_seq) {
		b->block_seq = b->walk.seq;
		b->packets = 0;
	}
	b->skip = b->packets;
	if (ring_block_losing(&b->ring, b->next))
		b->ops->losing();
	return !poisoned(b);
}

static void end(struct blocks *b)
{
	b->in_block = false;
	if (b->walk.seq >= b->block_seq) {
		b->block_seq = b->walk.seq + 1;
		b->packets = 0;
	}
	b->progress->reading_seq = 0;
	b->next = (b->next + 1) % b->ring.blocks;
	b->held++;
}

/* The next packet that was not dealt with before. */
static bool next_packet(struct blocks *b)
{
	for (;;) {
		enum err e = ring_walk_next(&b->walk, &b->packet);
		if (e == ERR_NOT_FOUND)
			return false;
		ASSERT(!e);
		if (b->skip == 0)
			return true;
		b->skip--;
	}
}

bool blocks_read(struct blocks *b)
{
	if (!b->in_block && !begin(b)) {
		end(b);
		return true;
	}
	b->in_block = true;
	b->progress->reading_seq = b->walk.seq;
	while (b->has_packet || next_packet(b)) {
		b->has_packet = true;
		if (!b->ops->take(&b->packet, b->walk.seq)) {
			b->progress->reading_seq = 0; /* to die while waiting is not the block's fault */
			return false;
		}
		b->has_packet = false;
		b->packets++;
	}
	end(b);
	return true;
}

void blocks_release(struct blocks *b)
{
	uint32_t block = (b->next + b->ring.blocks - b->held) % b->ring.blocks;
	for (; b->held; b->held--) {
		ring_block_release(&b->ring, block);
		block = (block + 1) % b->ring.blocks;
	}
}
