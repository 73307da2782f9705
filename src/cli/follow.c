/* follow: the bucket is listed again and again; the packets of all objects that are new go out, in the
 * order of time; then those of the next round. What lands late comes late: the order of time holds
 * within a round. */
#include "cli/follow.h"

#include <string.h>

#include "base/siphash.h"
#include "base/time.h"
#include "cli/interrupt.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

#define WAIT_MIN_MS 3000u
#define WAIT_MAX_MS 30000u
#define LATE_S (6u * 3600) /* an object may land so long after it began, and is found */
#define SEEN_SLOTS (1u << 20)

_Static_assert(CATALOG_MAX <= SEEN_SLOTS / 2, "the set of all that is listed is at most half full");

static struct {
	uint64_t from_ns;
	const char *filter, *file;
	bool pcap;
} o;

static struct {
	struct pcapfilter filter;
	bool began;                /* the packets from the beginning on were copied */
	uint64_t seen[SEEN_SLOTS]; /* marks of objects; 0: free */
} g;

/* ---- which objects are new */

static uint64_t mark_of(const struct catalog_object *object)
{
	static const uint8_t key[SIPHASH_KEY_BYTES];
	return siphash(key, span_str(object->key)) | 1;
}

static uint64_t *place_of(uint64_t mark)
{
	uint64_t i = mark / 2;
	while (g.seen[i % SEEN_SLOTS] && g.seen[i % SEEN_SLOTS] != mark)
		i++;
	return &g.seen[i % SEEN_SLOTS];
}

static bool is_new(const struct catalog_object *object)
{
	return !*place_of(mark_of(object));
}

/* What is listed now is all that can be listed again. */
static void remember_listed(void)
{
	g.began = true;
	memset(g.seen, 0, sizeof(g.seen));
	for (uint32_t i = 0; i < catalog_count(); i++) {
		uint64_t mark = mark_of(catalog_at(i));
		*place_of(mark) = mark;
	}
}

static uint32_t count_new(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < catalog_count(); i++)
		n += is_new(catalog_at(i));
	return n;
}

/* ---- rounds */

static bool may_pass(enum exit_status e)
{
	return e == EXIT_UNAVAILABLE || e == EXIT_TRY_AGAIN;
}

static void rest(unsigned ms)
{
	if (!interrupt_happened())
		(void)pcapout_rest(ms); /* who waits next asks what became of it */
}

/* What kept it from going on, a service or credentials that have expired, and no object is to blame for. */
static bool kept_back(enum exit_status e)
{
	return may_pass(e) && (merge_counts()->stopped || merge_counts()->waited) && !interrupt_happened();
}

/* The packets of all that is new. What was kept back is asked for again, from where it stopped. */
static enum exit_status copy_round(const struct window *w)
{
	struct window now = *w;
	enum exit_status e;
	while (kept_back(e = window_copy(&now))) {
		now.goes_on = true;
		rest(WAIT_MAX_MS);
		if (pcapout_flush())
			return EXIT_OUTPUT;
		call_anew();
	}
	remember_listed();
	return e;
}

static enum exit_status list(const struct window *w)
{
	uint64_t now_ns = clock_real_ns(), late_ns = now_ns - LATE_S * NS_PER_S;
	struct catalog_filter f = {.from_ns = g.began && w->from_ns < late_ns ? late_ns : w->from_ns,
				   .to_ns = UINT64_MAX,
				   .kinds = 1u << OBJECT_PACKETS,
				   .one_before = true};
	return catalog_read(&f, NULL);
}

/* What an object alone is to blame for was said: the next one may be good. */
static bool ends(enum exit_status e)
{
	return merge_counts()->stopped &&
	       (e == EXIT_OUTPUT || e == EXIT_INTERRUPTED || e == EXIT_NOT_SET_UP || e == EXIT_WRONG_USAGE ||
		e == EXIT_NO_INPUT);
}

static enum exit_status follow_rounds(const struct window *w)
{
	unsigned wait_ms = WAIT_MIN_MS;
	while (!interrupt_happened()) {
		call_anew();
		enum exit_status e = list(w);
		if (e && !may_pass(e))
			return e;
		if (!e && count_new()) {
			e = copy_round(w);
			if (pcapout_flush() || ends(e))
				return e;
			wait_ms = WAIT_MIN_MS;
		}
		rest(wait_ms);
		if (pcapout_flush())
			return EXIT_OUTPUT;
		wait_ms = wait_ms * 3 / 2 < WAIT_MAX_MS ? wait_ms * 3 / 2 : WAIT_MAX_MS;
	}
	return EXIT_INTERRUPTED;
}

enum exit_status follow_run(struct window *w, const struct pcapout_options *out)
{
	enum exit_status e = pcapout_begin(out);
	if (e)
		return e;
	w->wanted = is_new;
	interrupt_watch();
	pcapout_flush();
	e = follow_rounds(w);
	keyring_wipe();
	if (e == EXIT_OUTPUT || pcapout_end())
		return EXIT_OUTPUT;
	return e == EXIT_INTERRUPTED ? EXIT_DONE : e; /* it is how following ends */
}

static enum exit_status run(char **operands)
{
	struct window w = {
		.from_ns = o.from_ns ? o.from_ns : clock_real_ns(), .to_ns = UINT64_MAX, .filter = o.filter};
	(void)operands;
	enum exit_status e = o.filter ? window_filter(o.filter, &g.filter) : EXIT_DONE;
	if (!e)
		e = session_begin();
	if (e)
		return e;
	w.compiled = o.filter ? &g.filter : NULL;
	struct pcapout_options out = {.path = o.file, .pcap = o.pcap, .comment = window_comment(&w, "")};
	return follow_run(&w, &out);
}

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "begin with packets from then on: -10m; else from now on",
	 &o.from_ns},
	{"--filter", OPTION_TEXT, "FILTER", "packets that it accepts, as tcpdump's: 'tcp port 443'",
	 &o.filter},
	{"-w", OPTION_FILE, "FILE", "write there instead of standard output", &o.file},
	{"--pcap", OPTION_FLAG, NULL, "the old format, for old tools; nanoseconds", &o.pcap},
	{.name = NULL},
};

const struct command cmd_follow = {
	.name = "follow",
	.summary = "write the packets of new objects as they land, as one endless capture",
	.text = "An appliance ships an object when it is full or old (object.max_seconds); its\n"
		"packets come then. They are in the order of time among all that landed since the\n"
		"last look. Ctrl-C ends it.\n"
		"\n"
		"  sealtap follow --from -10m --filter 'host 10.0.0.5' | wireshark -k -i -\n",
	.options = options,
	.common = session_options,
	.run = run,
};
