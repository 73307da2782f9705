#include "os/ring.h"

#include <linux/if_packet.h>

#include "check.h"

/* A ring as the kernel leaves it. Block number n stands at place (n - 1) % blocks, always. */

#define BLOCK_BYTES 4096u
#define BLOCKS 8u

static _Alignas(16) uint8_t map[BLOCKS * BLOCK_BYTES];
static const struct ring r = {.fd = -1, .map = map, .block_bytes = BLOCK_BYTES, .blocks = BLOCKS};
static uint64_t filling; /* the kernel's block */

static struct tpacket_hdr_v1 *head(uint64_t seq)
{
	return &((struct tpacket_block_desc *)(void *)ring_block(&r, (seq - 1) % BLOCKS))->hdr.bh1;
}

static void opens(uint64_t seq)
{
	head(seq)->seq_num = filling = seq;
}

static void retires(void)
{
	head(filling)->block_status = TP_STATUS_USER;
	opens(filling + 1);
}

/* Blocks up to `last` were filled, those before `oldest` given back. */
static void ring_is(uint64_t oldest, uint64_t last)
{
	memset(map, 0, sizeof(map));
	opens(last > BLOCKS ? last - BLOCKS + 1 : 1);
	while (filling <= last)
		retires();
	for (uint64_t seq = 1; seq < oldest; seq++)
		if (head(seq)->seq_num == seq)
			head(seq)->block_status = TP_STATUS_KERNEL;
}

/* The reader before this one had got to block `next`. */
static void starts_with(uint64_t oldest, uint64_t next, uint64_t last)
{
	ring_is(oldest, last);
	CHECK(ring_start(&r, next) == (oldest - 1) % BLOCKS);
}

static void starts(void)
{
	starts_with(1, 0, 0);
	starts_with(1, 0, 5);
	for (uint64_t last = 0; last < 30; last++)
		for (uint64_t oldest = last < BLOCKS ? 1 : last - BLOCKS + 2; oldest <= last + 1; oldest++)
			for (uint64_t next = oldest; next <= last + 1; next++)
				starts_with(oldest, next, last);
}

/* The kernel found no free block, and takes up the next one with the next packet only: the last one that it
 * filled has the highest number. */
static void a_full_ring(void)
{
	for (uint64_t last = BLOCKS; last < 20; last++) {
		ring_is(last - BLOCKS + 1, last - 1);
		head(last)->block_status = TP_STATUS_USER;
		CHECK(ring_start(&r, last - BLOCKS + 1) == last % BLOCKS);
		CHECK(ring_start(&r, last + 1) == last % BLOCKS);
		for (uint64_t seq = last - BLOCKS + 1; seq <= last; seq++)
			head(seq)->block_status = TP_STATUS_KERNEL;
		CHECK(ring_start(&r, last + 1) == last % BLOCKS);
	}
}

int main(void)
{
	RUN(starts,
	    "a new reader starts with the oldest block that was not given back, else with the next one, "
	    "whatever the kernel filled meanwhile");
	RUN(a_full_ring, "so it does behind a full ring of which all was given back");
	return check_done();
}
