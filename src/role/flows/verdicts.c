#include "role/flows/verdicts.h"

#include <string.h>

#include "base/siphash.h"
#include "record/headers.h"

#define ETHER_IPV4 0x0800
#define ETHER_IPV6 0x86dd
#define ICMP_BYTES 8

/* Reasons whose packet is an ICMP error of our own about the one that was not forwarded. */
static const char *const by_error[] = {"too-big", "ttl", "unreachable"};

/* Bytes from the IP header on as the packet itself says; a packet may be logged in part. */
static uint32_t ip_bytes(struct span p)
{
	if (p.len >= 20 && p.p[0] >> 4 == 4)
		return load_be16(p.p + 2);
	if (p.len >= 40 && p.p[0] >> 4 == 6)
		return 40u + load_be16(p.p + 4);
	return (uint32_t)p.len;
}

/* The packet that an ICMP error is about. */
static struct span within(struct span p)
{
	bool v4 = p.len >= 20 && p.p[0] >> 4 == 4;
	return span_from(p, (v4 ? (p.p[0] & 15) * 4u : 40u) + ICMP_BYTES);
}

static void read_tuple(struct span packet, struct verdicts_one *o)
{
	uint8_t frame[2 + 256];
	struct buf b = BUF_OF(frame);
	struct headers h;
	memset(&h, 0, sizeof(h));
	buf_be16(&b, packet.len && packet.p[0] >> 4 == 6 ? ETHER_IPV6 : ETHER_IPV4);
	buf_put(&b, span_first(packet, sizeof(frame) - 2));
	enum err e = headers_read(buf_span(&b), &h);
	if (h.has_addresses) {
		o->src = h.from;
		o->dst = h.to;
		o->proto = h.protocol;
	}
	if (!e && h.has_ports) {
		o->sport = h.from_port;
		o->dport = h.to_port;
	}
}

static bool is_by_error(const char *reason)
{
	for (size_t i = 0; i < sizeof(by_error) / sizeof(by_error[0]); i++)
		if (strcmp(reason, by_error[i]) == 0)
			return true;
	return false;
}

static uint32_t home(const struct verdicts *v, const struct verdicts_one *o)
{
	uint8_t bytes[80];
	struct buf b = BUF_OF(bytes);
	buf_put(&b, span_of(o->reason, sizeof(o->reason)));
	buf_put(&b, span_of(o->src.bytes, 16));
	buf_put(&b, span_of(o->dst.bytes, 16));
	buf_be16(&b, o->sport);
	buf_be16(&b, o->dport);
	buf_u8(&b, o->proto);
	return (uint32_t)siphash(v->key, buf_span(&b)) % (2 * VERDICTS_TUPLES);
}

static bool same(const struct verdicts_one *a, const struct verdicts_one *b)
{
	return strcmp(a->reason, b->reason) == 0 && ip_eq(&a->src, &b->src) && ip_eq(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->proto == b->proto;
}

/* Where those of a reason are counted whose tuple has no place. */
static struct verdicts_one *other(struct verdicts *v, const char *reason)
{
	for (uint32_t i = 0; i < v->others; i++)
		if (strcmp(v->one[VERDICTS_TUPLES + i].reason, reason) == 0)
			return &v->one[VERDICTS_TUPLES + i];
	bool last = v->others + 1 >= VERDICTS_REASONS;
	if (v->others == VERDICTS_REASONS)
		return &v->one[VERDICTS_TUPLES + VERDICTS_REASONS - 1];
	struct verdicts_one *o = &v->one[VERDICTS_TUPLES + v->others++];
	*o = (struct verdicts_one){.other = true};
	memcpy(o->reason, last ? "others" : reason, last ? sizeof("others") : strlen(reason) + 1);
	return o;
}

static struct verdicts_one *place_of(struct verdicts *v, const struct verdicts_one *want)
{
	uint32_t i = home(v, want);
	for (; v->index[i]; i = (i + 1) % (2 * VERDICTS_TUPLES))
		if (same(&v->one[v->index[i] - 1], want))
			return &v->one[v->index[i] - 1];
	if (v->count == VERDICTS_TUPLES)
		return other(v, want->reason);
	v->one[v->count] = *want;
	v->index[i] = (uint16_t)++v->count;
	return &v->one[v->count - 1];
}

void verdicts_take(struct verdicts *v, const struct nflog_packet *p, uint64_t now_ns)
{
	struct verdicts_one want = {.packets = 0};
	memcpy(want.reason, p->reason, sizeof(want.reason));
	struct span packet = is_by_error(p->reason) ? within(p->payload) : p->payload;
	read_tuple(packet, &want);
	struct verdicts_one *o = place_of(v, &want);
	uint64_t ns = p->ns ? p->ns : now_ns;
	if (o->packets == 0 || ns < o->first_ns)
		o->first_ns = ns;
	if (ns > o->last_ns)
		o->last_ns = ns;
	o->packets++;
	o->bytes += ip_bytes(packet);
}

bool verdicts_next(const struct verdicts *v, uint32_t *i, const struct verdicts_one **one)
{
	if (*i >= v->count && *i < VERDICTS_TUPLES)
		*i = VERDICTS_TUPLES;
	if (*i >= VERDICTS_TUPLES + v->others)
		return false;
	*one = &v->one[(*i)++];
	return true;
}

void verdicts_reset(struct verdicts *v)
{
	memset(v->index, 0, sizeof(v->index));
	v->count = v->others = 0;
}
