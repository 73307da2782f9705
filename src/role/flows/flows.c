#include "role/flows/flows.h"

#include <poll.h>
#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "role/flows/reconcile.h"
#include "role/flows/undelivered.h"
#include "role/producer.h"

#define EVENTS_PER_TURN 512
#define WINDOW_NS (10 * NS_PER_S)
#define LIVE_NS (300 * NS_PER_S) /* flows that live longer have a line so often */
#define LOOK_NS NS_PER_S         /* while there is no room */
/* After DRAIN the kernel hands over what it logged within a tenth of a second; wait for three. */
#define DRAIN_NS (300 * NS_PER_MS)
/* So long records wait for a slot or a key then: the packets' objects must still be shipped. */
#define DRAIN_MAX_NS (10 * NS_PER_S)
#define DUMP_TRIES 3

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net;
	struct producer producer;
	struct pool pool;
	struct flowwriter writer;
	struct reconcile reconcile;
	struct unanswered unanswered;
	struct undelivered undelivered;
	struct loop_watch events;
	struct loop_timer look, window, live, drain;
	bool armed;
	bool quiet, handed_on; /* all is dumped, and DRAIN_NS are over; nothing more is taken */
	bool window_over;      /* its records are due, and wait for room */
	unsigned failed_dumps;
	uint64_t give_up_ns; /* monotonic */
} g;

static void look(void *arg);

/* ---- flows that end */

static void window_due(void *arg)
{
	g.window_over = true;
	look(arg);
}

/* Its record, or its place in a crowd. again: the process before wrote the record, unless it was in a crowd.
 * False: no room. */
static bool write_end(const struct ct_flow *f, bool again)
{
	struct buf *b = again ? NULL : flowwriter_room(&g.writer, FLOWLINES_FLOW_MAX);
	if (!again && !b)
		return false;
	if (!(f->status & CT_ANSWERED) && !g.window.active) {
		loop_timer_in(&g.loop, &g.window, WINDOW_NS);
		flowwriter_window(&g.writer, true);
	}
	if (unanswered_take(&g.unanswered, f) || again)
		return true;
	flowlines_flow(b, g.writer.now_ns, f, flowlines_reason(f));
	flowwriter_wrote(&g.writer, b);
	flowlines_flow_keys(recorder_bloom(&g.writer.recorder), f);
	return true;
}

static bool write_flow(void *arg, const struct ct_flow *f, const char *reason)
{
	(void)arg;
	struct buf *b = flowwriter_room(&g.writer, FLOWLINES_FLOW_MAX);
	if (!b)
		return false;
	flowlines_flow(b, g.writer.now_ns, f, reason);
	flowwriter_wrote(&g.writer, b);
	flowlines_flow_keys(recorder_bloom(&g.writer.recorder), f);
	return true;
}

static bool write_reconciled(void *arg, const struct flowlines_reconciled *r)
{
	(void)arg;
	struct buf *b = flowwriter_room(&g.writer, FLOWLINES_FLOW_MAX);
	if (!b)
		return false;
	flowlines_reconciled(b, g.writer.now_ns, r);
	flowwriter_wrote(&g.writer, b);
	return true;
}

static bool end_in_dump(void *arg, const struct ct_flow *f)
{
	(void)arg;
	return write_end(f, false);
}

/* All crowds at once: they are in one commit, or none is. False: no room. */
static bool end_window(void)
{
	const struct unanswered_crowd *c;
	uint32_t i = 0;
	if (g.unanswered.crowds) {
		struct buf *b = flowwriter_room(&g.writer, g.unanswered.crowds * FLOWLINES_CROWD_MAX);
		if (!b)
			return false;
		while (unanswered_next(&g.unanswered, &i, &c)) {
			flowlines_crowd(b, g.writer.now_ns, c);
			flowwriter_wrote(&g.writer, b);
			flowlines_crowd_keys(recorder_bloom(&g.writer.recorder), c);
		}
	}
	unanswered_reset(&g.unanswered);
	loop_timer_stop(&g.loop, &g.window);
	flowwriter_window(&g.writer, false);
	g.window_over = false;
	return true;
}

