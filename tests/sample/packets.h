/* packets: the traffic in the sample: one client behind the appliance pings, asks for a name and fetches a
 * page.
 *
 * As the appliance sees it: requests arrive on its inside interface, answers, still addressed to its outside
 * address, on the outside one. All addresses are for documentation (RFC 5737, RFC 7042); names too (RFC
 * 2606). Frames are built into a buf, one after the other.
 */
#ifndef SEALTAP_TESTS_SAMPLE_PACKETS_H
#define SEALTAP_TESTS_SAMPLE_PACKETS_H

#include "base/buf.h"

#define SAMPLE_OUTSIDE 0u
#define SAMPLE_INSIDE 1u
#define SAMPLE_CLIENT 0xc000020au    /* 192.0.2.10 */
#define SAMPLE_APPLIANCE 0xcb007105u /* 203.0.113.5 */
#define SAMPLE_SERVER 0xc6336414u    /* 198.51.100.20 */
#define SAMPLE_RESOLVER 0xc6336435u  /* 198.51.100.53 */

enum { SAMPLE_ICMP = 1, SAMPLE_TCP = 6, SAMPLE_UDP = 17 };
enum { SAMPLE_FIN = 1, SAMPLE_SYN = 2, SAMPLE_PSH = 8, SAMPLE_ACK = 16 };

static inline uint32_t sample_sum(uint32_t sum, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		sum += i % 2 ? s.p[i] : (uint32_t)s.p[i] << 8;
	return sum;
}

static inline uint16_t sample_checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void sample_store16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ethernet and IPv4 in front of a payload whose checksum field stands at `at` (ICMP: without pseudo-header).
 */
static inline struct span sample_ip(struct buf *b, uint32_t from, uint32_t to, uint8_t protocol,
				    uint8_t *payload, size_t len, size_t at)
{
	static const uint8_t macs[2][12] = {
		{0x00, 0x00, 0x5e, 0x00, 0x53, 0x05, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01},
		{0x00, 0x00, 0x5e, 0x00, 0x53, 0x06, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x0a}};
	uint32_t pseudo =
		(from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + protocol + (uint32_t)len;
	sample_store16(payload + at, sample_checksum(sample_sum(protocol == SAMPLE_ICMP ? 0 : pseudo,
								span_of(payload, len))));
	size_t start = b->len;
	buf_put(b, span_of(macs[from == SAMPLE_CLIENT], 12));
	buf_be16(b, 0x0800);
	size_t ip = b->len;
	buf_be16(b, 0x4500);
	buf_be16(b, (uint16_t)(20 + len));
	buf_be32(b, 0x00004000); /* identification 0, do not fragment */
	buf_u8(b, from == SAMPLE_CLIENT ? 64 : 57);
	buf_u8(b, protocol);
	buf_be16(b, 0);
	buf_be32(b, from);
	buf_be32(b, to);
	sample_store16(b->p + ip + 10, sample_checksum(sample_sum(0, span_from(buf_span(b), ip))));
	buf_put(b, span_of(payload, len));
	return span_from(buf_span(b), start);
}

static inline struct span sample_ping(struct buf *b, bool reply, uint16_t seq)
{
	uint8_t text[64];
	struct buf p = BUF_OF(text);
	buf_be16(&p, reply ? 0 : 0x0800);
	buf_be16(&p, 0);
	buf_be16(&p, 0x5ea1);
	buf_be16(&p, seq);
	for (uint8_t i = 0; i < 48; i++)
		buf_u8(&p, (uint8_t)(0x10 + i));
	return reply ? sample_ip(b, SAMPLE_SERVER, SAMPLE_APPLIANCE, SAMPLE_ICMP, text, p.len, 2)
		     : sample_ip(b, SAMPLE_CLIENT, SAMPLE_SERVER, SAMPLE_ICMP, text, p.len, 2);
}

static inline struct span sample_dns(struct buf *b, bool reply)
{
	uint8_t text[128];
	struct buf p = BUF_OF(text);
	buf_be16(&p, reply ? 53 : 40053);
	buf_be16(&p, reply ? 40053 : 53);
	buf_be16(&p, (uint16_t)(8 + 12 + 21 + (reply ? 16 : 0)));
	buf_be16(&p, 0);
	buf_be16(&p, 0x1d0c);
	buf_be16(&p, reply ? 0x8180 : 0x0100);
	buf_be16(&p, 1);
	buf_be16(&p, reply);
	buf_be32(&p, 0);
	buf_put(&p, SPAN("\3www\7example\3com\0")); /* the literal's own end is not counted: 17 bytes */
	buf_be32(&p, 0x00010001);
	if (reply) {
		buf_be16(&p, 0xc00c);
		buf_be32(&p, 0x00010001);
		buf_be32(&p, 300);
		buf_be16(&p, 4);
		buf_be32(&p, SAMPLE_SERVER);
	}
	return reply ? sample_ip(b, SAMPLE_RESOLVER, SAMPLE_APPLIANCE, SAMPLE_UDP, text, p.len, 6)
		     : sample_ip(b, SAMPLE_CLIENT, SAMPLE_RESOLVER, SAMPLE_UDP, text, p.len, 6);
}

static inline struct span sample_tcp(struct buf *b, bool reply, uint32_t seq, uint32_t ack, uint8_t flags,
				     struct span data)
{
	uint8_t text[1480];
	struct buf p = BUF_OF(text);
	buf_be16(&p, reply ? 80 : 43210);
	buf_be16(&p, reply ? 43210 : 80);
	buf_be32(&p, seq);
	buf_be32(&p, ack);
	buf_u8(&p, 5 << 4);
	buf_u8(&p, flags);
	buf_be16(&p, 0xfaf0);
	buf_be32(&p, 0);
	buf_put(&p, data);
	return reply ? sample_ip(b, SAMPLE_SERVER, SAMPLE_APPLIANCE, SAMPLE_TCP, text, p.len, 16)
		     : sample_ip(b, SAMPLE_CLIENT, SAMPLE_SERVER, SAMPLE_TCP, text, p.len, 16);
}

#endif
