/* ntp: a client of up to four SNTP servers: how far a local clock is off, and how wrong that may be. Pure:
 * the caller sends, receives, reads the clock and gives the random bits.
 *
 * Local times are nanoseconds of a clock that nobody sets or slews (CLOCK_MONOTONIC_RAW), so what was
 * measured stays true while the clock that is kept is being corrected. An offset is what is to be added to
 * that local time to have the time since 1970.
 *
 * - Each request has 64 fresh random bits; one is outstanding for a server, and one answer to it is taken
 *   (ntp_wire). Requests: four at the start, the second after a quarter of a second, the others two seconds
 *   apart; then one in 64 s, growing to 256 s, each up to an eighth early.
 * - Delay filter: of the last eight answers of a server the one with the least error bound now speaks for it:
 *   delay/2 + root delay/2 + root dispersion, and PHI (15 ppm) for each second of its age.
 * - An answer that what the server said before excludes is a spike. It is believed when NTP_CONFIRM in a row
 *   agree with each other; until then the server is asked every two seconds, four times; so is one that
 * answers for the first time.
 * - One or two servers: the first that answers. More: the first of a majority of all whose bounds meet.
 * - RATE: asked half as often from then on, at least once in 1024 s. DENY, RSTR: once in a day.
 *
 * Sources: RFC 5905 (sections 8 and 10), RFC 4330 (sections 5, 8 and 10), RFC 8633.
 */
#ifndef SEALTAP_NET_NTP_H
#define SEALTAP_NET_NTP_H

#include "base/ip.h"
#include "net/ntp_wire.h"

#define NTP_SERVERS 4
#define NTP_SAMPLES 8
#define NTP_CONFIRM 4
#define NTP_PHI_PPM 15
/* Requests without a usable answer, one after the other, that make a server a silent one. */
#define NTP_SILENCE 4

enum ntp_event {
	NTP_NOTHING,
	NTP_SAMPLE,  /* a usable answer: ntp_best() may know more */
	NTP_SPIKE,   /* one that is not believed yet */
	NTP_JUMPED,  /* NTP_CONFIRM of them agree: what the server said before is forgotten */
	NTP_KISS,    /* it asks for less: server.refused is ERR_THROTTLED or ERR_DENIED */
	NTP_REFUSED, /* no usable answer: server.refused says why; another one may still come */
	NTP_SILENT,  /* it became a silent one */
};

struct ntp_sample {
	uint64_t at_ns;    /* local */
	int64_t offset_ns; /* time since 1970 less local time */
	uint64_t delay_ns; /* to the server and back */
	uint64_t error_ns; /* bound, when it was taken */
	uint8_t stratum, leap;
};

struct ntp_server {
	struct ip addr;
	uint64_t nonce; /* of the request that is outstanding; 0: none */
	uint64_t sent_ns, due_ns, again_ns;
	uint32_t quick;            /* further requests that follow at short distance */
	uint32_t poll, poll_least; /* log2 of seconds */
	uint32_t taken;            /* usable answers since poll changed */
	uint32_t misses;           /* requests in a row without a usable answer */
	struct ntp_sample sample[NTP_SAMPLES];
	uint32_t count, next;
	uint32_t agreeing; /* samples in a row that the one before did not exclude; stops at 255 */
	struct ntp_sample suspect[NTP_CONFIRM];
	uint32_t suspects;
	struct ntp_sample base; /* from which the local clock's drift is measured */
	enum err refused;       /* why the last answer was of no use */
};

struct ntp {
	struct ntp_server server[NTP_SERVERS];
	uint32_t count;
	uint64_t built_ns; /* since 1970: no server may show an earlier time */
	int64_t drift_ppb; /* what the local clock loses */
	bool has_drift;
};

struct ntp_estimate {
	uint32_t server;
	int64_t offset_ns;
	uint64_t error_ns; /* bound */
	uint64_t delay_ns;
	uint32_t agreeing;
	uint8_t stratum, leap;
};

/* All servers are due at once. */
void ntp_start(struct ntp *n, const struct ip *addr, uint32_t count, uint64_t built_ns, uint64_t now_ns);
/* When to tick which server; UINT64_MAX: none is configured. */
uint64_t ntp_due_ns(const struct ntp *n, uint32_t *server);
/* Writes the server's next request; packet is empty and has NTP_PACKET_BYTES. nonce and random: fresh.
 * NTP_NOTHING or NTP_SILENT. */
enum ntp_event ntp_tick(struct ntp *n, uint32_t server, uint64_t now_ns, uint64_t nonce, uint64_t random,
			struct buf *packet) MUST_USE;
/* A datagram that came from the server's address. now_ns: when it arrived. */
enum ntp_event ntp_receive(struct ntp *n, uint32_t server, uint64_t now_ns, struct span datagram) MUST_USE;
/* What the servers say now. ERR_NOT_FOUND: none has said anything, or too long ago. ERR_CONFLICT: three or
 * more are configured, and no majority of them agrees. */
enum err ntp_best(const struct ntp *n, uint64_t now_ns, struct ntp_estimate *e) MUST_USE;
/* Each server that is not silent has said something. */
bool ntp_complete(const struct ntp *n);

#endif