/* False: no room. */
static bool take_event(const struct nlmsg *m)
{
	struct ct_flow f;
	bool gone, again = flowwriter_again(&g.writer);
	if (ct_read(m, &f, &gone))
		return true;
	if (!gone) {
		reconcile_began(&g.reconcile, &f);
		return true;
	}
	if (!reconcile_told(&g.reconcile, &f) && !write_end(&f, again))
		return false;
	reconcile_ended(&g.reconcile, &f);
	return true;
}

/* ---- the sockets */

/* From the socket into the journal; false: there is no more now, or the journal is full. */
static bool receive_events(void)
{
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		struct buf place;
		if (!journal_room(&g.writer.journal, &place))
			return false;
		enum err e = netlink_receive(g.events.fd, &place);
		if (e == ERR_LOST)
			reconcile_lost(&g.reconcile);
		else if (e)
			return false;
		else
			journal_received(&g.writer.journal, place.len);
	}
	return true;
}

/* False: no room. */
static bool write_events(void)
{
	struct nlmsg m;
	for (;;) {
		if (g.window_over && !end_window())
			return false;
		if (!journal_next(&g.writer.journal, &m))
			return true;
		if (!take_event(&m))
			return false;
		journal_read(&g.writer.journal);
		if (journal_tight(&g.writer.journal) && g.window.active)
			g.window_over = true; /* what it holds back is needed */
	}
}

/* ---- the end */

/* All is told: true when it is handed on, too. */
static bool hand_on(void)
{
	if (!reconcile_finish(&g.reconcile) || !end_window())
		return false;
	if (!undelivered_write(&g.undelivered, true))
		return false;
	g.handed_on = true;
	loop_unwatch(&g.loop, &g.events);
	undelivered_watch(&g.undelivered, false);
	recorder_rotate(&g.writer.recorder);
	return g.writer.recorder.phase == RECORDER_IDLE; /* else again when it is signed */
}

static void drained(void)
{
	static const struct msg_totals none; /* the records are no packets */
	flowwriter_end(&g.writer);
	g.producer.draining = g.armed = false;
	peer_send(&g.init, MSG_DRAINED, &none);
}

static void drain_due(void *arg)
{
	(void)arg;
	bool failed = !g.reconcile.all_told && g.failed_dumps >= DUMP_TRIES;
	if (!g.producer.draining)
		return;
	if (failed && !g.quiet)
		log_event(LOG_ALARM, "flows-not-dumped", "reason", "those that live have no record");
	g.quiet = g.reconcile.all_told || failed;
	g.writer.hurried = clock_mono_ns() > g.give_up_ns;
	loop_timer_in(&g.loop, &g.drain, DRAIN_NS);
	look(NULL);
}

static void dumped(void *arg, enum err e)
{
	(void)arg;
	g.failed_dumps = e ? g.failed_dumps + 1 : 0;
	if (e)
		log_event(LOG_WARN, "flows-dump-failed", "reason", err_text(e));
	loop_timer_in(&g.loop, &g.look, 0);
}

/* ---- the loop's turn */

/* While the journal is full the kernel keeps them. */
static void watch_events(void)
{
	struct buf place;
	bool wanted = !g.handed_on && journal_room(&g.writer.journal, &place);
	if (!wanted)
		loop_unwatch(&g.loop, &g.events);
	else if (g.events.slot < 0)
		loop_watch(&g.loop, &g.events);
}

/* Takes what is there and writes it, as far as there is room. */
static void look(void *arg)
{
	(void)arg;
	if (!g.armed)
		return;
	bool more = !g.handed_on && receive_events();
	bool room = write_events();
	more |= !g.handed_on && undelivered_receive(&g.undelivered);
	if (room && !g.handed_on)
		room = undelivered_write(&g.undelivered, false);
	if (room)
		flowdump_go_on(&g.reconcile.dump);
	flowwriter_settle(&g.writer);
	watch_events();
	if (g.producer.draining && g.quiet && !more && room && hand_on()) {
		drained();
		return;
	}
	if (more || !room)
		loop_timer_in(&g.loop, &g.look, more ? 0 : LOOK_NS);
}

static void readable(void *arg, short revents)
{
	(void)revents;
	look(arg);
}

static void live_due(void *arg)
{
	(void)arg;
	reconcile_live(&g.reconcile);
	loop_timer_in(&g.loop, &g.live, LIVE_NS);
}

/* ---- channels */

static const struct flowwriter_ops writer_ops = {.want_key = producer_want_key,
						 .sign = producer_sign,
						 .sealed = producer_sealed,
						 .ready = producer_ready};
