/* traffic: what an appliance sees at its two links, made up: packets in the order of their times, each once,
 * on the link where it arrives, and the flows that they make. The same seed gives the same bytes.
 *
 * From inside (198.19.0.0/20) through the NAT's address 198.18.0.10 to 203.0.113.0/24 and back: TLS records
 * of noise, pages of words, DNS, pings. At set intervals besides: packets to port 0 from 192.0.2.66; a host
 * inside, 198.19.9.9, that asks 192.0.2.99 for a moment (the rare host); answers to canaries; what is none of
 * these: ARP, IPv6, VLANs, fragments, an ICMP error.
 */
#ifndef SEALTAP_TESTS_CLI_TRAFFIC_H
#define SEALTAP_TESTS_CLI_TRAFFIC_H

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "net/canary.h"
#include "net/ct.h"
#include "net/dns.h"

#define OUTSIDE_ADDRESS 0xc612000au /* 198.18.0.10 */
#define INSIDE_ADDRESS 0xc6130001u  /* 198.19.0.1 */
#define FIRST_HOST 0xc613000au      /* 198.19.0.10 */
#define FIRST_SERVER 0xcb007101u    /* 203.0.113.1 */
#define RARE_HOST 0xc6130909u       /* 198.19.9.9 */
#define RARE_SERVER 0xc0000263u     /* 192.0.2.99 */
#define SCANNER 0xc0000242u         /* 192.0.2.66 */
#define NAMESERVER 0xc6120002u      /* 198.18.0.2 */

#define TRAFFIC_FLOWS 48
#define TRAFFIC_FRAME_MAX 9100
#define TRAFFIC_CLIENT 1 /* link of what comes from inside; the other is 0 */

struct traffic_options {
	uint64_t seed, start_ns, bytes_per_s;
	uint64_t hosts, servers;            /* how many */
	uint64_t payload;                   /* of a TCP segment, at most 8900 */
	uint64_t words_percent;             /* of TCP connections that carry words, not noise */
	uint64_t port0_s, rare_s, canary_s; /* seconds between two; 0: none */
	uint64_t odd_s;
	uint64_t boot;
};

enum traffic_kind { TRAFFIC_TLS, TRAFFIC_WEB, TRAFFIC_DNS, TRAFFIC_PING };

struct traffic_flow {
	bool live;
	enum traffic_kind kind;
	uint32_t step, segments, seq[2];
	struct ct_flow ct;
};

struct traffic {
	struct traffic_options o;
	uint64_t random, now_ns, next_port0, next_rare, next_canary, next_odd;
	uint32_t flows, canaries, ports0, rares, odds;
	struct traffic_flow flow[TRAFFIC_FLOWS];
	/* the packet */
	unsigned link;
	uint32_t hash;
	bool refused;  /* recorded, but not forwarded */
	uint16_t vlan; /* the tag that the kernel took out of the frame; 0: none */
	size_t len;
	uint8_t frame[TRAFFIC_FRAME_MAX];
	const struct ct_flow *ended; /* the packet was the last of this flow; NULL */
};

static const char *const traffic_words[] = {
	"the",         "<div class=\"", "</div>\n", "of ",       "record",  " and ",     "packet",
	"<a href=\"/", "\">",           "in ",      "evidence",  "account", "balance",   "transfer",
	"0x",          "value=\"",      "quarter",  "Amsterdam", "revenue", " {\"id\":", ",\"name\":\"",
	"customer",    "</td><td>",     "item",     "2026-11-",  "T10:",    "price",     "EUR",
	"shipment",    "status\":\"",   "pending",  "delivered", "<span>",  "</span>",   "http://",
	"example",     ".org",          "page",     "section",   "number",  "order",     "invoice",
};

static inline uint64_t traffic_random(struct traffic *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random;
}

static inline uint64_t traffic_below(struct traffic *t, uint64_t n)
{
	return (traffic_random(t) >> 11) % n;
}

static inline void traffic_init(struct traffic *t, const struct traffic_options *o)
{
	memset(t, 0, sizeof(*t));
	t->o = *o;
	t->random = o->seed * 0x9e3779b97f4a7c15ull + 0x1234567;
	t->now_ns = o->start_ns;
	t->next_port0 = o->port0_s ? o->start_ns + o->port0_s * NS_PER_S / 2 : UINT64_MAX;
	t->next_rare = o->rare_s ? o->start_ns + o->rare_s * NS_PER_S / 3 : UINT64_MAX;
	t->next_odd = o->odd_s ? o->start_ns + o->odd_s * NS_PER_S : UINT64_MAX;
	t->next_canary = o->canary_s ? o->start_ns + 5 * NS_PER_S : UINT64_MAX;
}

