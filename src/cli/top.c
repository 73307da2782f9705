#include "cli/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/siphash.h"
#include "os/rng.h"

#define SLOTS (TOP_MAX * 2) /* a power of two */

static struct {
	uint32_t count;
	uint64_t missing;
	uint8_t key[SIPHASH_KEY_BYTES]; /* who sends packets chooses keys: it shall not make them collide */
	struct top_sum sum[TOP_MAX];
	uint32_t slot[SLOTS]; /* place in sum, plus 1 */
} g;

static uint32_t *slot_of(const uint8_t key[TOP_KEY_MAX])
{
	uint32_t i = (uint32_t)siphash(g.key, span_of(key, TOP_KEY_MAX)) & (SLOTS - 1);
	while (g.slot[i] && memcmp(g.sum[g.slot[i] - 1].key, key, TOP_KEY_MAX) != 0)
		i = (i + 1) & (SLOTS - 1);
	return &g.slot[i];
}

void top_begin(void)
{
	g.count = 0;
	g.missing = 0;
	rng_fill(g.key, sizeof(g.key));
	memset(g.slot, 0, sizeof(g.slot));
}

static unsigned bits(uint64_t v)
{
	unsigned n = 0;
	for (; v; v >>= 1)
		n++;
	return n;
}

/* Gives up the lightest: whole powers of two of bytes, until at least half are gone. */
static void prune(void)
{
	uint32_t with[65] = {0}, gone = 0, kept = 0;
	unsigned up_to = 0;
	uint64_t most = 0;
	for (uint32_t i = 0; i < g.count; i++)
		with[bits(g.sum[i].bytes)]++;
	for (gone = with[0]; gone < g.count / 2; gone += with[up_to])
		up_to++;
	for (uint32_t i = 0; i < g.count; i++) {
		if (bits(g.sum[i].bytes) > up_to)
			g.sum[kept++] = g.sum[i];
		else if (g.sum[i].bytes > most)
			most = g.sum[i].bytes;
	}
	g.missing += most;
	g.count = kept;
	memset(g.slot, 0, sizeof(g.slot));
	for (uint32_t i = 0; i < kept; i++)
		*slot_of(g.sum[i].key) = i + 1;
}

void top_add(struct span key, const struct top_sum *more)
{
	uint8_t whole[TOP_KEY_MAX] = {0};
	ASSERT(key.len <= TOP_KEY_MAX);
	if (key.len)
		memcpy(whole, key.p, key.len);
	uint32_t *slot = slot_of(whole);
	if (!*slot) {
		if (g.count == TOP_MAX) {
			prune();
			slot = slot_of(whole);
		}
		memset(&g.sum[g.count], 0, sizeof(g.sum[0]));
		memcpy(g.sum[g.count].key, whole, sizeof(whole));
		*slot = ++g.count;
	}
	struct top_sum *s = &g.sum[*slot - 1];
	s->bytes += more->bytes;
	s->packets += more->packets;
	s->flows += more->flows;
	s->refused += more->refused;
}

static int heavier(const void *a, const void *b)
{
	const struct top_sum *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return memcmp(x->key, y->key, TOP_KEY_MAX);
}

const struct top_sum *top_sorted(uint32_t *count)
{
	qsort(g.sum, g.count, sizeof(g.sum[0]), heavier);
	memset(g.slot, 0, sizeof(g.slot)); /* places have changed */
	*count = g.count;
	return g.sum;
}

uint64_t top_missing(void)
{
	return g.missing;
}
