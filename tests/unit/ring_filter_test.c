#include "check.h"
#include "noise.h"
#include "packets.h"

#include <linux/if_packet.h>
#include <pcap.h>

#include "record/ring_filter.h"

#define OWN 0xc0000201u /* 192.0.2.1 */
#define OWN2 0xcb007105u
#define OWN3 0xc000fd01u
#define FIRST 64512
#define LAST 65535

static struct ring_filter filter;

/* What the kernel knows about a packet beside its bytes. */
struct aside {
	uint32_t ifindex, type, tagged;
};

/* What the kernel would keep: libpcap's interpreter, after each ancillary load became a constant. */
static uint32_t kept(struct aside a, struct span frame)
{
	struct bpf_insn program[320];
	for (uint16_t i = 0; i < filter.len; i++) {
		const struct sock_filter *f = &filter.program[i];
		program[i] = (struct bpf_insn){f->code, f->jt, f->jf, f->k};
		if (f->code != (BPF_LD | BPF_W | BPF_ABS) || f->k < (uint32_t)SKF_AD_OFF)
			continue;
		uint32_t what = f->k - (uint32_t)SKF_AD_OFF;
		program[i].code = BPF_LD | BPF_IMM;
		program[i].k = what == SKF_AD_IFINDEX   ? a.ifindex
			       : what == SKF_AD_PKTTYPE ? a.type
							: a.tagged;
		CHECK(what == SKF_AD_IFINDEX || what == SKF_AD_PKTTYPE || what == SKF_AD_VLAN_TAG_PRESENT);
	}
	return bpf_filter(program, frame.p, (u_int)frame.len, (u_int)frame.len);
}

