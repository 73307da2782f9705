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

#endif