/* ---- frames */

static inline uint16_t traffic_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += load_be16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void traffic_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void traffic_put32(uint8_t *p, uint32_t v)
{
	traffic_put16(p, (uint16_t)(v >> 16));
	traffic_put16(p + 2, (uint16_t)v);
}

/* Ethernet and IPv4 around what stands from byte 34 on; its checksum, at `sum_at`, is set. */
static inline void traffic_wrap(struct traffic *t, unsigned link, uint8_t proto, uint32_t src, uint32_t dst,
				size_t transport, size_t sum_at)
{
	uint8_t *f = t->frame, *ip = f + 14;
	static const uint8_t head[] = {2, 0,    0, 0, 0, 1, 2, 0,    0, 0,  1, 0, 8,
				       0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 63, 0, 0, 0};
	memcpy(f, head, sizeof(head));
	f[5] = link == TRAFFIC_CLIENT ? 2 : 1;
	f[10] = link == TRAFFIC_CLIENT ? 2 : 1;
	traffic_put16(ip + 2, (uint16_t)(20 + transport));
	traffic_put16(ip + 4, (uint16_t)traffic_random(t));
	ip[9] = proto;
	traffic_put32(ip + 12, src);
	traffic_put32(ip + 16, dst);
	traffic_put16(ip + 10, traffic_sum(ip, 20, 0));
	uint32_t pseudo = proto == CT_ICMP ? 0
					   : proto + (uint32_t)transport + (src >> 16) + (src & 0xffff) +
						     (dst >> 16) + (dst & 0xffff);
	traffic_put16(f + 34 + sum_at, 0);
	traffic_put16(f + 34 + sum_at, traffic_sum(f + 34, transport, pseudo));
	t->link = link;
	t->len = 34 + transport;
	t->hash = (src ^ dst) * 2654435761u ^ load_be32(f + 34) * 40503u;
}

static inline void traffic_udp(struct traffic *t, unsigned link, const struct ct_tuple *a,
			       struct span payload)
{
	uint8_t *u = t->frame + 34;
	traffic_put16(u, a->sport);
	traffic_put16(u + 2, a->dport);
	traffic_put16(u + 4, (uint16_t)(8 + payload.len));
	memmove(u + 8, payload.p, payload.len);
	traffic_wrap(t, link, CT_UDP, ip_to_v4(&a->src), ip_to_v4(&a->dst), 8 + payload.len, 6);
}

/* The payload stands behind the head already. */
static inline void traffic_tcp(struct traffic *t, unsigned link, const struct ct_tuple *a, uint32_t seq,
			       uint32_t ack, uint8_t flags, size_t payload)
{
	uint8_t *p = t->frame + 34;
	traffic_put16(p, a->sport);
	traffic_put16(p + 2, a->dport);
	traffic_put32(p + 4, seq);
	traffic_put32(p + 8, ack);
	p[12] = 0x50;
	p[13] = flags;
	traffic_put16(p + 14, 0xfaf0);
	traffic_put16(p + 18, 0);
	traffic_wrap(t, link, CT_TCP, ip_to_v4(&a->src), ip_to_v4(&a->dst), 20 + payload, 16);
}

static inline void traffic_fill(struct traffic *t, bool text, uint8_t *p, size_t len)
{
	const uint32_t words = sizeof(traffic_words) / sizeof(traffic_words[0]);
	for (size_t at = 0; at < len;) {
		uint64_t r = traffic_random(t);
		if (!text) {
			memcpy(p + at, &r, len - at < 8 ? len - at : 8);
			at += 8;
			continue;
		}
		for (unsigned i = 0; i < 4 && at < len; i++, r >>= 16) {
			char number[8];
			const char *w = r & 0x7 ? traffic_words[(r >> 3) % words] : number;
			snprintf(number, sizeof(number), "%u", (unsigned)(r & 0xffff));
			size_t n = strlen(w) < len - at ? strlen(w) : len - at;
			memcpy(p + at, w, n);
			at += n;
		}
	}
}