/* Own addresses that differ in one word each. */
static const struct ip six[3] = {
	{{0x20, 1, 0xd, 0xb8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	{{0x20, 1, 0xd, 0xb8, 0, 1, 2, 4, 4, 5, 6, 7, 8, 9, 10, 11}},
	{{0x20, 1, 0xd, 0xb8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12}},
};

static void build(void)
{
	const uint32_t links[] = {4, 7, 9};
	const struct ip own[] = {ip_from_v4(OWN), six[0], ip_from_v4(OWN2), six[1], ip_from_v4(OWN3), six[2]};
	CHECK(!ring_filter_build(links, 3, own, 6, FIRST, LAST, &filter));
}

/* A TCP packet to an own address and port: header lengths in words, 100 bytes of payload. */
static uint8_t frame[400];
static struct span tcp(unsigned ip_words, uint8_t tcp_words, uint32_t to, uint16_t port)
{
	struct buf b = BUF_OF(frame);
	buf_fill(&b, 0x02, 12);
	buf_be16(&b, 0x0800);
	buf_u8(&b, (uint8_t)(0x40 | ip_words));
	buf_fill(&b, 0, 8);
	buf_u8(&b, 6);
	buf_fill(&b, 0, 2);
	buf_be32(&b, 0xc6336401);
	buf_be32(&b, to);
	buf_fill(&b, 1, 4 * (ip_words > 5 ? ip_words - 5 : 0));
	put_tcp(&b, 80, port, tcp_words, 0);
	buf_fill(&b, 'p', 100);
	return buf_span(&b);
}

/* The same over IPv6. */
static struct span tcp6(uint8_t tcp_words, const struct ip *to, uint16_t port)
{
	struct buf b = BUF_OF(frame);
	buf_fill(&b, 0x02, 12);
	buf_be16(&b, 0x86dd);
	buf_u8(&b, 0x60);
	buf_fill(&b, 0, 5);
	buf_u8(&b, 6);
	buf_u8(&b, 64);
	buf_fill(&b, 0xfd, 16);
	buf_put(&b, span_of(to->bytes, 16));
	put_tcp(&b, 80, port, tcp_words, 0);
	buf_fill(&b, 'p', 100);
	return buf_span(&b);
}

static const struct aside plain = {4, PACKET_HOST, 0};

static void links_admitted(void)
{
	build();
	struct span f = tcp(5, 5, 0x01020304, 80);
	for (uint32_t i = 0; i < 12; i++) {
		struct aside a = {i, PACKET_HOST, 0};
		CHECK(kept(a, f) == (i == 4 || i == 7 || i == 9 ? RING_FILTER_SNAPLEN : 0));
	}
	CHECK(!ring_filter_build(NULL, 0, NULL, 0, FIRST, LAST, &filter));
	CHECK(kept(plain, f) == 0 && filter.len == 1);
}

static void address_unknown(void)
{
	CHECK(!ring_filter_build((const uint32_t[]){4}, 1, NULL, 0, FIRST, LAST, &filter));
	CHECK(kept(plain, tcp(5, 5, OWN, LAST)) == 54);
	CHECK(kept(plain, tcp(6, 7, 0x01020304, FIRST)) == 66);
	CHECK(kept(plain, tcp(5, 5, OWN, FIRST - 1)) == RING_FILTER_SNAPLEN);
	CHECK(kept((struct aside){4, PACKET_OTHERHOST, 0}, tcp(5, 5, OWN, FIRST)) == RING_FILTER_SNAPLEN);
	CHECK(kept((struct aside){5, PACKET_HOST, 0}, tcp(5, 5, OWN, FIRST)) == 0);
}

static void own_connections(void)
{
	build();
	for (unsigned ip = 5; ip <= 15; ip++)
		for (uint8_t words = 5; words <= 15; words++)
			CHECK(kept(plain, tcp(ip, words, OWN, FIRST)) == 14 + 4 * ip + 4u * words);
	CHECK(kept(plain, tcp(5, 5, OWN2, LAST)) == 54);
	CHECK(kept((struct aside){9, PACKET_HOST, 0}, tcp(5, 5, OWN, 65000)) == 54);
}

static void all_else_whole(void)
{
	build();
	const uint32_t whole = RING_FILTER_SNAPLEN;
	CHECK(kept(plain, tcp(5, 5, OWN, FIRST - 1)) == whole);
	CHECK(kept(plain, tcp(5, 5, OWN + 1, FIRST)) == whole);
	CHECK(kept(plain, tcp(4, 5, OWN, FIRST)) == whole);
	CHECK(kept(plain, tcp(5, 4, OWN, FIRST)) == whole);
	CHECK(kept((struct aside){4, PACKET_OTHERHOST, 0}, tcp(5, 5, OWN, FIRST)) == whole);
	CHECK(kept((struct aside){4, PACKET_BROADCAST, 0}, tcp(5, 5, OWN, FIRST)) == whole);
	CHECK(kept((struct aside){4, PACKET_HOST, 1}, tcp(5, 5, OWN, FIRST)) == whole);
	struct span f = tcp(5, 5, OWN3, FIRST);
	CHECK(kept(plain, f) == 54);
	frame[14] =
		0x44; /* too short a header, and yet a port and an offset that fit stand where they would */
	frame[14 + 16 + 12] = 0x50;
	CHECK(kept(plain, f) == whole);
	f = tcp(5, 5, OWN, FIRST);
	frame[14 + 9] = 17; /* UDP */
	CHECK(kept(plain, f) == whole);
	f = tcp(5, 5, OWN, FIRST);
	frame[14 + 7] = 1; /* a later fragment */
	CHECK(kept(plain, f) == whole);
	f = tcp(5, 5, OWN, FIRST);
	frame[14 + 6] = 0x20; /* the first of several: its header is there */
	CHECK(kept(plain, f) == 54);
	f = tcp(5, 5, OWN, FIRST);
	frame[12] = 0x86; /* IPv6's number */
	frame[13] = 0xdd;
	CHECK(kept(plain, f) == whole);
	f = tcp(5, 5, OWN, FIRST);
	frame[14] = 0x65; /* another version */
	CHECK(kept(plain, f) == whole);
}

static void own_connections6(void)
{
	const uint32_t whole = RING_FILTER_SNAPLEN;
	build();
	for (unsigned i = 0; i < 3; i++)
		for (uint8_t words = 5; words <= 15; words++)
			CHECK(kept(plain, tcp6(words, &six[i], i == 0 ? FIRST : LAST)) == 54u + 4u * words);
	CHECK(kept(plain, tcp6(5, &six[0], FIRST - 1)) == whole);
	CHECK(kept(plain, tcp6(4, &six[0], FIRST)) == whole);
	CHECK(kept((struct aside){4, PACKET_OTHERHOST, 0}, tcp6(5, &six[0], FIRST)) == whole);
	CHECK(kept((struct aside){4, PACKET_HOST, 1}, tcp6(5, &six[0], FIRST)) == whole);
	CHECK(kept((struct aside){5, PACKET_HOST, 0}, tcp6(5, &six[0], FIRST)) == 0);
	/* an address that differs in any bit is another's: nobody hides by choosing one that looks alike */
	for (unsigned i = 0; i < 3; i++)
		for (unsigned bit = 0; bit < 128; bit++) {
			struct ip other = six[i];
			other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			CHECK(kept(plain, tcp6(5, &other, FIRST)) == whole);
		}
	struct span f = tcp6(5, &six[2], FIRST);
	frame[14 + 6] = 0; /* hop-by-hop options stand first */
	CHECK(kept(plain, f) == whole);
	f = tcp6(5, &six[2], FIRST);
	frame[14] = 0x40;
	CHECK(kept(plain, f) == whole);
	f = tcp6(5, &six[2], FIRST);
	for (size_t len = 0; len <= f.len; len++)
		CHECK(kept(plain, span_first(f, len)) == (len < 74 ? whole : 74));
	/* with no own address of IPv6 nothing of it is own */
	CHECK(!ring_filter_build((const uint32_t[]){4}, 1, NULL, 0, FIRST, LAST, &filter));
	CHECK(kept(plain, tcp6(5, &six[0], FIRST)) == whole);
}

static void short_packets(void)
{
	build();
	for (unsigned ip = 5; ip <= 15; ip += 5) {
		struct span f = tcp(ip, 5, OWN, FIRST);
		size_t headers = 14 + 4 * ip + 20;
		for (size_t len = 0; len <= f.len; len++) {
			uint32_t n = kept(plain, span_first(f, len));
			CHECK(n == (len < headers ? RING_FILTER_SNAPLEN : headers));
		}
	}
}

static void nothing_lost(void)
{
	build();
	for (int i = 0; i < 200000; i++) {
		struct span f = tcp(5 + (unsigned)noise_below(11), (uint8_t)noise_below(16), OWN, FIRST);
		for (size_t hits = noise_below(4); hits; hits--)
			frame[12 + noise_below(40)] = (uint8_t)noise_u64();
		f = span_first(f, noise_below(f.len + 1));
		CHECK(kept(plain, f) != 0);
	}
}

static void limits(void)
{
	const uint32_t links[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct ip own[RING_FILTER_ADDRESSES + RING_FILTER_ADDRESSES6 + 1];
	for (uint32_t i = 0; i < RING_FILTER_ADDRESSES; i++)
		own[i] = ip_from_v4(1 + i);
	uint32_t all = RING_FILTER_ADDRESSES;
	for (uint32_t i = 0; i < RING_FILTER_ADDRESSES6; i++) {
		own[all] = six[0];
		own[all++].bytes[15] = (uint8_t)i;
	}
	CHECK(!ring_filter_build(links, 8, own, all, 1, 1, &filter));
	for (uint32_t i = 0; i < RING_FILTER_ADDRESSES; i++)
		CHECK(kept((struct aside){8, PACKET_HOST, 0}, tcp(5, 5, 1 + i, 1)) == 54);
	for (uint32_t i = RING_FILTER_ADDRESSES; i < all; i++)
		CHECK(kept((struct aside){1, PACKET_HOST, 0}, tcp6(5, &own[i], 1)) == 74);
	CHECK(kept((struct aside){1, PACKET_HOST, 0}, tcp(5, 5, 1 + RING_FILTER_ADDRESSES, 1)) ==
	      RING_FILTER_SNAPLEN);
	CHECK(kept((struct aside){9, PACKET_HOST, 0}, tcp(5, 5, 1, 1)) == 0);
	CHECK(ring_filter_build(links, 9, own, all, 1, 1, &filter) == ERR_TOO_LONG);
	own[all] = ip_from_v4(77);
	CHECK(ring_filter_build(links, 8, own, all + 1, 1, 1, &filter) == ERR_TOO_LONG);
	own[all] = six[1];
	CHECK(ring_filter_build(links, 8, own, all + 1, 1, 1, &filter) == ERR_TOO_LONG);
	CHECK(ring_filter_build(links, 8, own, all, 2, 1, &filter) == ERR_RANGE);
}

int main(void)
{
	RUN(links_admitted, "packets of the admitted links are recorded, of others not");
	RUN(own_connections, "the appliance's own TCP connections are cut right behind their headers");
	RUN(own_connections6,
	    "the appliance's own TCP connections over IPv6 are cut, too, by all 128 bits of the address");
	RUN(address_unknown,
	    "before it has an address, connections to its reserved ports are cut, whatever the address");
	RUN(all_else_whole,
	    "other ports, addresses, protocols, hosts, tagged frames and later fragments are recorded whole");
	RUN(short_packets, "a packet cut anywhere in its headers is recorded whole, never dropped");
	RUN(nothing_lost, "no packet, however damaged, is dropped by the filter");
	RUN(limits, "eight links, forty IPv4 and twenty IPv6 addresses fit, more are refused");
	return check_done();
}
