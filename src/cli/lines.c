#include "cli/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_walk.h"
#include "base/time.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/sealed.h"

#define WAITED_MAX 3u /* objects */
#define CHAINS_MAX 65536u
#define ROOM_BYTES (SEALED_ROOM_MIN + 2u * 1024 * 1024) /* of a lane: its frame, and what is read ahead */

/* The objects of one stream of one boot: places in the catalog, behind one another. */
struct chain {
	uint32_t first, end;
	uint64_t start_ns;
};

/* A chain that is being read. */
struct lane {
	bool used, open;
	uint32_t at, end; /* the next object; behind the last one */
	const struct catalog_object *object;
	struct span content; /* what is left of the frame */
	struct span line;    /* the line that comes next */
	uint64_t time_ns;    /* its time */
	size_t carried;      /* bytes of a line whose end has not come */
	bool too_long;       /* that line is passed over */
	uint8_t carry[LINES_LINE_MAX];
	bool want[SEALED_FRAMES_MAX];
	uint8_t room[ROOM_BYTES]; /* secret: plaintext */
	struct sealed sealed;
};

static struct {
	struct lines_filter filter;
	struct lines_totals totals;
	enum exit_status status;
	enum exit_status refused; /* why an object alone could not be read */
	uint64_t retries;         /* call_totals()' */
	unsigned waited;          /* objects that failed when the service had been asked again and again */
	bool stop, said_late;
	uint32_t chains, next;
	struct chain chain[CHAINS_MAX];
	struct lane lane[LINES_AT_ONCE];
} g;

/* ---- what fails */

/* fatal: the next object would fare no better. What KMS and S3 say of one object alone is none of that:
 * who may write to the bucket may have put it there. */
