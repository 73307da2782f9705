/* ip: an address of either family, the one type for what the appliance itself talks to.
 *
 * 16 bytes in network order; an IPv4 address is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
 */
#ifndef SEALTAP_BASE_IP_H
#define SEALTAP_BASE_IP_H

#include "base/buf.h"

struct ip {
	uint8_t bytes[16];
};

/* addr: host order */
struct ip ip_from_v4(uint32_t addr);
bool ip_is_v4(const struct ip *a);
/* Host order. Traps when it is none. */
uint32_t ip_to_v4(const struct ip *a);
bool ip_eq(const struct ip *a, const struct ip *b);
/* Dotted decimal, or RFC 5952: at most 39 characters. */
void ip_text(struct buf *b, const struct ip *a);
/* Either family: dotted decimal, or RFC 4291 section 2.2 without a zone and without dotted decimal at the
 * end. ERR_SYNTAX, ERR_RANGE. */
enum err ip_read(struct span s, struct ip *a) MUST_USE;

/* A network: the first prefix_len bits of addr, the others are zero. An IPv4 prefix is 96 bits longer here
 * than as it is written: 10.0.0.0/8 has 104. */
struct ip_net {
	struct ip addr;
	uint32_t prefix_len; /* 0..128 */
};

/* ADDRESS/LENGTH, or an address alone: a network of one. Bits behind the prefix are ERR_RANGE: whoever writes
 * them may mean another network. */
enum err ip_net_read(struct span s, struct ip_net *n) MUST_USE;
void ip_net_text(struct buf *b, const struct ip_net *n);
bool ip_net_has(const struct ip_net *n, const struct ip *a);
bool ip_net_is_v4(const struct ip_net *n);

#endif
