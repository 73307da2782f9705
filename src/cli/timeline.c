#include "cli/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"

static struct timeline g;

void timeline_begin(uint64_t first_ns)
{
	memset(&g, 0, sizeof(g));
	g.bar_ns = NS_PER_S;
	g.first_ns = g.last_ns = first_ns - first_ns % NS_PER_S;
}

/* Two bars become one. */
static void widen(void)
{
	for (uint32_t i = 0; i < TIMELINE_BARS / 2; i++) {
		const struct timeline_bar *a = &g.bar[i * 2], *b = a + 1;
		g.bar[i] = (struct timeline_bar){a->packets + b->packets, a->bytes + b->bytes,
						 a->lost + b->lost};
	}
	memset(&g.bar[TIMELINE_BARS / 2], 0, sizeof(g.bar) / 2);
	g.bar_ns *= 2;
}

static struct timeline_bar *bar_of(uint64_t at_ns)
{
	uint64_t since_ns = at_ns > g.first_ns ? at_ns - g.first_ns : 0;
	while (since_ns / g.bar_ns >= TIMELINE_BARS)
		widen();
	if (at_ns > g.last_ns)
		g.last_ns = at_ns;
	return &g.bar[since_ns / g.bar_ns];
}

void timeline_add(uint64_t at_ns, uint64_t packets, uint64_t bytes)
{
	struct timeline_bar *bar = bar_of(at_ns);
	bar->packets += packets;
	bar->bytes += bytes;
	g.sum.packets += packets;
	g.sum.bytes += bytes;
}

void timeline_lose(uint64_t at_ns, uint64_t packets)
{
	bar_of(at_ns)->lost += packets;
	g.sum.lost += packets;
}

void timeline_gap(uint64_t from_ns, uint64_t to_ns, const char *why)
{
	if (g.gaps == TIMELINE_GAPS) {
		g.gaps_more++;
		return;
	}
	struct timeline_gap *gap = &g.gap[g.gaps++];
	gap->from_ns = from_ns;
	gap->to_ns = to_ns;
	text_printable_str(span_str(why), gap->why, sizeof(gap->why));
	(void)bar_of(to_ns);
}

static int by_time(const void *a, const void *b)
{
	const struct timeline_gap *x = a, *y = b;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

const struct timeline *timeline_end(void)
{
	qsort(g.gap, g.gaps, sizeof(g.gap[0]), by_time);
	g.bars = (uint32_t)((g.last_ns - g.first_ns) / g.bar_ns) + 1;
	return &g;
}
