#include "cli/merge.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/streams.h"
#include "record/prefilter.h"

#define AHEAD_MAX 8 /* objects of a stream whose ends are read before their turn */
#define SEALED_ALL (MERGE_STREAMS * 2)
#define NEVER UINT64_MAX
#define SIDES 2u      /* outside, inside: the interfaces of a section */
#define FAILED_MAX 3u /* each has waited for the service */

_Static_assert(MERGE_ROOM / MERGE_STREAMS / 2 >= SEALED_ROOM_MIN, "each stream has room for two objects");

enum stage { NEXT_OBJECT, NEXT_FRAME, PACKET };

struct slot {
	uint32_t next, end; /* the stream's objects in the catalog that are not opened yet */
	uint32_t started;   /* ends of those before it are being read */
	enum stage stage;
	struct sealed *now;
	struct sealed *then; /* the next one, opened while now's last ranges are under way; NULL */
	struct sealed *ahead[AHEAD_MAX]; /* a queue, of object `next` first */
	unsigned aheads;
	struct span content;
	struct pcapng_block packet;
	uint32_t frame;
	uint32_t interface[PCAPNG_READ_INTERFACES];
	unsigned interfaces;
	uint8_t *room;        /* for both of them, a half each */
	unsigned half;        /* the next one's */
	uint64_t shown_bytes; /* of the object, to progress */
	char origin[256];
};

static struct {
	struct merge_options o;
	struct merge_counts count;
	enum exit_status ended;       /* what keeps it from going on */
	enum exit_status failed_said; /* why the last one failed that is not damaged */
	uint32_t admitted;            /* streams that began */
	uint64_t retries;             /* call_totals()' */
	unsigned active, current, depth;
	uint64_t limit_ns;               /* while current's next packet is no later, it comes next */
	uint64_t head_ns[MERGE_STREAMS]; /* of each slot's next packet, or a time before which none comes */
	struct slot slot[MERGE_STREAMS];
	size_t room_bytes;
	unsigned rooms;
	bool room_used[MERGE_STREAMS];
	bool sealed_used[SEALED_ALL];
	unsigned sealed_count;
	bool want[SEALED_FRAMES_MAX];
	struct sealed sealed[SEALED_ALL];
	_Alignas(64) uint8_t room[MERGE_ROOM];
} g;

/* ---- memory */

static struct sealed *take_sealed(void)
{
	for (unsigned i = 0; i < SEALED_ALL; i++)
		if (!g.sealed_used[i]) {
			g.sealed_used[i] = true;
			g.sealed_count++;
			return &g.sealed[i];
		}
	return NULL;
}

static void give_sealed(struct sealed *s)
{
	sealed_close(s);
	g.sealed_used[s - g.sealed] = false;
	g.sealed_count--;
}

/* ---- what goes wrong */

static bool ends_all(const struct sealed *s, enum err e)
{
	g.count.waited += e != ERR_DENIED && call_totals()->retries != g.retries;
	g.retries = call_totals()->retries;
	switch (e) {
	case ERR_MISSING:
		g.ended = s->said ? s->said : EXIT_NOT_SET_UP;
		return true;
	case ERR_EXPIRED:
	case ERR_THROTTLED:
		g.ended = EXIT_TRY_AGAIN;
		return true;
	case ERR_UNREACHABLE:
	case ERR_CERTIFICATE:
	case ERR_TIMEOUT:
		g.ended = EXIT_UNAVAILABLE;
		return true;
	default:
		return false;
	}
}

static bool is_colder(const struct sealed *s)
{
	return !s->head_read.local && !strcmp(s->head_read.call.fault.code, "InvalidObjectState");
}

/* Nothing was opened so far, and the service was waited for: the next ones will not be, either. What is
 * denied says nothing of the others: who may write to the bucket puts there as many as he likes. */
static void give_up(void)
{
	const struct merge_counts *c = &g.count;
	if (c->opened || c->waited < FAILED_MAX)
		return;
	g.ended = c->denied ? EXIT_DENIED : g.failed_said;
	say(g.ended, "none of %u objects could be opened: it stops", c->denied + c->failed);
}