/* ---- flows */

static inline void traffic_begin(struct traffic *t, struct traffic_flow *f)
{
	uint64_t r = traffic_below(t, 100);
	uint32_t host = FIRST_HOST + (uint32_t)traffic_below(t, t->o.hosts),
		 server = FIRST_SERVER + (uint32_t)traffic_below(t, t->o.servers);
	memset(f, 0, sizeof(*f));
	f->live = true;
	f->kind = r < 20 ? TRAFFIC_DNS : r < 24 ? TRAFFIC_PING : TRAFFIC_TLS;
	if (f->kind == TRAFFIC_TLS && traffic_below(t, 100) < t->o.words_percent)
		f->kind = TRAFFIC_WEB;
	static const uint16_t ports[] = {443, 80, 53, 0};
	bool ping = f->kind == TRAFFIC_PING, tcp = f->kind <= TRAFFIC_WEB;
	uint16_t sport = ping ? 0 : (uint16_t)(32768 + traffic_below(t, 28000)),
		 nat = ping ? 0 : (uint16_t)(1024 + t->flows % 60000);
	f->segments = tcp ? 2 + (uint32_t)(traffic_below(t, 60) * traffic_below(t, 60) / 12) : 1;
	f->seq[0] = (uint32_t)traffic_random(t);
	f->seq[1] = (uint32_t)traffic_random(t);
	f->ct = (struct ct_flow){.start_ns = t->now_ns,
				 .id = ++t->flows,
				 .status = CT_ANSWERED | CT_ASSURED | CT_SRC_NAT,
				 .proto = ping  ? CT_ICMP
					  : tcp ? CT_TCP
						: CT_UDP,
				 .tcp_state = tcp ? CT_TCP_TIME_WAIT : CT_TCP_NONE};
	f->ct.orig = (struct ct_tuple){ip_from_v4(host),
				       ip_from_v4(server),
				       sport,
				       ports[f->kind],
				       ping ? (uint16_t)t->flows : 0,
				       ping ? 8 : 0,
				       0};
	f->ct.reply = (struct ct_tuple){ip_from_v4(server),
					ip_from_v4(OUTSIDE_ADDRESS),
					ports[f->kind],
					nat,
					f->ct.orig.icmp_id,
					0,
					0};
}

static inline void traffic_ping(struct traffic *t, struct traffic_flow *f, bool back)
{
	uint8_t *p = t->frame + 34;
	const struct ct_tuple *a = back ? &f->ct.reply : &f->ct.orig;
	memset(p, 0, 64);
	p[0] = back ? 0 : 8;
	traffic_put16(p + 4, a->icmp_id);
	traffic_put16(p + 6, 1);
	traffic_wrap(t, back ? 0 : TRAFFIC_CLIENT, CT_ICMP, ip_to_v4(&a->src), ip_to_v4(&a->dst), 64, 2);
}

/* SYN, SYN ACK, ACK, a question, segments with an ACK after each second, FIN, FIN, ACK. True: the last. */
static inline bool traffic_tcp_step(struct traffic *t, struct traffic_flow *f)
{
	static const struct {
		bool back;
		uint8_t flags;
		bool counts;
	} fixed[] = {{false, 2, true},   {true, 0x12, true},  {false, 0x10, false}, {false, 0x18, false},
		     {true, 0x11, true}, {false, 0x11, true}, {true, 0x10, false}};
	const uint32_t data = f->segments + f->segments / 2, at = f->step;
	uint32_t row = at < 4 ? at : at < 4 + data ? UINT32_MAX : at - data;
	bool back, text = f->kind == TRAFFIC_WEB;
	size_t payload = 0;
	uint8_t *body = t->frame + 54;
	if (row == UINT32_MAX) {
		back = (at - 4) % 3 != 2;
		payload = back ? t->o.payload : 0;
		traffic_fill(t, text, body, payload);
	} else {
		back = fixed[row].back;
		payload = row == 3 ? 200 + traffic_below(t, 400) : 0;
		traffic_fill(t, text, body, payload);
		if (row == 3 && text)
			memcpy(body, "GET /", 5);
	}
	if (payload && !text) {
		static const uint8_t record[] = {0x17, 3, 3};
		memcpy(body, record, 3);
		traffic_put16(body + 3, (uint16_t)(payload - 5));
	}
	uint8_t flags = row == UINT32_MAX ? 0x10 : fixed[row].flags;
	traffic_tcp(t, back ? 0 : TRAFFIC_CLIENT, back ? &f->ct.reply : &f->ct.orig, f->seq[back],
		    f->seq[!back], flags, payload);
	f->seq[back] += (uint32_t)payload + (row != UINT32_MAX && fixed[row].counts);
	return row == 6;
}

