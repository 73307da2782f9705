/* The program, as text (offsets into an untagged Ethernet frame; x is the IP header's length):
 *
 *        ifindex one of the admitted, else drop
 *        packet type PACKET_HOST, no VLAN tag taken out, length >= 34,
 *        [12] = 0x0800, [14] = 0x4., [20] & 0x1fff = 0, [23] = 6, [30] one of the own addresses if known,
 *        x >= 20, length >= 14 + x + 20, [14 + x + 2] in first..last, [14 + x + 12] >> 4 >= 5, else whole
 *        return 14 + x + ([14 + x + 12] >> 4) * 4
 *
 * Jumps to the two exits are written with the marks DROP and WHOLE, and resolved when the program's length is
 * known.
 */
#include "record/ring_filter.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define ETHERNET 14
#define IP_MIN 20
#define TCP_MIN 20
#define PROTOCOL_TCP 6
#define DROP 254
#define WHOLE 255

#define ANCILLARY(what) ((uint32_t)(SKF_AD_OFF + (what)))

static void put(struct ring_filter *f, uint16_t code, uint32_t k, uint8_t jump_true, uint8_t jump_false)
{
	ASSERT(f->len < sizeof(f->program) / sizeof(f->program[0]));
	f->program[f->len++] = (struct sock_filter){code, jump_true, jump_false, k};
}

static void load(struct ring_filter *f, uint16_t size, uint32_t offset)
{
	put(f, (uint16_t)(BPF_LD | size | BPF_ABS), offset, 0, 0);
}

/* The accumulator must be one of the values, else `otherwise`. */
static void one_of(struct ring_filter *f, const uint32_t *values, uint32_t count, uint8_t otherwise)
{
	for (uint32_t i = 0; i < count; i++)
		put(f, BPF_JMP | BPF_JEQ | BPF_K, values[i], (uint8_t)(count - 1 - i),
		    i == count - 1 ? otherwise : 0);
}

static void admit(struct ring_filter *f, const uint32_t *ifindex, uint32_t count)
{
	load(f, BPF_W, ANCILLARY(SKF_AD_IFINDEX));
	one_of(f, ifindex, count, DROP);
}

static void must_be_own(struct ring_filter *f, const uint32_t *own, uint32_t count)
{
	load(f, BPF_W, ANCILLARY(SKF_AD_PKTTYPE));
	put(f, BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, WHOLE);
	load(f, BPF_W, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT));
	put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, WHOLE);
	put(f, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, ETHERNET + IP_MIN, 0, WHOLE);
	load(f, BPF_H, 12);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, WHOLE);
	load(f, BPF_B, ETHERNET);
	put(f, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, 4, 0, WHOLE);
	load(f, BPF_H, ETHERNET + 6);
	put(f, BPF_JMP | BPF_JSET | BPF_K, 0x1fff, WHOLE, 0);
	load(f, BPF_B, ETHERNET + 9);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, PROTOCOL_TCP, 0, WHOLE);
	if (count) {
		load(f, BPF_W, ETHERNET + 16);
		one_of(f, own, count, WHOLE);
	}
}

static void cut_to_headers(struct ring_filter *f, uint16_t first_port, uint16_t last_port)
{
	put(f, BPF_LDX | BPF_B | BPF_MSH, ETHERNET, 0, 0);
	put(f, BPF_MISC | BPF_TXA, 0, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, IP_MIN, 0, WHOLE);
	put(f, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(f, BPF_ALU | BPF_SUB | BPF_X, 0, 0, 0); /* >= 34 - 60: a negative number is huge, so: */
	put(f, BPF_JMP | BPF_JGT | BPF_K, INT32_MAX, WHOLE, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, ETHERNET + TCP_MIN, 0, WHOLE);
	put(f, BPF_LD | BPF_H | BPF_IND, ETHERNET + 2, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, first_port, 0, WHOLE);
	put(f, BPF_JMP | BPF_JGT | BPF_K, last_port, WHOLE, 0);
	put(f, BPF_LD | BPF_B | BPF_IND, ETHERNET + 12, 0, 0);
	put(f, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, TCP_MIN / 4, 0, WHOLE);
	put(f, BPF_ALU | BPF_LSH | BPF_K, 2, 0, 0);
	put(f, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
	put(f, BPF_ALU | BPF_ADD | BPF_K, ETHERNET, 0, 0);
	put(f, BPF_RET | BPF_A, 0, 0, 0);
}

static uint8_t resolve(uint8_t jump, uint16_t at, uint16_t drop, uint16_t whole)
{
	if (jump != DROP && jump != WHOLE)
		return jump;
	return (uint8_t)((jump == DROP ? drop : whole) - at - 1);
}

static void put_exits(struct ring_filter *f)
{
	uint16_t whole = f->len, drop = (uint16_t)(whole + 1);
	put(f, BPF_RET | BPF_K, RING_FILTER_SNAPLEN, 0, 0);
	put(f, BPF_RET | BPF_K, 0, 0, 0);
	for (uint16_t i = 0; i < whole; i++) {
		struct sock_filter *s = &f->program[i];
		if (BPF_CLASS(s->code) != BPF_JMP)
			continue;
		s->jt = resolve(s->jt, i, drop, whole);
		s->jf = resolve(s->jf, i, drop, whole);
	}
}

enum err ring_filter_build(const uint32_t *ifindex, uint32_t ifindex_count, const uint32_t *own,
			   uint32_t own_count, uint16_t first_port, uint16_t last_port,
			   struct ring_filter *out)
{
	*out = (struct ring_filter){.len = 0};
	if (ifindex_count > RING_FILTER_LINKS || own_count > RING_FILTER_ADDRESSES)
		return ERR_TOO_LONG;
	if (first_port > last_port)
		return ERR_RANGE;
	if (ifindex_count == 0) {
		put(out, BPF_RET | BPF_K, 0, 0, 0);
		return ERR_OK;
	}
	admit(out, ifindex, ifindex_count);
	must_be_own(out, own, own_count);
	cut_to_headers(out, first_port, last_port);
	put_exits(out);
	return ERR_OK;
}