static void say_failed(const struct sealed *s, enum err e)
{
	const char *why = sealed_why(s);
	if (*why && e != ERR_TIMEOUT)
		say(EXIT_INCOMPLETE, "%s: %s", say_text(span_str(s->object->key)), why);
	if (ends_all(s, e))
		return;
	if (is_colder(s))
		g.count.colder++;
	else if (e == ERR_DENIED || e == ERR_UNKNOWN_KEY)
		g.count.denied++;
	else if (e == ERR_SERVICE || e == ERR_SYSTEM || e == ERR_NOT_FOUND || e == ERR_CONFLICT ||
		 e == ERR_UNSUPPORTED || e == ERR_REFUSED || e == ERR_CLOSED || e == ERR_RESET ||
		 e == ERR_PROTOCOL)
		g.count.failed++;
	else
		g.count.damaged++;
	bool none = e == ERR_UNSUPPORTED || e == ERR_NOT_FOUND;
	g.failed_said = s->said ? s->said : none ? EXIT_NO_INPUT : EXIT_UNAVAILABLE;
	give_up();
}

/* ---- objects */

static void show_progress(struct slot *t, uint64_t frames, uint64_t of)
{
	uint64_t bytes = of ? t->now->object->size_bytes / of * frames : t->now->object->size_bytes;
	if (bytes > t->shown_bytes)
		progress_add(bytes - t->shown_bytes);
	t->shown_bytes = bytes > t->shown_bytes ? bytes : t->shown_bytes;
}

static void leave_object(struct sealed *s)
{
	if (g.o.done && s->is_open)
		g.o.done(s);
	give_sealed(s);
}

static void end_object(struct slot *t)
{
	show_progress(t, 0, 0);
	leave_object(t->now);
	t->now = NULL;
	t->stage = NEXT_OBJECT;
}

/* May the stream start another? Its next one always may: half of them all is kept for that. */
static bool may_start(const struct slot *t)
{
	if (t->started == t->end)
		return false;
	return (!t->now && !t->aheads) ||
	       (t->aheads < g.depth && g.sealed_count < SEALED_ALL - MERGE_STREAMS);
}

/* Ends of objects are read ahead, so that one does not wait for the other. */
static void start_ahead(struct slot *t)
{
	while (may_start(t)) {
		struct sealed *s = take_sealed();
		ASSERT(s);
		t->ahead[t->aheads++] = s;
		sealed_start(s, streams_object(t->started++));
	}
}

static struct sealed *take_ahead(struct slot *t)
{
	start_ahead(t);
	ASSERT(t->aheads);
	struct sealed *s = t->ahead[0];
	t->aheads--;
	for (unsigned i = 0; i < t->aheads; i++)
		t->ahead[i] = t->ahead[i + 1];
	return s;
}

static bool reaches(const struct index_entry *e)
{
	return e->last_ns >= g.o.from_ns && e->first_ns < g.o.to_ns;
}

/* Which frames are worth their bytes. The first one always, if any is: it says what the interfaces are. */
static bool choose(struct sealed *s)
{
	bool any = false;
	if (!s->has_index)
		return true;
	for (uint32_t i = 0; i < s->frames; i++) {
		g.want[i] = reaches(sealed_entry(s, i)) &&
			    (!g.o.filter || prefilter_may(g.o.filter, sealed_filter(s, i)));
		any = any || g.want[i];
		g.count.passed_over += !g.want[i];
	}
	g.count.passed_over -= any && !g.want[0];
	g.want[0] = any;
	sealed_want(s, g.want);
	return any;
}

/* The stream's next object, opened, its first ranges asked for. NULL: it failed, or nothing of it is
 * wanted. */
static struct sealed *open_next(struct slot *t, bool soon)
{
	const struct catalog_object *o = streams_object(t->next);
	struct sealed *s = take_ahead(t);
	t->next++;
	g.count.objects++;
	enum err e = sealed_open(s, o);
	if (e)
		say_failed(s, e);
	g.count.opened += !e;
	if (e || !choose(s)) {
		leave_object(s);
		progress_add(o->size_bytes);
		return NULL;
	}
	sealed_lend(s, t->room + t->half * (g.room_bytes / 2), g.room_bytes / 2);
	if (!soon)
		sealed_begin(s);
	t->half ^= 1;
	return s;
}

/* No range of the object at hand is to be asked for: the next one's may be. */
static void open_ahead(struct slot *t)
{
	if (!t->then && t->aheads && sealed_is_asked(t->now))
		t->then = open_next(t, false);
}

