/* A pcap filter is a program of classic BPF whose jumps lead forward: a graph without circles. Each path
 * through it is walked, together with what is known of a packet that takes it: the bytes that were found
 * equal to a value. Where a path compares an address or a port that the frame's filter does not have, no
 * packet of the frame takes it. If a path leads to acceptance, or the walk becomes too long: it may.
 *
 *   a path knows                                      then this comparison, when true, needs the key
 *   EtherType 0800 at t (12, or behind tags)          4 bytes at t+14, t+18: IPv4 address
 *   the same, protocol at t+11 with ports, no         2 bytes at t+2, t+4 plus X, X = 4 * ([t+2] & 15): port
 *     offset of a fragment at t+8
 *   EtherType 0806, 8035 at t                         4 bytes at t+16, t+26: IPv4 address
 *   EtherType 86dd at t                               the last of 4 * 4 bytes at t+10, t+26: IPv6 address
 *   the same, next header at t+8 with ports           2 bytes at t+42, t+44: port
 *
 * Source: McCanne, Jacobson, "The BSD Packet Filter", 1993; linux/filter.h; the programs of libpcap 1.10.
 */
#include "record/prefilter.h"

#include <linux/filter.h>

#include "record/packet_keys.h"

#define STEPS_MAX 8192u /* instructions walked in all */
#define PENDING_MAX 64u
#define FACTS_MAX 16u
#define ETHERTYPE_AT 12
#define FRAGMENT_OFFSET 0x1fff

/* What a register holds: bytes of the packet at `at`, or at `at` plus the length of the IPv4 header at
 * `header`; X: that length. */
enum held { UNKNOWN, NUMBER, BYTES, BYTES_BEHIND, HEADER_LEN };

struct reg {
	enum held held;
	uint32_t at; /* NUMBER: its value */
	uint32_t size, header;
};

/* size bytes at `at` have this value; size 0: the two bytes there have no offset of a fragment. */
struct fact {
	uint32_t at, size, value;
};

struct path {
	uint32_t pc;
	struct reg a, x;
	uint32_t facts;
	struct fact fact[FACTS_MAX];
};

struct walk {
	const struct pcapfilter *f;
	struct span bloom;
	uint32_t steps, pending;
	struct path path[PENDING_MAX];
};

/* ---- what is known on a path */

static bool known(const struct path *p, uint32_t at, uint32_t size, uint32_t *value)
{
	for (uint32_t i = 0; i < p->facts; i++) {
		if (p->fact[i].at == at && p->fact[i].size == size) {
			*value = p->fact[i].value;
			return true;
		}
	}
	return false;
}

static void learn(struct path *p, uint32_t at, uint32_t size, uint32_t value)
{
	uint32_t old;
	if (p->facts < FACTS_MAX && !known(p, at, size, &old))
		p->fact[p->facts++] = (struct fact){at, size, value};
}

/* The network's protocol, and where its header begins. */
static bool network(const struct path *p, uint32_t *type, uint32_t *at)
{
	uint32_t t = ETHERTYPE_AT;
	for (unsigned tags = 0;; tags++, t += 4) {
		if (!known(p, t, 2, type))
			return false;
		if (tags == PACKET_KEYS_TAGS || !packet_keys_is_tag(*type))
			break;
	}
	*at = t + 2;
	return true;
}

static bool has_ports(const struct path *p, uint32_t at)
{
	uint32_t protocol;
	return known(p, at, 1, &protocol) && packet_keys_has_ports(protocol);
}

/* ---- can it be so? A's value is `value`, and that is among the path's facts */

static bool ipv4_can_be(const struct walk *w, const struct path *p, uint32_t ip, uint32_t value)
{
	const struct reg *a = &p->a;
	uint32_t none;
	if (a->held == BYTES && a->size == 4 && (a->at == ip + 12 || a->at == ip + 16))
		return bloom_has(w->bloom, bloom_ip4(value));
	bool port = a->held == BYTES_BEHIND && a->header == ip && a->size == 2 &&
		    (a->at == ip || a->at == ip + 2) && has_ports(p, ip + 9) && known(p, ip + 6, 0, &none);
	return !port || bloom_has(w->bloom, bloom_port((uint16_t)value));
}

static bool arp_can_be(const struct walk *w, const struct path *p, uint32_t arp, uint32_t value)
{
	const struct reg *a = &p->a;
	bool address = a->held == BYTES && a->size == 4 && (a->at == arp + 14 || a->at == arp + 24);
	return !address || bloom_has(w->bloom, bloom_ip4(value));
}

static bool ipv6_address_can_be(const struct walk *w, const struct path *p, uint32_t at)
{
	uint8_t bytes[16];
	for (uint32_t i = 0; i < 16; i += 4) {
		uint32_t word;
		if (!known(p, at + i, 4, &word))
			return true;
		store_be32(bytes + i, word);
	}
	return bloom_has(w->bloom, bloom_ip6(bytes));
}

static bool ipv6_can_be(const struct walk *w, const struct path *p, uint32_t ip, uint32_t value)
{
	const struct reg *a = &p->a;
	if (a->held != BYTES)
		return true;
	bool port = a->size == 2 && (a->at == ip + 40 || a->at == ip + 42) && has_ports(p, ip + 6);
	if (port)
		return bloom_has(w->bloom, bloom_port((uint16_t)value));
	return ipv6_address_can_be(w, p, ip + 8) && ipv6_address_can_be(w, p, ip + 24);
}

