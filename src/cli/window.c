#include "cli/window.h"

#include <stdio.h>

#include "base/time.h"
#include "cli/pcapout.h"
#include "cli/progress.h"
#include "cli/say.h"

#define LAST_OBJECTS (2 * MERGE_STREAMS)

/* The packets given last, all of one time: how many of each object, and of these how many are to be passed
 * over where the next call goes on. */
static struct {
	uint64_t ns;
	uint32_t objects;
	struct last {
		const struct catalog_object *object;
		uint64_t packets, left;
	} of[LAST_OBJECTS];
} last;

enum exit_status window_filter(const char *filter, struct pcapfilter *out)
{
	char why[256];
	if (!pcapfilter_compile(filter, out, why, sizeof(why)))
		return EXIT_DONE;
	return say(EXIT_WRONG_USAGE, "--filter '%s': %s", say_text(span_str(filter)), why);
}

static void put_end(struct buf *b, uint64_t ns, uint64_t open, const char *word)
{
	if (ns == open)
		buf_str(b, word);
	else
		time_rfc3339(b, ns);
}

const char *window_text(const struct window *w)
{
	static char text[96];
	struct buf b = BUF_OF(text);
	put_end(&b, w->from_ns, 0, "the first");
	buf_str(&b, " to ");
	put_end(&b, w->to_ns, UINT64_MAX, "the last");
	return buf_cstr(&b);
}

struct span window_comment(const struct window *w, const char *more)
{
	static char text[2048];
	struct buf b = BUF_OF(text);
	buf_str(&b, "window=");
	buf_str(&b, window_text(w));
	buf_str(&b, "\n");
	if (w->filter) {
		buf_str(&b, "filter=");
		buf_str(&b, w->filter);
		buf_str(&b, "\n");
	}
	buf_str(&b, more);
	return buf_span(&b);
}

/* What came before an end that was not planned, and how to go on. */
static void say_stopped(const struct merge_counts *c)
{
	uint8_t text[40];
	struct buf b = BUF_OF(text);
	time_rfc3339(&b, c->last_ns);
	if (c->last_ns)
		say_note("all packets before %.*s are written; go on with --from %.*s", (int)b.len, text,
			 (int)b.len, text);
}

static struct last *last_of(const struct catalog_object *object)
{
	for (uint32_t i = 0; i < last.objects; i++)
		if (last.of[i].object == object)
			return &last.of[i];
	return NULL;
}

static void begin_last(bool goes_on)
{
	if (!goes_on)
		last.ns = last.objects = 0;
	for (uint32_t i = 0; i < last.objects; i++)
		last.of[i].left = last.of[i].packets;
}

/* False: the call before gave it. */
static bool is_new(const struct catalog_object *object, uint64_t ns)
{
	if (ns != last.ns)
		last.objects = 0;
	last.ns = ns;
	struct last *l = last_of(object);
	if (l && l->left) {
		l->left--;
		return false;
	}
	if (!l && last.objects < LAST_OBJECTS) {
		l = &last.of[last.objects++];
		*l = (struct last){.object = object};
	}
	if (l)
		l->packets++;
	return true;
}

enum exit_status window_copy(const struct window *w)
{
	begin_last(w->goes_on);
	struct merge_options o = {.from_ns = last.ns ? last.ns : w->from_ns,
				  .to_ns = w->to_ns,
				  .filter = w->compiled,
				  .wanted = w->wanted,
				  .interface = pcapout_interface,
				  .statistics = pcapout_statistics,
				  .waits = pcapout_flush,
				  .done = w->done};
	struct pcapng_block b;
	const struct catalog_object *from;
	uint32_t interface;
	uint64_t bytes = 0, left_out = 0;
	enum exit_status output = EXIT_DONE, e = merge_begin(&o);
	if (e)
		return e;
	for (uint32_t i = 0; i < catalog_count(); i++)
		if (!w->wanted || w->wanted(catalog_at(i)))
			bytes += catalog_at(i)->size_bytes;
	progress_begin("opening", bytes);
	while (!output && merge_next(&b, &interface, &from))
		if (!is_new(from, b.ts_ns))
			continue;
		else if (interface == PCAPOUT_NO_INTERFACE)
			left_out++;
		else
			output = pcapout_packet(&b, interface);
	progress_end();
	e = merge_end();
	if (output || e == EXIT_OUTPUT)
		return EXIT_OUTPUT;
	if (e == EXIT_INTERRUPTED || e == EXIT_TRY_AGAIN || e == EXIT_UNAVAILABLE)
		say_stopped(merge_counts());
	if (left_out)
		say(EXIT_INCOMPLETE, "%llu packets were left out: there was no interface for them",
		    (unsigned long long)left_out);
	return left_out && !e ? EXIT_INCOMPLETE : e;
}
