/* dhcp_datagram: what a DHCP server's datagram is wrapped in, for tests. Sources: RFC 791, RFC 768. */
#ifndef SEALTAP_TESTS_DHCP_DATAGRAM_H
#define SEALTAP_TESTS_DHCP_DATAGRAM_H

#include "base/buf.h"

static const uint8_t MAC[6] = {2, 0, 0, 0, 0, 1};

/* IPv4 and UDP headers from 198.18.0.1, port 67, to all, port 68; lengths and sums are for dhcp_seal. */
#define DHCP_HEADS "\x45\0\0\0\0\0\0\0\x40\x11\0\0\xc6\x12\0\1\xff\xff\xff\xff\0\x43\0\x44\0\0\0\0"

static inline void dhcp_put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint16_t dhcp_checksum(const uint8_t *p, size_t len, size_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (size_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Sets the lengths and checksums of both headers. */
static inline void dhcp_seal(uint8_t *p, size_t len)
{
	size_t udp = len - 20, pseudo = 17 + udp;
	for (size_t i = 12; i < 20; i += 2)
		pseudo += load_be16(p + i);
	dhcp_put16(p + 2, len);
	dhcp_put16(p + 10, 0);
	dhcp_put16(p + 10, dhcp_checksum(p, 20, 0));
	dhcp_put16(p + 24, udp);
	dhcp_put16(p + 26, 0);
	dhcp_put16(p + 26, dhcp_checksum(p + 20, udp, pseudo));
}

#endif