static const struct reconcile_ops reconcile_ops = {
	.write = write_flow, .end = end_in_dump, .reconciled = write_reconciled, .dumped = dumped};

static void open_stream(const void *payload)
{
	producer_settle(payload);
	flowwriter_open(&g.writer, &g.pool);
}

static void arm(void)
{
	if (g.armed)
		return;
	g.armed = true;
	recorder_prepare(&g.writer.recorder);
	undelivered_watch(&g.undelivered, true);
	reconcile_begin(&g.reconcile);
	loop_timer_in(&g.loop, &g.live, LIVE_NS);
	look(NULL);
}

static void drain(void)
{
	if (!g.armed) {
		drained();
		return;
	}
	g.producer.draining = true;
	g.failed_dumps = 0;
	g.give_up_ns = clock_mono_ns() + DRAIN_MAX_NS;
	loop_timer_stop(&g.loop, &g.live);
	reconcile_tell_all(&g.reconcile);
	loop_timer_in(&g.loop, &g.drain, DRAIN_NS);
	look(NULL);
}

static void refused_told(const void *payload)
{
	undelivered_refused(&g.undelivered, payload);
	look(NULL);
}

static void clock_told(const void *payload)
{
	memcpy(&g.writer.clock, payload, sizeof(g.writer.clock));
}

/* ---- start */

static void set_up(const int fds[START_FDS])
{
	struct pool journal;
	producer_init(&g.producer, &g.writer.recorder, &g.loop, &g.look);
	g.events = (struct loop_watch){.fd = fds[START_EVENTS], .events = POLLIN, .fn = readable, .slot = -1};
	g.undelivered.loop = &g.loop;
	g.undelivered.writer = &g.writer;
	g.undelivered.fd = fds[START_LOGGED];
	g.undelivered.due = look;
	undelivered_init(&g.undelivered);
	g.look.fn = look;
	g.window.fn = window_due;
	g.live.fn = live_due;
	g.drain.fn = drain_due;
	role_own_pool(fds, &g.pool);
	enum err e = pool_map(fds[START_JOURNAL], 1, JOURNAL_BYTES, 1, &journal);
	ASSERT(!e);
	rng_fill(g.unanswered.key, sizeof(g.unanswered.key));
	g.writer.loop = g.reconcile.dump.loop = &g.loop;
	g.writer.ops = &writer_ops;
	g.writer.settings = &g.producer.settings;
	g.writer.identity = &g.producer.identity;
	flowwriter_init(&g.writer, &journal);
	g.reconcile.ops = &reconcile_ops;
	g.reconcile.dump.init = &g.init;
	g.reconcile.dump.fd = fds[START_DUMP];
	reconcile_init(&g.reconcile, g.start.life, g.start.flow_slots);
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_SETTINGS, .take = open_stream},
	{ROLE_INIT, MSG_ARM, .call = arm},
	{ROLE_INIT, MSG_DRAIN, .call = drain},
	{ROLE_NET, MSG_REFUSED, .take = refused_told},
	{ROLE_KEYS, MSG_PEER, .call = producer_keys_anew},
	{ROLE_KEYS, MSG_CLOCK_STATE, .take = clock_told},
	{ROLE_KEYS, MSG_KEY, .take = producer_key},
	{ROLE_KEYS, MSG_OBJECT_SIGNED, .take = producer_signed},
	{ROLE_UPLOAD, MSG_PEER, .call = producer_taker_anew},
	{ROLE_UPLOAD, MSG_FREE, .take = producer_taken},
	{ROLE_SPOOL, MSG_PEER, .call = producer_taker_anew},
	{ROLE_SPOOL, MSG_STORED, .take = producer_taken},
};

const struct role role_flows = {
	.id = ROLE_FLOWS,
	.spawn = {.uid = 106, .empty_network = true, .secrets = true},
	.descriptors = START_BIT(START_EVENTS) | START_BIT(START_DUMP) | START_BIT(START_LOGGED) |
		       START_BIT(START_JOURNAL) | START_BIT(START_OWN_POOL),
	.sandbox = &calls_flows,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_NET] = &g.net,
		  [ROLE_KEYS] = &g.producer.keys,
		  [ROLE_UPLOAD] = &g.producer.upload,
		  [ROLE_SPOOL] = &g.producer.spool},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
