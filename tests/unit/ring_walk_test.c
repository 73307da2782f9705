#include "check.h"
#include "noise.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>

#include "record/ring_walk.h"

#define BLOCK_BYTES 16384

/* A block as the kernel fills it. */
struct made {
	_Alignas(16) uint8_t bytes[BLOCK_BYTES];
	size_t last, end; /* offsets */
};

static struct made made;

static size_t align(size_t n)
{
	return (n + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT;
}

static struct tpacket_hdr_v1 *head(void)
{
	return &((struct tpacket_block_desc *)(void *)made.bytes)->hdr.bh1;
}

static struct tpacket3_hdr *packet_at(size_t at)
{
	return (struct tpacket3_hdr *)(void *)(made.bytes + at);
}

static void begin_block(uint64_t seq)
{
	memset(&made, 0, sizeof(made));
	made.end = 48;
	struct tpacket_hdr_v1 *h = head();
	h->block_status = TP_STATUS_USER;
	h->offset_to_first_pkt = 48;
	h->seq_num = seq;
	h->ts_first_pkt.ts_sec = 1767225600;
	h->ts_last_pkt.ts_sec = 1767225601;
	h->ts_last_pkt.ts_nsec = 999999999;
}

static void add_packet(uint32_t ifindex, uint32_t ns, struct span frame, uint32_t wire_len)
{
	struct tpacket_hdr_v1 *h = head();
	if (h->num_pkts++)
		packet_at(made.last)->tp_next_offset = (uint32_t)(made.end - made.last);
	made.last = made.end;
	struct tpacket3_hdr *p = packet_at(made.last);
	p->tp_sec = 1767225600;
	p->tp_nsec = ns;
	p->tp_snaplen = (uint32_t)frame.len;
	p->tp_len = wire_len;
	p->tp_mac = 82; /* as the kernel places it: so that the IP header is aligned */
	struct sockaddr_ll from = {.sll_family = 17, .sll_ifindex = (int)ifindex, .sll_pkttype = PACKET_HOST};
	memcpy(made.bytes + made.last + align(sizeof(*p)), &from, sizeof(from));
	if (frame.len)
		memcpy(made.bytes + made.last + 82, frame.p, frame.len);
	made.end = made.last + align(82 + frame.len);
}

static void set_vlan(uint16_t tpid, uint16_t tci)
{
	struct tpacket3_hdr *p = packet_at(made.last);
	p->tp_status |= TP_STATUS_VLAN_VALID | (tpid ? TP_STATUS_VLAN_TPID_VALID : 0);
	p->hv1.tp_vlan_tpid = tpid;
	p->hv1.tp_vlan_tci = tci;
}

static struct span block(void)
{
	return span_of(made.bytes, sizeof(made.bytes));
}

static void in_order(void)
{
	struct ring_walk w;
	struct ring_packet p;
	begin_block(77);
	add_packet(2, 5, SPAN("first frame of fourteen or more"), 31);
	add_packet(3, 6, SPAN("the second, cut by"), 1400);
	CHECK(!ring_walk_begin(&w, block()));
	CHECK(w.seq == 77 && w.packets == 2 && w.left == 2);
	CHECK(w.first_ns == 1767225600000000000 && w.last_ns == 1767225601999999999);
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.ifindex == 2 && p.ts_ns == 1767225600000000005 && p.len == 31 && p.cap_len == 31 && !p.vlan);
	CHECK(p.type == PACKET_HOST && p.head.len == 0);
	CHECK_SPAN(p.tail, SPAN("first frame of fourteen or more"));
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.ifindex == 3 && p.len == 1400 && p.cap_len == 18);
	CHECK_SPAN(p.tail, SPAN("the second, cut by"));
	CHECK(ring_walk_next(&w, &p) == ERR_NOT_FOUND);
	CHECK(ring_walk_next(&w, &p) == ERR_NOT_FOUND);
}

static void tags(void)
{
	struct ring_walk w;
	struct ring_packet p;
	begin_block(1);
	add_packet(2, 0, SPAN("AAAAAABBBBBB\x08\x00rest"), 18);
	set_vlan(ETH_P_8021AD, 0xe123);
	add_packet(2, 0, SPAN("AAAAAABBBBBB\x08\x00rest"), 18);
	set_vlan(0, 0); /* priority tag 0, and no TPID told: 802.1Q */
	add_packet(2, 0, SPAN("AAAAAABBBBBB"), 18);
	set_vlan(0, 5);
	add_packet(2, 0, SPAN("AAAAAABBBBB"), 18);
	set_vlan(0, 5);
	CHECK(!ring_walk_begin(&w, block()));
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.vlan && p.tpid == 0x88a8 && p.tci == 0xe123 && p.len == 22 && p.cap_len == 22);
	CHECK_SPAN(p.head, SPAN("AAAAAABBBBBB"));
	CHECK_SPAN(p.tail, SPAN("\x08\x00rest"));
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.vlan && p.tpid == 0x8100 && p.tci == 0);
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.vlan && p.len == 22 && p.cap_len == 16 && p.tail.len == 0);
	CHECK(!ring_walk_next(&w, &p));
	CHECK(!p.vlan && p.len == 22 && p.cap_len == 11 && p.head.len == 0 && p.tail.len == 11);
}

