#include "net/dns_cache.h"

#include <string.h>

#include "base/time.h"

static struct dns_known *find(struct dns_cache *c, const char *host, enum dns_type type)
{
	for (size_t i = 0; i < DNS_CACHE_NAMES; i++)
		if (c->known[i].type == type && strcmp(c->known[i].host, host) == 0)
			return &c->known[i];
	return NULL;
}

const struct dns_known *dns_cache_fresh(struct dns_cache *c, const char *host, enum dns_type type,
					uint64_t now_ns)
{
	const struct dns_known *k = find(c, host, type);
	return k && now_ns < k->fresh_until_ns ? k : NULL;
}

const struct dns_known *dns_cache_stale(struct dns_cache *c, const char *host, enum dns_type type,
					uint64_t now_ns, bool use)
{
	struct dns_known *k = find(c, host, type);
	if (!k || !k->count || now_ns >= k->usable_until_ns)
		return NULL;
	if (use)
		k->fresh_until_ns = now_ns + DNS_STALE_FRESH_S * NS_PER_S;
	return k;
}

void dns_cache_put(struct dns_cache *c, const char *host, enum dns_type type, const struct dns_answer *a,
		   uint64_t now_ns)
{
	struct dns_known *k = find(c, host, type);
	size_t len = strlen(host);
	ASSERT(len < sizeof(k->host));
	if (!k) {
		k = &c->known[0];
		for (size_t i = 1; i < DNS_CACHE_NAMES; i++)
			if (c->known[i].usable_until_ns < k->usable_until_ns)
				k = &c->known[i];
	}
	uint32_t max_s = a->count ? DNS_TTL_MAX_S : DNS_ABSENT_MAX_S;
	uint32_t ttl_s = a->ttl_s < max_s ? a->ttl_s : max_s;
	memcpy(k->host, host, len + 1);
	k->type = type;
	k->fresh_until_ns = now_ns + ttl_s * NS_PER_S;
	k->usable_until_ns = k->fresh_until_ns + (a->count ? DNS_STALE_MAX_S * NS_PER_S : 0);
	k->count = a->count;
	memcpy(k->addr, a->addr, sizeof(k->addr));
}

void dns_cache_age(struct dns_cache *c)
{
	for (size_t i = 0; i < DNS_CACHE_NAMES; i++)
		c->known[i].fresh_until_ns = 0;
}