static inline bool traffic_dns_step(struct traffic *t, struct traffic_flow *f)
{
	static const uint8_t tail[] = "\7example\3org\0\0\1\0\1";
	uint8_t q[64] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3};
	bool back = f->step == 1;
	traffic_put16(q, (uint16_t)f->ct.id);
	q[2] = back ? 0x81 : 1;
	q[3] = back ? 0x83 : 0;
	q[13] = (uint8_t)('a' + f->ct.id % 26);
	q[14] = (uint8_t)('a' + f->ct.id / 26 % 26);
	q[15] = (uint8_t)('a' + f->ct.id / 676 % 26);
	memcpy(q + 16, tail, sizeof(tail) - 1);
	traffic_udp(t, back ? 0 : TRAFFIC_CLIENT, back ? &f->ct.reply : &f->ct.orig,
		    span_of(q, 16 + sizeof(tail) - 1));
	return back;
}

static inline void traffic_flow_step(struct traffic *t)
{
	struct traffic_flow *f = &t->flow[traffic_below(t, TRAFFIC_FLOWS)];
	bool last;
	if (!f->live)
		traffic_begin(t, f);
	if (f->kind == TRAFFIC_PING) {
		traffic_ping(t, f, f->step == 1);
		last = f->step == 1;
	} else if (f->kind == TRAFFIC_DNS) {
		last = traffic_dns_step(t, f);
	} else {
		last = traffic_tcp_step(t, f);
	}
	f->step++;
	f->ct.packets[t->link == 0]++;
	f->ct.bytes[t->link == 0] += t->len - 14;
	if (last) {
		f->ct.stop_ns = t->now_ns;
		f->live = false;
		t->ended = &f->ct;
	}
}

/* ---- what comes at intervals */

static inline bool traffic_port0(struct traffic *t)
{
	char text[48];
	struct ct_tuple a = {ip_from_v4(SCANNER),
			     ip_from_v4(OUTSIDE_ADDRESS),
			     (uint16_t)(40000 + t->ports0 % 1000),
			     0,
			     0,
			     0,
			     0};
	if (t->now_ns < t->next_port0)
		return false;
	t->next_port0 += t->o.port0_s * NS_PER_S;
	snprintf(text, sizeof(text), "port zero %u", t->ports0);
	t->refused = true;
	if (t->ports0++ % 2)
		traffic_tcp(t, 0, &a, (uint32_t)traffic_random(t), 0, 2, 0);
	else
		traffic_udp(t, 0, &a, span_str(text));
	return true;
}

static inline bool traffic_rare(struct traffic *t)
{
	char text[48];
	bool back = t->rares % 2;
	struct ct_tuple there = {ip_from_v4(RARE_HOST), ip_from_v4(RARE_SERVER), 5999, 7777, 0, 0, 0},
			again = {ip_from_v4(RARE_SERVER), ip_from_v4(OUTSIDE_ADDRESS), 7777, 5999, 0, 0, 0};
	if (t->now_ns < t->next_rare)
		return false;
	t->next_rare += back ? t->o.rare_s * NS_PER_S - 10 * NS_PER_MS : 10 * NS_PER_MS;
	snprintf(text, sizeof(text), "rare %u", t->rares++);
	traffic_udp(t, back ? 0 : TRAFFIC_CLIENT, back ? &again : &there, span_str(text));
	return true;
}

static inline bool traffic_canary(struct traffic *t)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	struct ct_tuple a = {ip_from_v4(NAMESERVER), ip_from_v4(OUTSIDE_ADDRESS), 53, 64600, 0, 0, 0};
	if (t->now_ns < t->next_canary || canary_query(&b, 77, t->o.boot, t->canaries))
		return false;
	t->next_canary += t->o.canary_s * NS_PER_S;
	t->canaries++;
	b.p[2] |= 0x80; /* an answer: there is no such name */
	b.p[3] = 0x83;
	traffic_udp(t, 0, &a, buf_span(&b));
	return true;
}

