#include "role/flows/flowwriter.h"

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/jsonlines.h"

#define WAIT_NS (30 * NS_PER_S)

/* ---- the recorder's callbacks */

static void write_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	struct flowwriter *w = arg;
	jsonlines_object(raw, "flows", w->identity, meta, prev, &w->clock);
	buf_str(raw, "}\n");
}

static uint64_t keep_from(const struct flowwriter *w)
{
	return w->windowed ? w->window_at : w->journal.next;
}

/* block_seq: events before have their records; packets: but from here on only those that stand alone;
 * packet_id: the same of logged packets; recorded, filtered: of what connection tracking refused, the
 * kernel's counts and when it was asked. */
static void position(void *arg, struct commit_resume *at)
{
	struct flowwriter *w = arg;
	at->block_seq = w->journal.next > w->done ? w->journal.next : w->done;
	at->packets = keep_from(w);
	at->packet_id = w->logged_done;
	at->recorded[0] = w->refused_done.stats.drop;
	at->recorded[1] = w->refused_done.stats.insert_failed;
	at->filtered[0] = w->refused_done.at_ns;
}

static void committed(void *arg)
{
	struct flowwriter *w = arg;
	journal_release(&w->journal, keep_from(w));
	w->ops->ready(NULL);
}

static void want_key(void *arg, bool any)
{
	struct flowwriter *w = arg;
	w->ops->want_key(NULL, any);
}

static void sign(void *arg, const struct object_meta *meta)
{
	struct flowwriter *w = arg;
	w->ops->sign(NULL, meta);
}

static void sealed(void *arg, const struct msg_segment *s)
{
	struct flowwriter *w = arg;
	w->ops->sealed(NULL, s);
}

static void ready(void *arg)
{
	struct flowwriter *w = arg;
	w->ops->ready(NULL);
}

static const struct recorder_ops ops = {
	.head = write_head,
	.position = position,
	.committed = committed,
	.want_key = want_key,
	.sign = sign,
	.sealed = sealed,
	.ready = ready,
};

/* ---- its life */

void flowwriter_init(struct flowwriter *w, const struct pool *journal)
{
	journal_init(&w->journal, journal);
	w->nowhere = BUF_OF(w->nowhere_bytes);
}

void flowwriter_open(struct flowwriter *w, const struct pool *pool)
{
	struct commit_resume at = {.block_seq = 0};
	struct recorder_setup setup = {
		.loop = w->loop,
		.ops = &ops,
		.arg = w,
		.identity = w->identity,
		.settings = w->settings,
		.pool = *pool,
		.kind = OBJECT_FLOWS,
		.stream = "flows",
		.raw_max = RECORDER_RAW_MAX,
		.has_addresses = true,
	};
	recorder_init(&w->recorder, &setup);
	/* where to go on must be known before the torn object's signature comes and is committed */
	recorder_recover(&w->recorder, &at);
	uint64_t settled = journal_settled_up_to(&w->journal);
	w->done = settled > at.block_seq ? settled : at.block_seq;
	journal_resume(&w->journal, settled > at.packets ? settled : at.packets);
	w->logged_next = w->logged_done = at.packet_id;
	w->refused_done = (struct msg_refused){
		.at_ns = at.filtered[0], .stats = {.drop = at.recorded[0], .insert_failed = at.recorded[1]}};
	recorder_announce(&w->recorder);
}

/* ---- lines */

static void say_dropped(struct flowwriter *w, bool over)
{
	log_begin(over ? LOG_WARN : LOG_ALARM, over ? "flow-records-again" : "flow-records-lost");
	log_str("reason", "no object could be sealed for long");
	log_u64("records", w->dropped);
	log_end();
}

struct buf *flowwriter_room(struct flowwriter *w, size_t bytes)
{
	w->now_ns = clock_real_ns();
	struct buf *b = recorder_room(&w->recorder, bytes, w->now_ns);
	if (b) {
		if (w->dropped)
			say_dropped(w, true);
		w->waiting_ns = w->dropped = 0;
		return b;
	}
	uint64_t now_ns = clock_mono_ns();
	if (!w->waiting_ns)
		w->waiting_ns = now_ns;
	if (!w->hurried && (now_ns - w->waiting_ns < WAIT_NS || !journal_tight(&w->journal)))
		return NULL;
	if (!w->dropped)
		say_dropped(w, false);
	buf_reset(&w->nowhere);
	return &w->nowhere;
}

void flowwriter_wrote(struct flowwriter *w, struct buf *b)
{
	if (b == &w->nowhere) {
		w->dropped++;
		recorder_lost(&w->recorder, 1);
	} else {
		recorder_wrote(&w->recorder, w->now_ns, 0, false);
	}
}

bool flowwriter_again(const struct flowwriter *w)
{
	return w->journal.next < w->done;
}

void flowwriter_window(struct flowwriter *w, bool open)
{
	w->windowed = open;
	w->window_at = w->journal.next;
}

void flowwriter_logged(struct flowwriter *w, uint32_t seq)
{
	/* the kernel's number has 32 bits */
	uint32_t missing = seq - (uint32_t)w->logged_next;
	if (missing < UINT32_MAX / 2) {
		w->logged_lost += missing;
		w->logged_next += missing;
	}
	w->logged_next++;
}

void flowwriter_verdicts(struct flowwriter *w)
{
	w->logged_lost = 0;
	w->logged_done = w->logged_next;
}

void flowwriter_refused(struct flowwriter *w, const struct msg_refused *at)
{
	w->refused_done = *at;
}

void flowwriter_end(struct flowwriter *w)
{
	if (w->dropped)
		say_dropped(w, false);
	if (w->recorder.with.ops)
		recorder_end(&w->recorder);
}

void flowwriter_settle(struct flowwriter *w)
{
	bool pending = w->recorder.phase == RECORDER_OPEN && w->recorder.raw.len;
	if (pending || w->windowed || w->journal.next < w->done)
		return;
	journal_settled(&w->journal, w->journal.next);
	journal_release(&w->journal, w->journal.next);
}
