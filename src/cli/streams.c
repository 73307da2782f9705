#include "cli/streams.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
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

/* When it ends, at the latest. Of a file with another name nothing is known. */
static uint64_t end_of(const struct catalog_object *o)
{
	uint64_t latest = o->stream[0] ? o->start_ns + CATALOG_OBJECT_MAX_S * NS_PER_S : UINT64_MAX;
	return o->end_ns < latest ? o->end_ns : latest;
}

/* Sorted by insertion: they come nearly so. */
static void add(uint32_t first, uint32_t end)
{
	uint32_t at = g.streams++;
	struct streams_one one = {first, end, streams_object(first)->start_ns, 0};
	for (uint32_t i = first; i < end; i++) { /* a clock that was set back: the last is not the latest */
		uint64_t end_ns = end_of(streams_object(i));
		one.end_ns = end_ns > one.end_ns ? end_ns : one.end_ns;
	}
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

static bool context_is(const struct esdk_header *h, const char *key, struct span want)
{
	struct span value;
	return !esdk_header_find(h->aad, span_str(key), &value) && span_eq(value, want);
}

/* Names are not sealed: who may write to the bucket copies an object to the name of another. */
static bool is_of_its_name(const struct catalog_object *o, const struct esdk_header *h)
{
	uint8_t boot[16];
	struct buf hex = BUF_OF(boot);
	struct span rest = o->appliance;
	text_hex64(&hex, o->boot);
	bool same = context_is(h, "sealtap-boot", buf_span(&hex)) &&
		    context_is(h, "sealtap-stream", span_str(o->stream));
	if (!same || rest.len == 0)
		return same;
	struct span account = span_cut(&rest, '/'), region = span_cut(&rest, '/');
	return context_is(h, "sealtap-account", account) && context_is(h, "sealtap-region", region) &&
	       context_is(h, "sealtap-appliance", rest);
}

void streams_origin(const struct catalog_object *o, const struct esdk_header *h, char *text, size_t size)
{
	if (o->stream[0] && !is_of_its_name(o, h))
		say(EXIT_DAMAGED,
		    "%s: genuine, but of another appliance, boot or stream than its name: it was copied or "
		    "renamed; sealtap verify tells more",
		    say_text(span_str(o->key)));
	if (!o->stream[0])
		snprintf(text, size, "object=%s", say_text(span_str(o->key)));
	else
		snprintf(text, size, "appliance=%s\nboot=%016llx\nstream=%s", say_text(o->appliance),
			 (unsigned long long)o->boot, o->stream);
}

unsigned streams_at_once(unsigned enough)
{
	unsigned most = 1;
	for (uint32_t i = 0; i < g.streams; i++) {
		unsigned n = 1;
		for (uint32_t k = i; k-- && n < enough;)
			n += g.stream[k].end_ns >= g.stream[i].start_ns;
		most = n > most ? n : most;
	}
	return most;
}
