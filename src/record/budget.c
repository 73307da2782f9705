#include "record/budget.h"

#include <string.h>

#include "base/time.h"

#define DAY_NS (86400 * NS_PER_S)
#define HOUR_NS (3600 * NS_PER_S)
#define HEADERS_SHARE 4

void budget_init(struct budget *b, uint64_t limit_bytes, bool to_the_end,
		 const uint8_t key[SIPHASH_KEY_BYTES])
{
	ASSERT(limit_bytes);
	b->limit_bytes = limit_bytes;
	b->to_the_end = to_the_end;
	memcpy(b->key, key, sizeof(b->key));
}

/* Packets around midnight come in any order, and a clock is set back a little now and then: that is no new
 * day. */
static void follow(struct budget *b, uint64_t now_ns)
{
	uint64_t start_ns = b->day * DAY_NS;
	if (now_ns < start_ns + DAY_NS && now_ns + HOUR_NS >= start_ns)
		return;
	b->day = now_ns / DAY_NS;
	b->used_bytes = b->cut = b->dropped = 0;
	memset(b->source, 0, sizeof(b->source));
}

/* The place of the source; of the one that brought the least, when there is none. */
static struct budget_source *place(struct budget *b, const struct ip *source)
{
	uint64_t hash = siphash(b->key, span_of(source->bytes, sizeof(source->bytes)));
	struct budget_source *set = b->source[hash % BUDGET_SETS], *least = set;
	for (uint32_t i = 0; i < BUDGET_WAYS; i++) {
		if (set[i].bytes && ip_eq(&set[i].address, source))
			return &set[i];
		if (set[i].bytes < least->bytes)
			least = &set[i];
	}
	*least = (struct budget_source){.address = *source, .bytes = least->bytes, .inherited = least->bytes};
	return least;
}

/* What is left up to `percent` of the budget. */
static uint64_t left(const struct budget *b, unsigned percent)
{
	uint64_t line = b->limit_bytes / 100 * percent + b->limit_bytes % 100 * percent / 100;
	return b->used_bytes < line ? line - b->used_bytes : 0;
}

static enum budget_verdict judge(const struct budget *b, const struct budget_source *s, uint64_t bytes,
				 uint64_t header_bytes)
{
	uint64_t all = left(b, 100);
	if (left(b, 80) && bytes <= all)
		return BUDGET_KEEP;
	if (s->bytes - s->inherited + bytes <= left(b, 90))
		return BUDGET_KEEP;
	uint64_t headers = s->header_bytes + header_bytes;
	bool share_used = !b->to_the_end && headers > all && headers / HEADERS_SHARE > left(b, 90);
	if (header_bytes > all || share_used)
		return BUDGET_DROP;
	return header_bytes < bytes ? BUDGET_CUT : BUDGET_KEEP;
}

enum budget_verdict budget_decide(struct budget *b, const struct ip *source, uint64_t bytes,
				  uint64_t header_bytes, uint64_t now_ns)
{
	follow(b, now_ns);
	struct budget_source *s = place(b, source);
	enum budget_verdict v = judge(b, s, bytes, header_bytes);
	if (v == BUDGET_DROP) {
		s->dropped++;
		b->dropped++;
		/* a place is taken by who brought something; this one keeps it for its count */
		s->bytes += s->bytes == 0;
		return v;
	}
	uint64_t kept = v == BUDGET_CUT ? header_bytes : bytes;
	s->cut += v == BUDGET_CUT;
	b->cut += v == BUDGET_CUT;
	s->bytes += kept;
	s->header_bytes += header_bytes;
	b->used_bytes += kept;
	return v;
}

void budget_took(struct budget *b, uint64_t bytes, uint64_t now_ns)
{
	follow(b, now_ns);
	b->used_bytes += bytes;
}

bool budget_exhausted(struct budget *b, uint64_t now_ns)
{
	follow(b, now_ns);
	return b->dropped > 0;
}

unsigned budget_used_percent(const struct budget *b)
{
	unsigned p = 0;
	while (p < 100 && left(b, p + 1) == 0)
		p++;
	return p;
}

unsigned budget_heaviest(const struct budget *b, struct budget_source *out, unsigned max)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < BUDGET_SETS * BUDGET_WAYS; i++) {
		const struct budget_source *s = &b->source[i / BUDGET_WAYS][i % BUDGET_WAYS];
		uint64_t hit = s->cut + s->dropped;
		unsigned at = n;
		while (at && out[at - 1].cut + out[at - 1].dropped < hit)
			at--;
		if (hit == 0 || at == max)
			continue;
		n += n < max;
		memmove(out + at + 1, out + at, (n - at - 1) * sizeof(*out));
		out[at] = *s;
	}
	return n;
}
