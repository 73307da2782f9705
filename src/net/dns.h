/* dns: a stub resolver without I/O: writes one question for a host's addresses of one family, reads the
 * answer (RFC 1035, RFC 3596).
 *
 * Over UDP, 512 bytes, no extensions. A cut answer (TC) is ERR_TRUNCATED: ask the same server over TCP, where
 * two bytes of length stand before each message (RFC 1035 section 4.2.2, RFC 7766 section 8) and answers of
 * up to DNS_TCP_MAX bytes are read. Follows the CNAMEs within the answer. The caller chooses the id at
 * random, sends from a random port and takes answers from the asked server alone.
 */
#ifndef SEALTAP_NET_DNS_H
#define SEALTAP_NET_DNS_H

#include "base/ip.h"

#define DNS_PORT 53
#define DNS_PACKET_MAX 512
#define DNS_TCP_MAX 4096
#define DNS_MAX_ADDRS 8

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

struct dns_answer {
	uint32_t count;
	struct ip addr[DNS_MAX_ADDRS]; /* of the family asked for; further ones are left out */
	/* how long it may be remembered: the shortest of the chain; for ERR_NOT_FOUND as the zone's SOA says
	 * (RFC 2308 section 5), 0 without one */
	uint32_t ttl_s;
};

/* host: letters, digits, '-', '_' and dots; a dot at the end is ignored. ERR_SYNTAX, ERR_TOO_LONG. b has
 * DNS_PACKET_MAX bytes. */
enum err dns_query(struct buf *b, uint16_t id, struct span host, enum dns_type type) MUST_USE;

/* ERR_MORE: it answers another question; go on waiting. Final otherwise: ERR_NOT_FOUND (no such name, or it
 * has no address of that family), ERR_SERVICE (the server failed), ERR_REFUSED, ERR_PROTOCOL (the server does
 * not understand the question), ERR_TRUNCATED, ERR_SYNTAX. */
enum err dns_read(struct span packet, uint16_t id, struct span host, enum dns_type type,
		  struct dns_answer *out) MUST_USE;

/* The messages of a TCP connection, one after the other; zeroed at its beginning. */
struct dns_tcp {
	size_t len; /* bytes held, those of the length included */
	uint8_t bytes[2 + DNS_TCP_MAX];
};

/* The same question with its length before it. b has 2 + DNS_PACKET_MAX bytes. */
enum err dns_tcp_query(struct buf *b, uint16_t id, struct span host, enum dns_type type) MUST_USE;
/* Takes bytes from in's front. ERR_OK: *packet is a whole message, within t until the next call; in may hold
 * the beginning of the next one. ERR_MORE: in is used up. ERR_TOO_LONG: longer than DNS_TCP_MAX; the
 * connection is of no more use. */
enum err dns_tcp_feed(struct dns_tcp *t, struct span *in, struct span *packet) MUST_USE;

#endif
