#include "record/headers.h"

#include "check.h"
#include "noise.h"
#include "packets.h"

#define FROM 0xc6120a01u
#define TO 0xc6120b02u
#define PAYLOAD 300

static uint8_t bytes[2048];
static struct headers h;

/* Reads what was put, with a payload behind it. */
static enum err read_all(struct buf *b)
{
	buf_fill(b, 'p', PAYLOAD);
	CHECK(!buf_err(b));
	return headers_read(buf_span(b), &h);
}

static void tcp_and_udp(void)
{
	for (uint8_t words = 5; words <= 15; words++) {
		struct buf b = BUF_OF(bytes);
		put_ipv4(&b, 6, FROM, TO, 0);
		put_tcp(&b, 1000, 443, words, words % 2 ? 2 : 16);
		CHECK(!read_all(&b) && h.len == 2 + 20 + words * 4u && h.has_ports);
		CHECK(h.from_port == 1000 && h.to_port == 443 && h.protocol == 6 && h.syn == (words % 2));
		CHECK(h.has_addresses && ip_to_v4(&h.from) == FROM && ip_to_v4(&h.to) == TO);
	}
	struct buf b = BUF_OF(bytes);
	put_ipv4(&b, 17, FROM, TO, 0x12344000);
	put_udp(&b, 53, 5353);
	CHECK(!read_all(&b) && h.len == 30 && h.from_port == 53 && h.to_port == 5353 && !h.syn);
	bytes[2] = 0x4f; /* options: 40 bytes more, so that the ports are read behind them */
	CHECK(!headers_read(buf_span(&b), &h) && h.len == 2 + 60 + 8 && h.from_port == 'p' * 257);
}

static void tags(void)
{
	static const uint16_t kinds[] = {0x8100, 0x88a8};
	for (unsigned n = 0; n <= HEADERS_TAGS + 1; n++) {
		struct buf b = BUF_OF(bytes);
		for (unsigned i = 0; i < n; i++) {
			buf_be16(&b, kinds[i % 2]);
			buf_be16(&b, (uint16_t)(i + 1));
		}
		put_ipv4(&b, 17, FROM, TO, 0);
		put_udp(&b, 1, 2);
		CHECK(read_all(&b) == (n <= HEADERS_TAGS ? ERR_OK : ERR_SYNTAX));
		CHECK(n > HEADERS_TAGS || h.len == 4 * n + 30);
	}
}

static void fragments(void)
{
	struct buf b = BUF_OF(bytes);
	put_ipv4(&b, 17, FROM, TO, 0x00072000); /* the first: more to come */
	put_udp(&b, 1, 2);
	CHECK(!read_all(&b) && h.len == 30 && h.has_ports);
	b = BUF_OF(bytes);
	put_ipv4(&b, 17, FROM, TO, 0x00072001);
	CHECK(!read_all(&b) && h.len == 22 && !h.has_ports && h.has_addresses);
	for (uint16_t offset = 0; offset <= 8; offset = (uint16_t)(offset + 8)) {
		b = BUF_OF(bytes);
		put_ipv6(&b, 44);
		buf_u8(&b, 17);
		buf_u8(&b, 0);
		buf_be16(&b, (uint16_t)(offset | 1));
		buf_be32(&b, 7);
		put_udp(&b, 1, 2);
		CHECK(!read_all(&b) && h.has_ports == !offset && h.len == 2 + 40 + 8 + (offset ? 0u : 8u));
	}
	/* a first fragment that ends in its TCP header is not understood */
	b = BUF_OF(bytes);
	put_ipv4(&b, 6, FROM, TO, 0x00072000);
	buf_be32(&b, 0x00010002);
	buf_be32(&b, 0);
	CHECK(headers_read(buf_span(&b), &h) == ERR_SYNTAX && h.has_addresses && !h.has_ports);
}

static void extensions(void)
{
	static const uint8_t kinds[] = {0, 60, 43, 135, 139, 140};
	for (uint8_t n = 0; n <= HEADERS_EXTENSIONS + 1; n++) {
		struct buf b = BUF_OF(bytes);
		put_ipv6(&b, n ? kinds[0] : 6);
		uint32_t len = 2 + 40;
		for (uint8_t i = 0; i < n; i++) {
			buf_u8(&b, i + 1 < n ? kinds[(i + 1) % 6] : 6);
			buf_u8(&b, i % 3);
			buf_fill(&b, 0, 6 + 8u * (i % 3));
			len += 8 + 8u * (i % 3);
		}
		put_tcp(&b, 7, 8, 6, 2);
		CHECK(read_all(&b) == (n <= HEADERS_EXTENSIONS ? ERR_OK : ERR_SYNTAX));
		CHECK(n > HEADERS_EXTENSIONS || (h.len == len + 24 && h.syn && h.to_port == 8));
	}
	struct buf b = BUF_OF(bytes);
	put_ipv6(&b, 51); /* authentication: (4 + 2) * 4 bytes */
	buf_be32(&b, 0x11040000);
	buf_fill(&b, 0, 20);
	put_udp(&b, 3, 4);
	CHECK(!read_all(&b) && h.len == 2 + 40 + 24 + 8 && h.from_port == 3);
}

