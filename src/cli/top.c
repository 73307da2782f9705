#include "cli/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "os/rng.h"

#define SLOTS (TOP_MAX * 2) /* a power of two */

static uint32_t *slot_of(struct top *t, const uint8_t key[TOP_KEY_MAX])
{
	uint32_t i = (uint32_t)siphash(t->hash_key, span_of(key, TOP_KEY_MAX)) & (SLOTS - 1);
	while (t->slot[i] && memcmp(t->sum[t->slot[i] - 1].key, key, TOP_KEY_MAX) != 0)
		i = (i + 1) & (SLOTS - 1);
	return &t->slot[i];
}

void top_begin(struct top *t)
{
	t->count = 0;
	t->missing = 0;
	rng_fill(t->hash_key, sizeof(t->hash_key));
	memset(t->slot, 0, sizeof(t->slot));
}

static unsigned bits(uint64_t v)
{
	unsigned n = 0;
	for (; v; v >>= 1)
		n++;
	return n;
}

/* Gives up the lightest: whole powers of two of bytes, until at least half are gone. */
static void prune(struct top *t)
{
	uint32_t with[65] = {0}, gone = 0, kept = 0;
	unsigned up_to = 0;
	uint64_t most = 0;
	for (uint32_t i = 0; i < t->count; i++)
		with[bits(t->sum[i].bytes)]++;
	for (gone = with[0]; gone < t->count / 2; gone += with[up_to])
		up_to++;
	for (uint32_t i = 0; i < t->count; i++) {
		if (bits(t->sum[i].bytes) > up_to)
			t->sum[kept++] = t->sum[i];
		else if (t->sum[i].bytes > most)
			most = t->sum[i].bytes;
	}
	t->missing += most;
	t->count = kept;
	memset(t->slot, 0, sizeof(t->slot));
	for (uint32_t i = 0; i < kept; i++)
		*slot_of(t, t->sum[i].key) = i + 1;
}

void top_add(struct top *t, struct span key, const struct top_sum *more)
{
	uint8_t whole[TOP_KEY_MAX] = {0};
	ASSERT(key.len <= TOP_KEY_MAX);
	if (key.len)
		memcpy(whole, key.p, key.len);
	uint32_t *slot = slot_of(t, whole);
	if (!*slot) {
		if (t->count == TOP_MAX) {
			prune(t);
			slot = slot_of(t, whole);
		}
		memset(&t->sum[t->count], 0, sizeof(t->sum[0]));
		memcpy(t->sum[t->count].key, whole, sizeof(whole));
		*slot = ++t->count;
	}
	struct top_sum *s = &t->sum[*slot - 1];
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

void top_sort(struct top *t)
{
	qsort(t->sum, t->count, sizeof(t->sum[0]), heavier);
}
