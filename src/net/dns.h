/* dns: a stub resolver without I/O: writes one question for a host's IPv4 addresses, reads the answer (RFC
 * 1035).
 *
 * Over UDP, 512 bytes, no extensions. A cut answer (TC) is ERR_TRUNCATED: there is no TCP. Follows the CNAMEs
 * within the answer. The caller chooses the id at random, sends from a random port and takes answers from the
 * asked server alone. Addresses are IPv4 in host order.
 */
#ifndef SEALTAP_NET_DNS_H
#define SEALTAP_NET_DNS_H

#include "base/buf.h"

#define DNS_PORT 53
#define DNS_PACKET_MAX 512
#define DNS_MAX_ADDRS 8

struct dns_answer {
	uint32_t count;
	uint32_t addr[DNS_MAX_ADDRS]; /* further ones are left out */
	uint32_t ttl_s;               /* the shortest of the chain */
};

/* host: letters, digits, '-', '_' and dots; a dot at the end is ignored. ERR_SYNTAX, ERR_TOO_LONG. b has
 * DNS_PACKET_MAX bytes. */
enum err dns_query(struct buf *b, uint16_t id, struct span host) MUST_USE;

/* ERR_MORE: it answers another question; go on waiting. Final otherwise: ERR_NOT_FOUND (no such name, or it
 * has no IPv4 address), ERR_SERVICE (the server failed), ERR_REFUSED, ERR_PROTOCOL (the server does not
 * understand the question), ERR_TRUNCATED, ERR_SYNTAX. */
enum err dns_read(struct span packet, uint16_t id, struct span host, struct dns_answer *out) MUST_USE;

#endif
