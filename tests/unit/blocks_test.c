#include "role/capture/blocks.h"

#include <linux/if_packet.h>
#include <setjmp.h>

#include "check.h"

/* Workers one after the other over a ring whose blocks the kernel filled; one of them has a packet of which
 * each worker dies. */

#define BLOCK_BYTES 16384u
#define BLOCKS 8u
#define POISON 0xdead
#define HOLD 0xbeef /* a packet that has to wait */

static _Alignas(16) uint8_t map[BLOCKS * BLOCK_BYTES];
static struct progress page; /* outlives the workers */
static struct blocks b;
static jmp_buf death;
static uint64_t taken, given_up, given_up_seq;
static uint64_t at_seq, at_packets; /* behind what is committed */

static struct tpacket_hdr_v1 *head(uint64_t seq)
{
	return &((struct tpacket_block_desc *)(void *)(map + (seq - 1) % BLOCKS * BLOCK_BYTES))->hdr.bh1;
}

/* Block number seq with packets of this length on the wire. */
static void filled(uint64_t seq, uint32_t packets, uint32_t len)
{
	uint8_t *block = map + (seq - 1) % BLOCKS * BLOCK_BYTES;
	memset(block, 0, BLOCK_BYTES);
	*head(seq) = (struct tpacket_hdr_v1){.block_status = TP_STATUS_USER,
					     .num_pkts = packets,
					     .offset_to_first_pkt = 48,
					     .seq_num = seq};
	for (uint32_t i = 0; i < packets; i++) {
		struct tpacket3_hdr *p = (struct tpacket3_hdr *)(void *)(block + 48 + i * 128ull);
		*p = (struct tpacket3_hdr){.tp_next_offset = i + 1 < packets ? 128 : 0,
					   .tp_snaplen = 14,
					   .tp_len = len,
					   .tp_mac = 82};
	}
}

static bool take(struct ring_packet *p, uint64_t block_seq)
{
	(void)block_seq;
	if (p->len == POISON)
		longjmp(death, 1);
	if (p->len == HOLD)
		return false;
	taken++;
	return true;
}

static void losing(void)
{
}

static void give_up(uint64_t block_seq, uint64_t packets, uint64_t first_ns)
{
	(void)first_ns;
	given_up_seq = block_seq;
	given_up += packets;
	at_seq = block_seq + 1;
	at_packets = 0;
}

static const struct blocks_ops ops = {take, losing, give_up};

static void ring_is_new(uint64_t seq, uint64_t packets)
{
	at_seq = seq;
	at_packets = packets;
	memset(map, 0, sizeof(map));
	memset(&page, 0, sizeof(page));
	given_up = given_up_seq = 0;
}

static void starts(void)
{
	taken = 0;
	b = (struct blocks){.ring = {.fd = -1, .map = map, .block_bytes = BLOCK_BYTES, .blocks = BLOCKS},
			    .progress = &page,
			    .ops = &ops};
	blocks_init(&b);
}

/* A worker that goes on behind what was committed and reads all there is. False: it died. */
static bool worker(void)
{
	starts();
	blocks_resume(&b, at_seq, at_packets);
	blocks_start(&b);
	if (setjmp(death))
		return false;
	while (blocks_ready(&b) && blocks_read(&b))
		;
	return true;
}

static void a_block_that_kills(void)
{
	ring_is_new(3, 0);
	filled(3, 5, 60);
	filled(4, 7, POISON);
	filled(5, 2, 60);
	CHECK(!worker() && taken == 5 && !worker());
	CHECK(given_up == 0);
	CHECK(worker() && taken == 7);
	CHECK(given_up == 7 && given_up_seq == 4);
	CHECK(worker() && taken == 2 && given_up == 7);
}

static void one_after_the_other(void)
{
	ring_is_new(3, 0);
	filled(3, 5, 60);
	for (uint64_t seq = 4; seq < 4 + 6; seq++)
		filled(seq, 7, POISON);
	for (int i = 0; i < 12; i++)
		CHECK(!worker());
	CHECK(worker() && given_up == 6 * 7 && given_up_seq == 9);
}

static void behind_the_committed(void)
{
	ring_is_new(4, 2);
	filled(4, 7, POISON);
	CHECK(!worker() && !worker() && worker());
	CHECK(given_up == 5 && given_up_seq == 4);
}

static void deaths_elsewhere(void)
{
	ring_is_new(4, 0);
	filled(4, 7, POISON);
	CHECK(!worker());
	for (int i = 0; i < 3; i++)
		starts(); /* each dies before it reads */
	filled(4, 7, 60);
	CHECK(worker() && taken == 7 && given_up == 0);
	/* one that waits for room dies of something else */
	ring_is_new(3, 0);
	filled(3, 5, HOLD);
	for (int i = 0; i < 3; i++)
		CHECK(worker());
	CHECK(given_up == 0);
}

int main(void)
{
	RUN(a_block_that_kills,
	    "two deaths in one block give it up, though each worker reads those before it again");
	RUN(one_after_the_other, "so with block after block, while nothing is committed between them");
	RUN(behind_the_committed, "of a block that is given up the packets count that were not committed");
	RUN(deaths_elsewhere, "a death outside the reading of a block is no reason to give it up");
	return check_done();
}