static void open_object(struct slot *t)
{
	t->now = t->then ? t->then : open_next(t, true);
	t->then = NULL;
	if (!t->now)
		return;
	start_ahead(t);
	t->shown_bytes = 0;
	streams_origin(t->now->object, &t->now->header, t->origin, sizeof(t->origin));
	t->interfaces = 0;
	t->stage = NEXT_FRAME;
}

/* ---- blocks */

static void broken(struct slot *t, const char *what)
{
	say(EXIT_DAMAGED, "%s: genuine, but in zstd frame %u %s", say_text(span_str(t->now->object->key)),
	    t->frame + 1, what);
	g.count.damaged++;
	t->stage = NEXT_FRAME;
}

static bool take_interface(struct slot *t, const struct pcapng_block *b)
{
	if (t->interfaces == PCAPNG_READ_INTERFACES)
		return false;
	t->interface[t->interfaces++] = g.o.interface(b, span_str(t->origin));
	return true;
}

/* The first frame, which describes them, was damaged: its packets alone are lost. */
static void take_unknown_interfaces(struct slot *t)
{
	char origin[sizeof(t->origin) + 32];
	for (; t->interfaces < SIDES; t->interfaces++) {
		snprintf(origin, sizeof(origin), "%s\ninterface=%u", t->origin, t->interfaces);
		t->interface[t->interfaces] = g.o.interface(NULL, span_str(origin));
	}
}

static bool passes(const struct pcapng_block *b)
{
	return b->ts_ns >= g.o.from_ns && b->ts_ns < g.o.to_ns &&
	       (!g.o.filter || pcapfilter_matches(g.o.filter, b->frame, b->len));
}

/* The frame's next packet that is wanted; without one: the next frame. */
static void advance(struct slot *t, uint64_t *head_ns)
{
	struct pcapng_block *b = &t->packet;
	enum err e;
	t->stage = PACKET;
	while (!(e = pcapng_next(&t->content, b))) {
		if (b->kind == PCAPNG_SECTION) {
			t->interfaces = 0;
		} else if (b->kind == PCAPNG_INTERFACE) {
			if (!take_interface(t, b))
				return broken(t, "there are too many interfaces");
		} else if (b->kind == PCAPNG_PACKET || b->kind == PCAPNG_STATISTICS) {
			if (!t->interfaces && t->frame)
				take_unknown_interfaces(t);
			if (b->interface_id >= t->interfaces)
				return broken(t, "an interface is not described");
			if (b->kind == PCAPNG_STATISTICS) {
				g.o.statistics(b, t->interface[b->interface_id]);
				continue;
			}
			/* a packet that is out of order in its own stream comes behind the one before it */
			*head_ns = b->ts_ns > *head_ns ? b->ts_ns : *head_ns;
			if (passes(b))
				return;
		}
	}
	if (e != ERR_MORE)
		return broken(t, "the packets can't be read");
	t->stage = NEXT_FRAME;
}

static void load_frame(struct slot *t, uint64_t *head_ns)
{
	struct sealed *s = t->now;
	enum err e = sealed_next(s, &t->content, &t->frame);
	if (e) {
		say_failed(s, e);
		bool goes_on = s->has_index && (e == ERR_AUTH || e == ERR_SYNTAX || e == ERR_CHECKSUM);
		if (!goes_on && !g.ended)
			end_object(t);
		return;
	}
	if (t->content.len == 0)
		return end_object(t);
	g.count.frames++;
	open_ahead(t);
	if (s->has_index)
		show_progress(t, t->frame + 1, s->frames);
	advance(t, head_ns);
}

/* ---- streams */

static void divide_memory(void)
{
	unsigned most = streams_at_once(MERGE_STREAMS);
	g.room_bytes = MERGE_ROOM / most / 128 * 128;
	if (g.room_bytes > 2 * SEALED_ROOM_MAX)
		g.room_bytes = 2 * SEALED_ROOM_MAX;
	g.rooms = (unsigned)(MERGE_ROOM / g.room_bytes);
	if (g.rooms > MERGE_STREAMS)
		g.rooms = MERGE_STREAMS;
	g.depth = (SEALED_ALL - MERGE_STREAMS) / most;
	g.depth = g.depth > AHEAD_MAX ? AHEAD_MAX : g.depth;
	memset(g.room_used, 0, sizeof(g.room_used));
}