static bool can_be(const struct walk *w, const struct path *p, uint32_t value)
{
	uint32_t type, at;
	if (!network(p, &type, &at))
		return true;
	switch (type) {
	case PACKET_KEYS_IPV4:
		return ipv4_can_be(w, p, at, value);
	case PACKET_KEYS_ARP:
	case PACKET_KEYS_RARP:
		return arp_can_be(w, p, at, value);
	case PACKET_KEYS_IPV6:
		return ipv6_can_be(w, p, at, value);
	default:
		return true;
	}
}

/* ---- instructions */

static struct reg loaded(const struct path *p, const struct pcapfilter_step *i)
{
	static const uint8_t size_of[] = {[BPF_W] = 4, [BPF_H] = 2, [BPF_B] = 1};
	uint16_t size = BPF_SIZE(i->code);
	struct reg r = {.at = i->k, .size = size < sizeof(size_of) ? size_of[size] : 0};
	if (BPF_MODE(i->code) == BPF_IMM)
		r.held = NUMBER;
	else if (r.size && BPF_MODE(i->code) == BPF_ABS)
		r.held = BYTES;
	else if (r.size && BPF_MODE(i->code) == BPF_IND && p->x.held == HEADER_LEN) {
		r.held = BYTES_BEHIND;
		r.header = p->x.header;
	}
	return r;
}

static bool value_of(const struct path *p, uint32_t *value)
{
	*value = p->a.at;
	return p->a.held == NUMBER || (p->a.held == BYTES && known(p, p->a.at, p->a.size, value));
}

static bool compare(uint16_t op, uint32_t a, uint32_t k)
{
	switch (op) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default:
		return a & k;
	}
}

/* The path on which the comparison is true, or false, in *p: can a packet of the frame take it? */
static bool take(const struct walk *w, struct path *p, const struct pcapfilter_step *i, bool truth)
{
	uint16_t op = BPF_OP(i->code);
	uint32_t value;
	p->pc += truth ? i->jump_true : i->jump_false;
	if (BPF_SRC(i->code) != BPF_K)
		return true;
	if (value_of(p, &value))
		return compare(op, value, i->k) == truth;
	if (op == BPF_JSET && !truth && (i->k & FRAGMENT_OFFSET) == FRAGMENT_OFFSET && p->a.held == BYTES &&
	    p->a.size == 2)
		learn(p, p->a.at, 0, 0);
	if (op != BPF_JEQ || !truth)
		return true;
	if (p->a.held == BYTES)
		learn(p, p->a.at, p->a.size, i->k);
	return can_be(w, p, i->k);
}

/* Walks on with the path on which it is true; that on which it is false waits. False: neither can be. */
static bool branch(struct walk *w, struct path *p, const struct pcapfilter_step *i)
{
	struct path *other = &w->path[w->pending];
	*other = *p;
	bool can_be_false = take(w, other, i, false);
	struct path on_true = *p;
	if (!take(w, &on_true, i, true)) {
		*p = *other;
		return can_be_false;
	}
	*p = on_true;
	w->pending += can_be_false;
	return true;
}

/* Anything but jumps and returns. */
static void execute(struct path *p, const struct pcapfilter_step *i)
{
	static const struct reg unknown = {.held = UNKNOWN};
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		p->a = loaded(p, i);
		return;
	case BPF_LDX:
		p->x = unknown;
		if (BPF_MODE(i->code) == BPF_MSH && BPF_SIZE(i->code) == BPF_B)
			p->x = (struct reg){.held = HEADER_LEN, .header = i->k};
		return;
	case BPF_ST:
	case BPF_STX:
		return;
	default: /* arithmetic, and moves from A to X or back */
		p->a = unknown;
		if (BPF_CLASS(i->code) == BPF_MISC)
			p->x = unknown;
	}
}

/* Follows a path to its end. True: a packet of the frame may be accepted there. */
static bool follow(struct walk *w, struct path *p)
{
	for (;;) {
		if (p->pc >= w->f->len || w->pending == PENDING_MAX || w->steps++ == STEPS_MAX)
			return true;
		const struct pcapfilter_step *i = &w->f->step[p->pc++];
		if (BPF_CLASS(i->code) == BPF_RET)
			return i->k != 0 || BPF_RVAL(i->code) != BPF_K;
		if (BPF_CLASS(i->code) != BPF_JMP) {
			execute(p, i);
		} else if (BPF_OP(i->code) == BPF_JA) {
			if (i->k >= w->f->len)
				return true;
			p->pc += i->k;
		} else if (!branch(w, p, i)) {
			return false;
		}
	}
}

bool prefilter_may(const struct pcapfilter *f, struct span bloom)
{
	struct walk w;
	if (!bloom_is_length(bloom.len))
		return true;
	w.f = f;
	w.bloom = bloom;
	w.steps = 0;
	w.pending = 1;
	w.path[0] = (struct path){.pc = 0};
	while (w.pending) {
		struct path p = w.path[--w.pending];
		if (follow(&w, &p))
			return true;
	}
	return false;
}

bool prefilter_helps(const struct pcapfilter *f)
{
	static const uint8_t nothing[BLOOM_MIN_BYTES];
	return !prefilter_may(f, span_of(nothing, sizeof(nothing)));
}
