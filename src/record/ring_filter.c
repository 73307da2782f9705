/* The program, as text (offsets into an untagged Ethernet frame; x is the IP header's length):
 *
 *        ifindex one of the admitted, else drop
 *        packet type PACKET_HOST, no VLAN tag taken out, length >= 34, else whole
 *        [12] = 0x86dd: go to six
 *        [12] = 0x0800, [14] = 0x4., [20] & 0x1fff = 0, [23] = 6, [30] one of the own addresses if known,
 *        x >= 20, length >= 14 + x + 20, [14 + x + 2] in first..last, [14 + x + 12] >> 4 >= 5, else whole
 *        return 14 + x + ([14 + x + 12] >> 4) * 4
 *   six: length >= 74, [14] = 0x6., [20] = 6, [38..54] one of the own addresses, [56] in first..last,
 *        [66] >> 4 >= 5, else whole
 *        return 54 + ([66] >> 4) * 4
 *
 * Each part ends in the two exits, for conditional jumps reach no further than 255 instructions. Jumps to
 * them are written with the marks DROP and WHOLE, and resolved when the part's length is known.
 */
#include "record/ring_filter.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define ETHERNET 14
#define IP_MIN 20
#define IP6_HEADER 40
#define NO_SIX UINT16_MAX
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

/* To six there is a far jump, whose target comes later: its place. */
static uint16_t sort_out(struct ring_filter *f, bool has_six)
{
	load(f, BPF_W, ANCILLARY(SKF_AD_PKTTYPE));
	put(f, BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, WHOLE);
	load(f, BPF_W, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT));
	put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, WHOLE);
	put(f, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, ETHERNET + IP_MIN, 0, WHOLE);
	load(f, BPF_H, 12);
	if (!has_six)
		return NO_SIX;
	put(f, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 1);
	put(f, BPF_JMP | BPF_JA, 0, 0, 0);
	return (uint16_t)(f->len - 1);
}

static void must_be_own4(struct ring_filter *f, const uint32_t *own, uint32_t count)
{
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

#define WORDS6 4
#define ADDRESS6_STEPS (2 * WORDS6)

/* All four words of the destination must be those of one of the addresses. */
static void must_be_own6(struct ring_filter *f, const struct ip *const *own, uint32_t count)
{
	put(f, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, ETHERNET + IP6_HEADER + TCP_MIN, 0, WHOLE);
	load(f, BPF_B, ETHERNET);
	put(f, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, 6, 0, WHOLE);
	load(f, BPF_B, ETHERNET + 6);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, PROTOCOL_TCP, 0, WHOLE);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t w = 0; w < WORDS6; w++) {
			uint32_t steps_left = ADDRESS6_STEPS - 2 * (w + 1);
			bool last = i == count - 1;
			load(f, BPF_W, ETHERNET + 24 + 4 * w);
			put(f, BPF_JMP | BPF_JEQ | BPF_K, load_be32(own[i]->bytes + 4 * w),
			    w == WORDS6 - 1 ? (uint8_t)(ADDRESS6_STEPS * (count - 1 - i)) : 0,
			    last ? WHOLE : (uint8_t)steps_left);
		}
}

static void cut_to_headers6(struct ring_filter *f, uint16_t first_port, uint16_t last_port)
{
	load(f, BPF_H, ETHERNET + IP6_HEADER + 2);
	put(f, BPF_JMP | BPF_JGE | BPF_K, first_port, 0, WHOLE);
	put(f, BPF_JMP | BPF_JGT | BPF_K, last_port, WHOLE, 0);
	load(f, BPF_B, ETHERNET + IP6_HEADER + 12);
	put(f, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(f, BPF_JMP | BPF_JGE | BPF_K, TCP_MIN / 4, 0, WHOLE);
	put(f, BPF_ALU | BPF_LSH | BPF_K, 2, 0, 0);
	put(f, BPF_ALU | BPF_ADD | BPF_K, ETHERNET + IP6_HEADER, 0, 0);
	put(f, BPF_RET | BPF_A, 0, 0, 0);
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

/* Ends the part that begins at `from`. */
static void put_exits(struct ring_filter *f, uint16_t from)
{
	uint16_t whole = f->len, drop = (uint16_t)(whole + 1);
	put(f, BPF_RET | BPF_K, RING_FILTER_SNAPLEN, 0, 0);
	put(f, BPF_RET | BPF_K, 0, 0, 0);
	ASSERT(drop - from < WHOLE);
	for (uint16_t i = from; i < whole; i++) {
		struct sock_filter *s = &f->program[i];
		if (BPF_CLASS(s->code) != BPF_JMP || s->code == (BPF_JMP | BPF_JA))
			continue;
		s->jt = resolve(s->jt, i, drop, whole);
		s->jf = resolve(s->jf, i, drop, whole);
	}
}

enum err ring_filter_build(const uint32_t *ifindex, uint32_t ifindex_count, const struct ip *own,
			   uint32_t own_count, uint16_t first_port, uint16_t last_port,
			   struct ring_filter *out)
{
	uint32_t own4[RING_FILTER_ADDRESSES], count4 = 0, count6 = 0;
	const struct ip *own6[RING_FILTER_ADDRESSES6];
	out->len = 0;
	if (ifindex_count > RING_FILTER_LINKS)
		return ERR_TOO_LONG;
	if (first_port > last_port)
		return ERR_RANGE;
	for (uint32_t i = 0; i < own_count; i++) {
		bool v4 = ip_is_v4(&own[i]);
		if (v4 ? count4 == RING_FILTER_ADDRESSES : count6 == RING_FILTER_ADDRESSES6)
			return ERR_TOO_LONG;
		if (v4)
			own4[count4++] = ip_to_v4(&own[i]);
		else
			own6[count6++] = &own[i];
	}
	if (ifindex_count == 0) {
		put(out, BPF_RET | BPF_K, 0, 0, 0);
		return ERR_OK;
	}
	admit(out, ifindex, ifindex_count);
	uint16_t far = sort_out(out, count6);
	must_be_own4(out, own4, count4);
	cut_to_headers(out, first_port, last_port);
	put_exits(out, 0);
	if (far == NO_SIX)
		return ERR_OK;
	uint16_t six = out->len;
	out->program[far].k = (uint32_t)(six - far - 1);
	must_be_own6(out, own6, count6);
	cut_to_headers6(out, first_port, last_port);
	put_exits(out, six);
	return ERR_OK;
}
