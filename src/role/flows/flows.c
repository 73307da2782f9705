#include "role/flows/flows.h"

#include <poll.h>
#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/secret.h"
#include "role/flows/reconcile.h"
#include "role/flows/undelivered.h"

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
	struct peer init, net, keys, upload, spool;
	struct pool pool;
	struct object_identity identity;
	struct settings settings;
	struct flowwriter writer;
	struct reconcile reconcile;
	struct unanswered unanswered;
	struct undelivered undelivered;
	struct loop_watch events;
	struct loop_timer look, window, live, drain;
	bool armed, draining;
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
	g.draining = g.armed = false;
	peer_send(&g.init, MSG_DRAINED, &none);
}

static void drain_due(void *arg)
{
	(void)arg;
	bool failed = !g.reconcile.all_told && g.failed_dumps >= DUMP_TRIES;
	if (!g.draining)
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
	if (g.draining && g.quiet && !more && room && hand_on()) {
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

static void want_key(void *arg, bool any)
{
	(void)arg;
	peer_send(&g.keys, MSG_KEY_WANTED, &(struct msg_flag){any});
}

static void sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	peer_send(&g.keys, MSG_SIGN_OBJECT, meta);
}

static void sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	peer_hand_on(&g.settings, &g.spool, &g.upload, s);
	if (g.draining)
		loop_timer_in(&g.loop, &g.look, 0);
}

static void ready(void *arg)
{
	(void)arg;
	loop_timer_in(&g.loop, &g.look, 0);
}

static const struct flowwriter_ops writer_ops = {
	.want_key = want_key, .sign = sign, .sealed = sealed, .ready = ready};
static const struct reconcile_ops reconcile_ops = {
	.write = write_flow, .end = end_in_dump, .reconciled = write_reconciled, .dumped = dumped};

static void keys_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (flowwriter_opened(&g.writer))
		recorder_keys_anew(&g.writer.recorder);
}

/* upload, or the spool: whoever takes the objects */
static void taker_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (flowwriter_opened(&g.writer))
		recorder_announce(&g.writer.recorder);
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
	g.draining = true;
	g.failed_dumps = 0;
	g.give_up_ns = clock_mono_ns() + DRAIN_MAX_NS;
	loop_timer_stop(&g.loop, &g.live);
	reconcile_tell_all(&g.reconcile);
	loop_timer_in(&g.loop, &g.drain, DRAIN_NS);
	look(NULL);
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	const struct msg_config *c = (const void *)m->payload;
	(void)arg;
	(void)index;
	switch (m->type) {
	case MSG_PEER:
		peer_join(peer_role(m) == ROLE_KEYS    ? &g.keys
			  : peer_role(m) == ROLE_SPOOL ? &g.spool
			  : peer_role(m) == ROLE_NET   ? &g.net
						       : &g.upload,
			  m);
		break;
	case MSG_SETTINGS:
		g.settings = c->settings;
		g.identity = c->identity;
		flowwriter_open(&g.writer, &g.pool);
		break;
	case MSG_ARM:
		arm();
		break;
	case MSG_DRAIN:
		drain();
		break;
	default:
		trap();
	}
}

static void from_keys(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_CLOCK_STATE) {
		g.writer.clock = *(const struct msg_clock *)(const void *)m->payload;
	} else if (m->type == MSG_OBJECT_SIGNED) {
		recorder_signed(&g.writer.recorder, (const void *)m->payload);
	} else {
		recorder_key(&g.writer.recorder, (const void *)m->payload);
		wipe((void *)(uintptr_t)m->payload, sizeof(struct msg_key));
	}
}

static void from_net(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)index;
	undelivered_refused(&g.undelivered, (const void *)m->payload);
	look(arg);
}

static void from_taker(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	recorder_free(&g.writer.recorder, (const void *)m->payload);
}

/* ---- start */

static void set_up(const int *fds)
{
	struct pool journal;
	g.events = (struct loop_watch){.fd = fds[0], .events = POLLIN, .fn = readable, .slot = -1};
	g.undelivered.loop = &g.loop;
	g.undelivered.writer = &g.writer;
	g.undelivered.fd = fds[2];
	g.undelivered.due = look;
	undelivered_init(&g.undelivered);
	g.look.fn = look;
	g.window.fn = window_due;
	g.live.fn = live_due;
	g.drain.fn = drain_due;
	ASSERT(!pool_map(fds[3], 1, g.start.log_segment_bytes, g.start.log_segments, &g.pool));
	ASSERT(!pool_map(fds[4], 1, JOURNAL_BYTES, 1, &journal));
	rng_fill(g.unanswered.key, sizeof(g.unanswered.key));
	g.writer.loop = g.reconcile.dump.loop = &g.loop;
	g.writer.ops = &writer_ops;
	g.writer.settings = &g.settings;
	g.writer.identity = &g.identity;
	flowwriter_init(&g.writer, &journal);
	g.reconcile.ops = &reconcile_ops;
	g.reconcile.dump.init = &g.init;
	g.reconcile.dump.fd = fds[1];
	reconcile_init(&g.reconcile, g.start.life, g.start.flow_slots);
}

_Noreturn void role_flows(int channel)
{
	int fds[5];
	enum err locked = secret_guard();
	peer_start(channel, ROLE_FLOWS, &g.start, fds, 5);
	log_open(channel, MSG_LOG_LINE, "flows");
	log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(&g.loop);
	peer_init(&g.init, ROLE_FLOWS, ROLE_INIT, &g.loop, from_init, NULL);
	peer_init(&g.net, ROLE_FLOWS, ROLE_NET, &g.loop, from_net, NULL);
	peer_init(&g.keys, ROLE_FLOWS, ROLE_KEYS, &g.loop, from_keys, keys_anew);
	peer_init(&g.upload, ROLE_FLOWS, ROLE_UPLOAD, &g.loop, from_taker, taker_anew);
	peer_init(&g.spool, ROLE_FLOWS, ROLE_SPOOL, &g.loop, from_taker, taker_anew);
	set_up(fds);
	peer_watch(&g.init, channel);
	loop_run(&g.loop);
	_exit(0);
}