static void icmp(void)
{
	static const struct {
		bool six;
		uint8_t type;
		uint32_t kept; /* of the transport, the embedded header's first byte being 0x46 */
	} row[] = {
		{false, 0, 8},   {false, 8, 8},   {false, 3, 8 + 24 + 8}, {false, 4, 40}, {false, 5, 40},
		{false, 11, 40}, {false, 12, 40}, {false, 200, 8},        {true, 128, 8}, {true, 129, 8},
		{true, 1, 40},   {true, 4, 40},   {true, 135, 8 + 64},    {true, 143, 8},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf b = BUF_OF(bytes);
		if (row[i].six)
			put_ipv6(&b, 58);
		else
			put_ipv4(&b, 1, FROM, TO, 0);
		uint32_t at = (uint32_t)b.len;
		buf_u8(&b, row[i].type);
		buf_fill(&b, 0, 7);
		buf_u8(&b, 0x46);
		CHECK(!read_all(&b) && h.len == at + row[i].kept && !h.has_ports && h.has_addresses);
		/* what it repeats is cut short */
		CHECK(!headers_read(span_of(bytes, at + 10), &h) && h.len <= at + 10 && h.len >= at + 8);
		CHECK(headers_read(span_of(bytes, at + 7), &h) == ERR_SYNTAX);
		bytes[at + 8] = 0x60; /* it repeats IPv6 */
		if (row[i].kept == 40)
			CHECK(!headers_read(buf_span(&b), &h) && h.len == at + 8 + 40 + 8);
	}
}

static void others(void)
{
	struct buf b = BUF_OF(bytes);
	put_ipv4(&b, 47, FROM, TO, 0);
	CHECK(!read_all(&b) && h.len == 22 + 8 && !h.has_ports);
	CHECK(!headers_read(span_of(bytes, 24), &h) && h.len == 24);
	b = BUF_OF(bytes);
	put_ipv4(&b, 132, FROM, TO, 0);
	put_udp(&b, 9, 10);
	CHECK(!read_all(&b) && h.len == 22 + 12 && h.to_port == 10);
	static const uint16_t types[] = {0x0806, 0x0000, 0x05dc, 0x8847, 0x9000, 0xffff};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		b = BUF_OF(bytes);
		buf_be16(&b, types[i]);
		CHECK(read_all(&b) == ERR_UNSUPPORTED && !h.has_addresses);
	}
}

static void contradictions(void)
{
	struct buf b = BUF_OF(bytes);
	put_ipv4(&b, 6, FROM, TO, 0);
	put_tcp(&b, 1, 2, 4, 0);
	CHECK(read_all(&b) == ERR_SYNTAX && h.has_addresses && !h.has_ports);
	b = BUF_OF(bytes);
	put_ipv4(&b, 6, FROM, TO, 0);
	put_tcp(&b, 1, 2, 15, 0);
	CHECK(headers_read(span_of(bytes, b.len - 1), &h) == ERR_SYNTAX);
	static const uint8_t first[] = {0x44, 0x55, 0x05, 0x60};
	for (size_t i = 0; i < sizeof(first); i++) {
		bytes[2] = first[i];
		CHECK(headers_read(buf_span(&b), &h) == ERR_SYNTAX);
	}
}

/* Every prefix of a packet, and noise: what is said to be headers is at hand. */
static void hostile(void)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct buf b = BUF_OF(bytes);
		if (round % 3)
			put_ipv4(&b, (uint8_t)noise_u64(), FROM, TO, 0);
		else
			put_ipv6(&b, (uint8_t)noise_u64());
		for (unsigned i = 0; i < 60; i++)
			buf_u8(&b, (uint8_t)noise_u64());
		bytes[noise_below(b.len)] = (uint8_t)noise_u64();
		size_t n = noise_below(b.len + 1);
		if (!headers_read(span_of(bytes, n), &h))
			CHECK(h.len >= 22 && h.len <= n);
	}
}

int main(void)
{
	RUN(tcp_and_udp, "TCP and UDP over IPv4: headers with all their options, addresses and ports");
	RUN(tags, "VLAN tags are headers, up to four of them");
	RUN(fragments, "a later fragment has a network header alone");
	RUN(extensions, "IPv6 extension headers are headers, up to eight of them");
	RUN(icmp, "ICMP errors keep the header of the packet that they are about, others eight bytes");
	RUN(others, "of a transport that is not known eight bytes are kept; what is not IP is not read");
	RUN(contradictions, "headers that contradict themselves or are cut short are refused");
	RUN(hostile, "whatever comes, headers end within the packet");
	return check_done();
}