static inline void traffic_arp(struct traffic *t)
{
	static const uint8_t arp[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,   9,  8, 6,
				      0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,   0,  0, 9,
				      198,  19,   0,    9,    0,    0,    0, 0, 0, 0, 198, 19, 0, 1};
	memset(t->frame, 0, 60);
	memcpy(t->frame, arp, sizeof(arp));
	t->len = 60;
	t->link = TRAFFIC_CLIENT;
}

/* UDP from fd00::10 to 2001:db8::99, port 4789. */
static inline void traffic_ipv6(struct traffic *t)
{
	static const uint8_t head[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, CT_UDP, 63};
	uint8_t *ip = t->frame + 14;
	memset(t->frame, 0, 14 + 40 + 24);
	t->frame[5] = t->frame[11] = 2;
	memcpy(t->frame + 12, head, sizeof(head));
	ip[8] = 0xfd;
	ip[23] = 0x10;
	traffic_put32(ip + 24, 0x20010db8);
	ip[39] = 0x99;
	traffic_put16(ip + 40, 5353);
	traffic_put16(ip + 42, 4789);
	traffic_put16(ip + 44, 24);
	traffic_put16(ip + 46, traffic_sum(ip + 8, 32 + 24, CT_UDP + 24));
	t->len = 14 + 40 + 24;
	t->link = TRAFFIC_CLIENT;
}

/* ICMP: what 192.0.2.66 was sent could not be delivered. */
static inline void traffic_icmp_error(struct traffic *t)
{
	uint8_t *p = t->frame + 34;
	memset(p, 0, 8 + 28);
	p[0] = 3;
	p[1] = 3;
	p[8] = 0x45;
	p[17] = CT_UDP;
	traffic_put32(p + 20, OUTSIDE_ADDRESS);
	traffic_put32(p + 24, SCANNER);
	traffic_put16(p + 28, 1234);
	traffic_put16(p + 30, 4321);
	traffic_wrap(t, 0, CT_ICMP, SCANNER, OUTSIDE_ADDRESS, 8 + 28, 2);
}

/* A part of a datagram: the first, with ports, or a later one, whose bytes where ports would be are none. */
static inline void traffic_fragment(struct traffic *t, bool first)
{
	struct ct_tuple a = {ip_from_v4(FIRST_HOST), ip_from_v4(FIRST_SERVER), 7001, 7002, 0, 0, 0};
	uint8_t *ip = t->frame + 14;
	traffic_udp(t, TRAFFIC_CLIENT, &a, SPAN("a part of a longer datagram, 32."));
	traffic_put16(ip + 6, first ? 0x2000 : 0x2005);
	traffic_put16(ip + 10, 0);
	traffic_put16(ip + 10, traffic_sum(ip, 20, 0));
}

static inline bool traffic_odd(struct traffic *t)
{
	struct ct_tuple a = {ip_from_v4(FIRST_HOST), ip_from_v4(RARE_SERVER), 6001, 6002, 0, 0, 0};
	if (t->now_ns < t->next_odd)
		return false;
	t->next_odd += t->o.odd_s * NS_PER_S;
	switch (t->odds++ % 6) {
	case 0:
		traffic_arp(t);
		break;
	case 1:
		traffic_ipv6(t);
		break;
	case 2:
		traffic_icmp_error(t);
		break;
	case 3:
	case 4:
		traffic_fragment(t, t->odds % 2);
		break;
	default:
		traffic_udp(t, TRAFFIC_CLIENT, &a, SPAN("behind a tag"));
		t->vlan = 42;
	}
	return true;
}

/* The next packet is in t->frame, at t->now_ns. */
static inline void traffic_next(struct traffic *t)
{
	t->ended = NULL;
	t->refused = false;
	t->vlan = 0;
	/* so long as the packet before took at this rate, between none and twice */
	uint64_t mean_ns = (t->len + 104) * NS_PER_S / t->o.bytes_per_s;
	t->now_ns += 1000 + traffic_below(t, 2 * mean_ns + 1);
	if (!traffic_port0(t) && !traffic_rare(t) && !traffic_canary(t) && !traffic_odd(t))
		traffic_flow_step(t);
}

#endif
