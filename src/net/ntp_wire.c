/* Both ways 48 bytes, big-endian:
 *
 *   0  leap indicator (2 bits), version (3), mode (3)      1  stratum      2  poll      3  precision
 *   4  root delay, seconds << 16                           8  root dispersion, seconds << 16
 *  12  reference id; of stratum 0 the kiss code in ASCII  16  reference timestamp
 *  24  origin timestamp                                   32  receive timestamp
 *  40  transmit timestamp
 *
 * A timestamp is seconds since 1900 modulo 2^32, then the fraction << 32. */
#include "net/ntp_wire.h"

#include "base/time.h"

#define VERSION 4
#define MODE_CLIENT 3
#define MODE_SERVER 4
#define LEAP_UNKNOWN 3
#define STRATUM_MAX 15
#define SECONDS_1900_TO_1970 2208988800u
#define YEARS_MAX (20 * 366 * 86400 * NS_PER_S)

void ntp_wire_request(struct buf *b, uint64_t nonce)
{
	buf_u8(b, VERSION << 3 | MODE_CLIENT);
	buf_fill(b, 0, 39);
	buf_be64(b, nonce);
}

static uint64_t fraction_ns(uint32_t fraction)
{
	return (uint64_t)fraction * NS_PER_S >> 32;
}

static uint64_t short_ns(const uint8_t *p)
{
	return (uint64_t)load_be32(p) * NS_PER_S >> 16;
}

static bool read_time(const uint8_t *p, uint64_t built_ns, uint64_t *ns)
{
	uint32_t near_s = (uint32_t)(built_ns / NS_PER_S);
	uint32_t unix_s = load_be32(p) - SECONDS_1900_TO_1970;
	int64_t s = (int64_t)(built_ns / NS_PER_S) + (int32_t)(unix_s - near_s);
	if (load_be64(p) == 0 || s < 0)
		return false;
	*ns = (uint64_t)s * NS_PER_S + fraction_ns(load_be32(p + 4));
	return true;
}

static enum err kiss(struct span code)
{
	if (span_eq(code, SPAN("RATE")))
		return ERR_THROTTLED;
	if (span_eq(code, SPAN("DENY")) || span_eq(code, SPAN("RSTR")))
		return ERR_DENIED;
	return ERR_SERVICE;
}

enum err ntp_wire_read(struct span d, uint64_t nonce, uint64_t built_ns, struct ntp_answer *a)
{
	if (d.len < NTP_PACKET_BYTES)
		return ERR_TRUNCATED;
	unsigned version = d.p[0] >> 3 & 7;
	if ((d.p[0] & 7) != MODE_SERVER)
		return ERR_PROTOCOL;
	if (version != VERSION && version != VERSION - 1)
		return ERR_UNSUPPORTED;
	/* before anything is believed, a kiss too: it would silence the client */
	if (load_be64(d.p + 24) != nonce)
		return ERR_AUTH;
	*a = (struct ntp_answer){
		.leap = d.p[0] >> 6,
		.stratum = d.p[1],
		.root_delay_ns = short_ns(d.p + 4),
		.root_dispersion_ns = short_ns(d.p + 8),
	};
	if (a->stratum == 0)
		return kiss(span_of(d.p + 12, 4));
	if (a->leap == LEAP_UNKNOWN)
		return ERR_SERVICE;
	if (a->stratum > STRATUM_MAX || a->root_delay_ns >= NTP_ROOT_MAX_NS ||
	    a->root_dispersion_ns >= NTP_ROOT_MAX_NS)
		return ERR_RANGE;
	if (!read_time(d.p + 32, built_ns, &a->received_ns) || !read_time(d.p + 40, built_ns, &a->sent_ns) ||
	    a->sent_ns < a->received_ns)
		return ERR_RANGE;
	if (a->received_ns < built_ns)
		return ERR_CLOCK;
	return a->sent_ns - built_ns > YEARS_MAX ? ERR_RANGE : ERR_OK;
}