static void empty(void)
{
	struct ring_walk w;
	struct ring_packet p;
	begin_block(9);
	CHECK(!ring_walk_begin(&w, block()));
	CHECK(ring_walk_next(&w, &p) == ERR_NOT_FOUND);
	add_packet(2, 0, span_of(NULL, 0), 0);
	CHECK(!ring_walk_begin(&w, block()));
	CHECK(!ring_walk_next(&w, &p));
	CHECK(p.cap_len == 0 && p.tail.len == 0);
}

static enum err walk_all(struct span b, size_t *packets)
{
	struct ring_walk w;
	struct ring_packet p;
	*packets = 0;
	TRY(ring_walk_begin(&w, b));
	for (;;) {
		enum err e = ring_walk_next(&w, &p);
		if (e == ERR_NOT_FOUND)
			return ERR_OK;
		if (e) {
			CHECK(ring_walk_next(&w, &p) == e); /* it stays broken */
			return e;
		}
		CHECK(p.tail.p >= b.p && p.tail.p + p.tail.len <= b.p + b.len);
		CHECK(p.cap_len == p.head.len + p.tail.len + (p.vlan ? 4 : 0) && p.cap_len <= p.len);
		++*packets;
	}
}

static void contradictions(void)
{
	size_t n;
	begin_block(1);
	add_packet(2, 0, SPAN("0123456789abcdef"), 16);
	add_packet(2, 0, SPAN("0123456789abcdef"), 16);
	struct made good = made;
	size_t first = 48, second = made.last;
	CHECK(!walk_all(block(), &n) && n == 2);
	packet_at(first)->tp_next_offset = BLOCK_BYTES;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 0);
	packet_at(first)->tp_next_offset = 8; /* into itself */
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 0);
	made = good;
	packet_at(second)->tp_mac = 10;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 1);
	packet_at(second)->tp_mac = UINT16_MAX;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 1);
	made = good;
	packet_at(second)->tp_snaplen = packet_at(second)->tp_len = BLOCK_BYTES;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 1);
	made = good;
	packet_at(second)->tp_len = 15; /* more at hand than there was */
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 1);
	made = good;
	head()->num_pkts = 3;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 1);
	made = good;
	head()->offset_to_first_pkt = BLOCK_BYTES - 20;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 0);
	head()->offset_to_first_pkt = 4;
	CHECK(walk_all(block(), &n) == ERR_SYNTAX && n == 0);
}

/* Walked in memory of exactly that size, so that sanitizers see a byte too far. */
static void cut_blocks(void)
{
	size_t n;
	begin_block(1);
	for (int i = 0; i < 5; i++)
		add_packet(2, 0, SPAN("0123456789abcdef-0123456789abcdef"), 33);
	for (size_t len = 0; len < made.end; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		if (len)
			memcpy(copy, made.bytes, len);
		CHECK(walk_all(span_of(copy, len), &n) == ERR_SYNTAX || len >= made.last + 82 + 33);
		free(copy);
	}
}

static void garbage(void)
{
	size_t n;
	for (int i = 0; i < 20000; i++) {
		begin_block(1);
		for (int j = 0; j < 6; j++)
			add_packet(2, 0, SPAN("0123456789abcdef-0123456789abcdef"), 40);
		for (size_t hits = 1 + noise_below(6); hits; hits--)
			made.bytes[noise_below(made.end)] = (uint8_t)noise_u64();
		enum err e = walk_all(block(), &n);
		CHECK(e == ERR_OK || e == ERR_SYNTAX);
	}
}

int main(void)
{
	RUN(in_order, "a block's packets come out in order, with time, interface and both lengths");
	RUN(tags,
	    "a VLAN tag that the kernel took out is put back, and counted, where the frame reaches that far");
	RUN(empty, "an empty block has no packet, an empty packet no bytes");
	RUN(contradictions, "a block that contradicts itself is refused at the packet where it does");
	RUN(cut_blocks, "a block cut anywhere is refused without a look beyond its end");
	RUN(garbage, "20000 damaged blocks give packets inside the block or an error");
	return check_done();
}
