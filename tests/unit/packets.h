/* packets: frames for the tests of what is kept of them, made by hand from the EtherType on. */
#ifndef SEALTAP_TESTS_PACKETS_H
#define SEALTAP_TESTS_PACKETS_H

#include "base/buf.h"

/* IPv4 without options. id_flags: identification, flags and offset. */
static inline void put_ipv4(struct buf *b, uint8_t protocol, uint32_t from, uint32_t to, uint32_t id_flags)
{
	buf_be16(b, 0x0800);
	buf_be32(b, 0x45000000);
	buf_be32(b, id_flags);
	buf_be32(b, 0x40000000u | (uint32_t)protocol << 16);
	buf_be32(b, from);
	buf_be32(b, to);
}

/* words: of the header, 5..15; flags: 2 SYN, 16 ACK */
static inline void put_tcp(struct buf *b, uint16_t from, uint16_t to, uint8_t words, uint8_t flags)
{
	buf_be16(b, from);
	buf_be16(b, to);
	buf_fill(b, 0, 8);
	buf_u8(b, (uint8_t)(words << 4));
	buf_u8(b, flags);
	buf_fill(b, 0, 6);
	buf_fill(b, 1, words > 5 ? 4u * (words - 5) : 0);
}

static inline void put_udp(struct buf *b, uint16_t from, uint16_t to)
{
	buf_be16(b, from);
	buf_be16(b, to);
	buf_fill(b, 0, 4);
}

/* next: the first header behind it */
static inline void put_ipv6(struct buf *b, uint8_t next)
{
	buf_be16(b, 0x86dd);
	buf_be32(b, 0x60000000);
	buf_be16(b, 0);
	buf_u8(b, next);
	buf_u8(b, 64);
	buf_fill(b, 0x20, 16);
	buf_fill(b, 0x30, 16);
}

#endif
