/* ntp_wire: one NTP request and one answer as they are on the wire. Pure.
 *
 * The request carries nothing of this machine: all zero but version, mode and 64 random bits where a client's
 * transmit timestamp would stand. The server repeats them as the origin timestamp, so an answer that was made
 * without seeing the request, or was sent before, does not fit. Authentication is not read: what follows the
 * 48 bytes is left alone. Sources: RFC 5905 sections 7.3 and 7.4, RFC 4330 section 5,
 * draft-ietf-ntp-data-minimization-04.
 */
#ifndef SEALTAP_NET_NTP_WIRE_H
#define SEALTAP_NET_NTP_WIRE_H

#include "base/buf.h"

#define NTP_PORT 123
#define NTP_PACKET_BYTES 48
/* Further away from true time than this no server is any use. */
#define NTP_ROOT_MAX_NS 1000000000ull

struct ntp_answer {
	uint8_t leap;    /* 0..2; 1, 2: the day ends in an inserted or a dropped second */
	uint8_t stratum; /* 1..15 */
	uint64_t root_delay_ns, root_dispersion_ns; /* from the server to its primary source */
	uint64_t received_ns, sent_ns;              /* by the server's clock, since 1970 */
};

void ntp_wire_request(struct buf *b, uint64_t nonce);
/* An answer to the request with this nonce. built_ns: since 1970; times within 68 years of it are told apart,
 * in 2036 and later too. ERR_TRUNCATED; ERR_PROTOCOL: no server's answer; ERR_UNSUPPORTED: another version;
 * ERR_AUTH: to another request, or to none; ERR_THROTTLED (RATE), ERR_DENIED (DENY, RSTR): a kiss-o'-death;
 * ERR_SERVICE: another one, or the server is not synchronised itself; ERR_CLOCK: earlier than built_ns;
 * ERR_RANGE: a field out of its range, or more than 20 years later. */
enum err ntp_wire_read(struct span datagram, uint64_t nonce, uint64_t built_ns, struct ntp_answer *a)
	MUST_USE;

#endif
