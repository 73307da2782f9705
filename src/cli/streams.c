#include "cli/streams.h"

#include <string.h>

#include "base/time.h"
#include "cli/say.h"

static struct {
	uint32_t objects, order[CATALOG_MAX]; /* those that are wanted, as the catalog sorts them */
	uint32_t streams;
	struct streams_one stream[STREAMS_MAX];
} g;

static bool is_same(const struct catalog_object *a, const struct catalog_object *b)
{
	return a->stream[0] && !strcmp(a->stream, b->stream) && a->boot == b->boot &&
	       span_eq(a->appliance, b->appliance);
}

/* Sorted by insertion: they come nearly so. */
static void add(uint32_t first, uint32_t end)
{
	uint32_t at = g.streams++;
	struct streams_one one = {first, end, streams_object(first)->start_ns};
	for (; at && g.stream[at - 1].start_ns > one.start_ns; at--)
		g.stream[at] = g.stream[at - 1];
	g.stream[at] = one;
}

enum exit_status streams_plan(bool (*wanted)(const struct catalog_object *o))
{
	g.objects = g.streams = 0;
	for (uint32_t i = 0; i < catalog_count(); i++)
		if (!wanted || wanted(catalog_at(i)))
			g.order[g.objects++] = i;
	for (uint32_t i = 0, end; i < g.objects; i = end) {
		for (end = i + 1; end < g.objects && is_same(streams_object(i), streams_object(end));)
			end++;
		if (g.streams == STREAMS_MAX)
			return say(EXIT_WRONG_USAGE,
				   "more than %u streams: ask for a shorter time, or --appliance",
				   STREAMS_MAX);
		add(i, end);
	}
	return EXIT_DONE;
}

uint32_t streams_count(void)
{
	return g.streams;
}

const struct streams_one *streams_at(uint32_t i)
{
	return &g.stream[i];
}

const struct catalog_object *streams_object(uint32_t i)
{
	return catalog_at(g.order[i]);
}

/* When the stream's last object ends, at the latest. */
static uint64_t end_of(uint32_t stream)
{
	const struct catalog_object *o = streams_object(g.stream[stream].end - 1);
	uint64_t latest = o->start_ns + CATALOG_OBJECT_MAX_S * NS_PER_S;
	return o->end_ns < latest ? o->end_ns : latest;
}

unsigned streams_at_once(unsigned enough)
{
	unsigned most = 1;
	for (uint32_t i = 0; i < g.streams; i++) {
		unsigned n = 1;
		for (uint32_t k = i; k-- && n < enough;)
			n += end_of(k) >= g.stream[i].start_ns;
		most = n > most ? n : most;
	}
	return most;
}
