/* dns_cache: the answers that a resolver remembers, by name and family.
 *
 * An answer is fresh for its TTL, at most an hour; that there is no address, at most 5 s (RFC 2308). One with
 * addresses is kept a day longer: where no server answers, it is better than none (RFC 8767), and having been
 * used so it counts as fresh for 30 s, so that servers in trouble are not asked each time (its section 5).
 * Times are monotonic nanoseconds. Names are compared byte by byte.
 */
#ifndef SEALTAP_NET_DNS_CACHE_H
#define SEALTAP_NET_DNS_CACHE_H

#include "net/dns.h"

#define DNS_CACHE_NAMES 16
#define DNS_TTL_MAX_S 3600u
#define DNS_ABSENT_MAX_S 5u
#define DNS_STALE_MAX_S 86400u
#define DNS_STALE_FRESH_S 30u

struct dns_known {
	char host[256]; /* empty: unused */
	enum dns_type type;
	uint64_t fresh_until_ns, usable_until_ns;
	uint32_t count; /* 0: it has none */
	struct ip addr[DNS_MAX_ADDRS];
};

/* Zeroed: empty. */
struct dns_cache {
	struct dns_known known[DNS_CACHE_NAMES];
};

/* NULL: not known, or no longer fresh. Valid until the next change of c. */
const struct dns_known *dns_cache_fresh(struct dns_cache *c, const char *host, enum dns_type type,
					uint64_t now_ns);
/* The same for addresses past their time; they count as fresh when `use`. */
const struct dns_known *dns_cache_stale(struct dns_cache *c, const char *host, enum dns_type type,
					uint64_t now_ns, bool use);
/* In the place of the same, or of what is of use for the shortest time. a->count 0: there is none. host is
 * shorter than 256. */
void dns_cache_put(struct dns_cache *c, const char *host, enum dns_type type, const struct dns_answer *a,
		   uint64_t now_ns);
/* Nothing is fresh any more; addresses stay as stale ones. */
void dns_cache_age(struct dns_cache *c);

#endif