enum exit_status merge_begin(const struct merge_options *o)
{
	g.o = *o;
	g.count = (struct merge_counts){.objects = 0};
	g.ended = EXIT_DONE;
	g.admitted = g.active = g.current = 0;
	enum exit_status e = streams_plan(o->wanted);
	if (e)
		return e;
	divide_memory();
	return EXIT_DONE;
}

static void admit(void)
{
	unsigned room = 0;
	while (room < g.rooms && g.room_used[room])
		room++;
	if (room == g.rooms) {
		g.ended = say(EXIT_WRONG_USAGE,
			      "more than %u streams overlap: ask for some of them (--appliance)", g.rooms);
		return;
	}
	struct slot *t = &g.slot[g.active];
	const struct streams_one *one = streams_at(g.admitted++);
	g.head_ns[g.active++] = one->start_ns;
	*t = (struct slot){.next = one->first, .end = one->end};
	t->started = t->next;
	t->room = g.room + room * g.room_bytes;
	g.room_used[room] = true;
	g.current = g.active; /* to be found anew */
	start_ahead(t);
}

/* The stream is over; the last one takes its place. */
static void leave(unsigned i)
{
	g.room_used[(size_t)(g.slot[i].room - g.room) / g.room_bytes] = false;
	g.active--;
	g.slot[i] = g.slot[g.active];
	g.head_ns[i] = g.head_ns[g.active];
	g.current = g.active;
}

/* When the next stream begins. */
static uint64_t next_start_ns(void)
{
	return g.admitted < streams_count() ? streams_at(g.admitted)->start_ns : NEVER;
}

/* Finds the slot whose packet comes next, and until when it stays so. */
static void find_earliest(void)
{
	unsigned best = 0;
	for (unsigned i = 1; i < g.active; i++)
		if (g.head_ns[i] < g.head_ns[best])
			best = i;
	g.limit_ns = next_start_ns();
	for (unsigned i = 0; i < g.active; i++)
		if (i != best && g.head_ns[i] < g.limit_ns)
			g.limit_ns = g.head_ns[i];
	g.current = best;
}

static void step(unsigned i)
{
	struct slot *t = &g.slot[i];
	g.ended = g.o.waits();
	if (g.ended)
		return;
	if (t->stage == NEXT_FRAME) {
		load_frame(t, &g.head_ns[i]);
	} else if (t->then || t->next < t->end) {
		uint64_t start_ns = t->then ? t->then->object->start_ns : streams_object(t->next)->start_ns;
		if (start_ns > g.head_ns[i] && start_ns > g.limit_ns)
			g.head_ns[i] = start_ns; /* others come first */
		else
			open_object(t);
	} else {
		leave(i);
	}
}

bool merge_next(struct pcapng_block *packet, uint32_t *interface, const struct catalog_object **object)
{
	if (g.current < g.active && g.slot[g.current].stage == PACKET)
		advance(&g.slot[g.current], &g.head_ns[g.current]);
	for (;;) {
		if (interrupt_happened())
			g.ended = EXIT_INTERRUPTED;
		if (g.ended || (!g.active && g.admitted == streams_count()))
			return false;
		if (g.current >= g.active || g.head_ns[g.current] > g.limit_ns)
			find_earliest();
		if (g.admitted < streams_count() && (!g.active || next_start_ns() <= g.head_ns[g.current]))
			admit();
		else if (g.slot[g.current].stage != PACKET)
			step(g.current);
		else
			break;
	}
	struct slot *t = &g.slot[g.current];
	*packet = t->packet;
	*interface = t->interface[t->packet.interface_id];
	*object = t->now->object;
	g.count.last_ns = t->packet.ts_ns;
	return true;
}

enum exit_status merge_end(void)
{
	for (unsigned i = 0; i < SEALED_ALL; i++)
		if (g.sealed_used[i])
			give_sealed(&g.sealed[i]);
	g.admitted = streams_count();
	g.active = 0;
	const struct merge_counts *c = &g.count;
	g.count.stopped = g.ended;
	if (g.ended || c->damaged)
		return g.ended ? g.ended : EXIT_DAMAGED;
	bool missing = c->denied || c->colder || c->failed;
	if (c->opened || !missing)
		return missing ? EXIT_INCOMPLETE : EXIT_DONE;
	return c->denied ? EXIT_DENIED : c->colder ? EXIT_TRY_AGAIN : g.failed_said;
}

const struct merge_counts *merge_counts(void)
{
	return &g.count;
}