static enum exit_status status_of(enum err e, bool *fatal)
{
	static const struct {
		enum err error;
		enum exit_status status;
		bool fatal;
	} rows[] = {
		{ERR_AUTH, EXIT_DAMAGED, false},           {ERR_COMMITMENT, EXIT_DAMAGED, false},
		{ERR_SYNTAX, EXIT_DAMAGED, false},         {ERR_TRUNCATED, EXIT_DAMAGED, false},
		{ERR_CHECKSUM, EXIT_DAMAGED, false},       {ERR_DENIED, EXIT_DENIED, false},
		{ERR_EXPIRED, EXIT_TRY_AGAIN, true},       {ERR_THROTTLED, EXIT_TRY_AGAIN, true},
		{ERR_UNREACHABLE, EXIT_UNAVAILABLE, true}, {ERR_SERVICE, EXIT_UNAVAILABLE, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == e) {
			*fatal = rows[i].fatal;
			return rows[i].status;
		}
	*fatal = false;
	return EXIT_INCOMPLETE;
}

static void object_failed(struct lane *l, enum err e)
{
	bool fatal;
	enum exit_status status = status_of(e, &fatal);
	const char *why = sealed_why(&l->sealed);
	if (*why)
		say(status, "%s: %s", say_text(span_str(l->object->key)), why);
	g.totals.failed++;
	g.waited += e == ERR_SERVICE && call_totals()->retries != g.retries;
	g.retries = call_totals()->retries;
	g.stop |= fatal || g.waited == WAITED_MAX;
	if (status > EXIT_DAMAGED && !g.stop)
		g.refused = status;
	else if (status > g.status)
		g.status = status;
}

/* ---- a lane */

/* Frames whose records lie outside the window need not come. */
static void choose_frames(struct lane *l)
{
	uint32_t frames = sealed_has_index(&l->sealed) ? sealed_frames(&l->sealed) : 0;
	if (frames == 0 || frames > SEALED_FRAMES_MAX)
		return;
	for (uint32_t i = 0; i < frames; i++) {
		const struct index_entry *e = sealed_entry(&l->sealed, i);
		l->want[i] = e->last_ns >= g.filter.from_ns && e->first_ns <= g.filter.to_ns;
	}
	sealed_want(&l->sealed, l->want);
}

static void close_object(struct lane *l)
{
	sealed_close(&l->sealed);
	l->open = false;
	l->content = span_of(NULL, 0);
	l->carried = 0;
	l->too_long = false;
	progress_add(l->object->size_bytes);
}

/* The chain's next object; false: there is none. */
static bool open_object(struct lane *l)
{
	while (l->at < l->end && !g.stop) {
		l->object = catalog_at(l->at++);
		if (l->object->is_marker)
			continue;
		g.totals.objects++;
		enum err e = sealed_open(&l->sealed, l->object);
		l->open = true;
		if (!e) {
			sealed_lend(&l->sealed, l->room, sizeof(l->room));
			choose_frames(l);
			return true;
		}
		object_failed(l, e);
		close_object(l);
	}
	return false;
}

/* More content; false: the chain is over. */
static bool fill(struct lane *l)
{
	while (!g.stop && (l->open || open_object(l))) {
		uint32_t frame;
		enum err e = sealed_next(&l->sealed, &l->content, &frame);
		if (!e && l->content.len)
			return true;
		if (e)
			object_failed(l, e);
		close_object(l);
	}
	return false;
}

static bool read_time(struct span line, uint64_t *time_ns)
{
	struct json_walk w;
	struct json_member m;
	return !json_walk(line, &w) && !json_walk_next(&w, &m) && m.kind == JSON_STRING &&
	       span_eq(m.key, SPAN("time")) && !time_read_rfc3339(m.value, time_ns);
}

/* Keeps the beginning of a line whose end is in the next frame. */
static void carry(struct lane *l, struct span part)
{
	l->too_long |= part.len > sizeof(l->carry) - l->carried;
	if (l->too_long || part.len == 0)
		return;
	memcpy(l->carry + l->carried, part.p, part.len);
	l->carried += part.len;
}

/* Cuts the next whole line off the content: true. */
static bool cut_line(struct lane *l)
{
	size_t n = span_find(l->content, '\n');
	if (n == l->content.len) {
		carry(l, l->content);
		l->content = span_of(NULL, 0);
		return false;
	}
	l->line = span_first(l->content, n);
	if (l->carried || l->too_long) {
		carry(l, l->line);
		l->line = span_of(l->carry, l->too_long ? 0 : l->carried);
	}
	l->carried = 0;
	l->too_long = false;
	l->content = span_from(l->content, n + 1);
	return true;
}

/* The lane's next line within the window. False: the chain is over, the lane is free. */
static bool step(struct lane *l)
{
	for (;;) {
		while (l->content.len) {
			if (!cut_line(l))
				continue;
			if (l->line.len > LINES_LINE_MAX || !read_time(l->line, &l->time_ns)) {
				g.totals.malformed++;
				continue;
			}
			if (l->time_ns >= g.filter.from_ns && l->time_ns <= g.filter.to_ns)
				return true;
		}
		if (!fill(l)) {
			l->used = false;
			return false;
		}
	}
}

/* ---- chains */

static int by_start(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static bool same_chain(const struct catalog_object *a, const struct catalog_object *b)
{
	return a->boot == b->boot && a->kind == b->kind && span_eq(a->appliance, b->appliance) &&
	       !strcmp(a->stream, b->stream);
}

static uint64_t find_chains(void)
{
	uint64_t bytes = 0;
	struct chain *c = NULL;
	g.chains = g.next = 0;
	for (uint32_t i = 0; i < catalog_count(); i++) {
		const struct catalog_object *o = catalog_at(i);
		if (!(g.filter.kinds >> o->kind & 1))
			continue;
		bytes += o->size_bytes;
		if (c && c->end == i && same_chain(catalog_at(c->first), o)) {
			c->end++;
			continue;
		}
		if (g.chains == CHAINS_MAX) {
			g.status = say(EXIT_INCOMPLETE, "more than %u streams: a shorter time has fewer",
				       CHAINS_MAX);
			break;
		}
		c = &g.chain[g.chains++];
		*c = (struct chain){.first = i, .end = i + 1, .start_ns = o->start_ns};
	}
	qsort(g.chain, g.chains, sizeof(g.chain[0]), by_start);
	return bytes;
}

static void begin_chain(struct lane *l)
{
	const struct chain *c = &g.chain[g.next++];
	l->used = true;
	l->open = false;
	l->content = span_of(NULL, 0);
	l->carried = 0;
	l->too_long = false;
	l->at = c->first;
	l->end = c->end;
	(void)step(l); /* one without a line is free again */
}

/* The lane whose line comes first; NULL: none has one. */
static struct lane *earliest(void)
{
	struct lane *first = NULL;
	for (uint32_t i = 0; i < LINES_AT_ONCE; i++)
		if (g.lane[i].used && (!first || g.lane[i].time_ns < first->time_ns))
			first = &g.lane[i];
	return first;
}

static struct lane *free_lane(void)
{
	for (uint32_t i = 0; i < LINES_AT_ONCE; i++)
		if (!g.lane[i].used)
			return &g.lane[i];
	return NULL;
}

/* The lane of the next line, after every chain that may have an earlier one was begun. */
static struct lane *choose(void)
{
	struct lane *first = earliest();
	while (g.next < g.chains && !g.stop && (!first || g.chain[g.next].start_ns <= first->time_ns)) {
		struct lane *l = free_lane();
		if (!l) {
			if (!g.said_late)
				say_note("more than %u streams at the same time: lines of some come late; "
					 "--appliance chooses one",
					 LINES_AT_ONCE);
			g.said_late = true;
			break;
		}
		begin_chain(l);
		first = earliest();
	}
	return g.stop ? NULL : first;
}

static void close_all(void)
{
	for (uint32_t i = 0; i < LINES_AT_ONCE; i++)
		if (g.lane[i].open)
			close_object(&g.lane[i]);
	progress_end();
}

enum exit_status lines_of_catalog(const struct lines_filter *f, lines_fn fn, void *arg)
{
	struct lane *l;
	g.filter = *f;
	g.totals = (struct lines_totals){.objects = 0};
	g.status = EXIT_DONE;
	g.refused = EXIT_DONE;
	g.waited = 0;
	g.retries = call_totals()->retries;
	g.stop = g.said_late = false;
	for (uint32_t i = 0; i < LINES_AT_ONCE; i++)
		g.lane[i].used = g.lane[i].open = false;
	progress_begin("reading", find_chains());
	while ((l = choose()) != NULL) {
		struct lines_line line = {.text = l->line, .time_ns = l->time_ns, .object = l->object};
		g.totals.lines++;
		if (!fn(arg, &line))
			break;
		(void)step(l);
	}
	close_all();
	if (g.refused && !g.status)
		g.status = g.totals.lines ? EXIT_INCOMPLETE : g.refused;
	if (g.totals.malformed)
		say_note("%llu lines are no JSON objects with a time, and were passed over",
			 (unsigned long long)g.totals.malformed);
	return g.status;
}

enum exit_status lines_each(const struct lines_filter *f, char **operands, lines_fn fn, void *arg)
{
	struct catalog_filter c = {.from_ns = f->from_ns, .to_ns = f->to_ns, .kinds = f->kinds};
	enum exit_status status = catalog_read(&c, operands);
	if (status)
		return status;
	if (catalog_count() == 0)
		return catalog_nothing();
	return lines_of_catalog(f, fn, arg);
}

const struct lines_totals *lines_totals(void)
{
	return &g.totals;
}

enum exit_status lines_put(const struct lines_line *l)
{
	static uint8_t text[LINES_LINE_MAX + 1];
	struct buf b = BUF_OF(text);
	if (text_is_printable(l->text)) /* what appliances write is */
		buf_put(&b, l->text);
	else
		text_printable(&b, l->text);
	buf_u8(&b, '\n');
	return say_out(buf_span(&b));
}
