#include "net/dns_cache.h"

#include "check.h"

#define S 1000000000ull
#define NOW (1000 * S)
#define DAY_S 86400

static struct dns_cache cache;

static void put(const char *host, enum dns_type type, uint32_t count, uint32_t ttl_s, uint64_t now_ns)
{
	struct dns_answer a = {.count = count, .ttl_s = ttl_s};
	for (uint32_t i = 0; i < count; i++)
		a.addr[i] = ip_from_v4(0xc6120000 + i);
	dns_cache_put(&cache, host, type, &a, now_ns);
}

static bool fresh(const char *host, uint64_t at_s)
{
	return dns_cache_fresh(&cache, host, DNS_A, at_s * S) != NULL;
}

static bool stale(const char *host, uint64_t at_s, bool use)
{
	return dns_cache_stale(&cache, host, DNS_A, at_s * S, use) != NULL;
}

static void remembers(void)
{
	cache = (struct dns_cache){0};
	CHECK(!fresh("a", 1000) && !fresh("", 0) && !stale("a", 1000, true));
	put("a", DNS_A, 2, 60, NOW);
	const struct dns_known *k = dns_cache_fresh(&cache, "a", DNS_A, NOW);
	CHECK(k && k->count == 2 && ip_to_v4(&k->addr[1]) == 0xc6120001);
	CHECK(fresh("a", 1059) && !fresh("a", 1060) && !fresh("b", 1000));
	CHECK(!dns_cache_fresh(&cache, "a", DNS_AAAA, NOW));
	put("a", DNS_AAAA, 1, 10, NOW);
	CHECK(dns_cache_fresh(&cache, "a", DNS_AAAA, NOW)->count == 1 && fresh("a", 1059));
	put("a", DNS_A, 1, DNS_TTL_MAX_S + 1, NOW);
	CHECK(fresh("a", 1000 + DNS_TTL_MAX_S - 1) && !fresh("a", 1000 + DNS_TTL_MAX_S));
	put("a", DNS_A, 1, 0, NOW);
	CHECK(!fresh("a", 1000));
}

static void remembers_absence(void)
{
	cache = (struct dns_cache){0};
	put("a", DNS_A, 0, 300, NOW);
	CHECK(dns_cache_fresh(&cache, "a", DNS_A, NOW)->count == 0);
	CHECK(fresh("a", 1004) && !fresh("a", 1005) && !stale("a", 1005, false));
	put("a", DNS_A, 0, 0, NOW);
	CHECK(!fresh("a", 1000));
	/* what there was is gone */
	put("a", DNS_A, 1, 10, NOW);
	put("a", DNS_A, 0, 300, NOW + 20 * S);
	CHECK(!stale("a", 1030, false));
}

static void serves_when_stale(void)
{
	cache = (struct dns_cache){0};
	put("a", DNS_A, 1, 0, NOW);
	CHECK(stale("a", 1000, false) && stale("a", 1000 + DAY_S - 1, false) &&
	      !stale("a", 1000 + DAY_S, true));
	CHECK(!fresh("a", 1000));
	CHECK(stale("a", 2000, true) && fresh("a", 2029) && !fresh("a", 2030));
	/* using it makes it no younger */
	CHECK(!stale("a", 1000 + DAY_S, true));
	put("a", DNS_A, 1, 500, NOW);
	dns_cache_age(&cache);
	CHECK(!fresh("a", 1000) && stale("a", 1000, false));
}

static void makes_room(void)
{
	char name[] = "n0";
	cache = (struct dns_cache){0};
	for (char i = 0; i < DNS_CACHE_NAMES; i++) {
		name[1] = (char)('0' + i);
		put(name, DNS_A, 1, i == 3 ? 10u : 100u, NOW);
	}
	put("other", DNS_A, 1, 60, NOW);
	CHECK(fresh("other", 1001) && !fresh("n3", 1001) && fresh("n0", 1001) && fresh("n?", 1001));
}

int main(void)
{
	RUN(remembers, "names: an answer is remembered by name and family for its TTL, at most an hour");
	RUN(remembers_absence, "names: that there is no address is remembered for five seconds at most");
	RUN(serves_when_stale,
	    "names: an older answer is of use for a day, and is not asked for again for 30 s");
	RUN(makes_room, "names: a new name takes the place of the one that is of use for the shortest time");
	return check_done();
}
