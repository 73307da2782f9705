#include "role/flows/undelivered.h"

#include <poll.h>
#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "role/conntrackwatch.h"
#include "role/flows/flowlines.h"

#define LOGGED_PER_TURN 64
#define WINDOW_NS (10 * NS_PER_S)

/* ---- logged packets */

bool undelivered_receive(struct undelivered *u)
{
	for (int i = 0; i < LOGGED_PER_TURN; i++) {
		struct buf b = BUF_OF(u->datagram);
		enum err e = netlink_receive(u->fd, &b);
		if (e == ERR_LOST)
			continue; /* their numbers will be missing */
		if (e)
			return false;
		struct span in = buf_span(&b);
		struct nlmsg m;
		struct nflog_packet p;
		while (!nlmsg_next(&in, &m)) {
			if (nflog_read(&m, &p))
				continue;
			flowwriter_logged(u->writer, p.has_seq ? p.seq : (uint32_t)u->writer->logged_next);
			verdicts_take(&u->verdicts, &p, clock_real_ns());
			if (!u->window.active && !u->over)
				loop_timer_in(u->loop, &u->window, WINDOW_NS);
		}
	}
	return true;
}

/* False: no room. */
static bool write_verdicts(struct undelivered *u)
{
	struct flowwriter *w = u->writer;
	const struct verdicts_one *v;
	uint32_t i = 0, count = u->verdicts.count + u->verdicts.others;
	struct buf *b = flowwriter_room(w, (count + 1) * FLOWLINES_VERDICT_MAX);
	if (!b)
		return false;
	while (verdicts_next(&u->verdicts, &i, &v)) {
		flowlines_verdict(b, w->now_ns, v);
		flowwriter_wrote(w, b);
		flowlines_verdict_keys(recorder_bloom(&w->recorder), v);
	}
	if (w->logged_lost) {
		log_begin(LOG_WARN, "verdicts-lost");
		log_u64("packets", w->logged_lost);
		log_end();
		flowlines_verdicts_lost(b, w->now_ns, w->logged_lost);
		flowwriter_wrote(w, b);
	}
	verdicts_reset(&u->verdicts);
	flowwriter_verdicts(w);
	loop_timer_stop(u->loop, &u->window);
	u->over = false;
	return true;
}

/* ---- what connection tracking refused */

void undelivered_refused(struct undelivered *u, const struct msg_refused *told)
{
	u->refused = *told;
}

/* What came about since the records that are there. The first word in a life of the appliance is where it
 * begins. False: no room. */
static bool write_refused(struct undelivered *u)
{
	struct flowwriter *w = u->writer;
	const struct msg_refused *now = &u->refused, *before = &w->refused_done;
	if (now->at_ns == 0 || now->at_ns == before->at_ns)
		return true;
	struct conntrackwatch_refused since = conntrackwatch_refused(&now->stats, &before->stats);
	const struct {
		const char *reason;
		uint64_t packets;
	} told[] = {{CONNTRACK_FULL, since.full}, {CONNTRACK_NO_PORT, since.no_port}};
	if (before->at_ns && (since.full || since.no_port)) {
		struct buf *b = flowwriter_room(w, 2 * FLOWLINES_VERDICT_MAX);
		if (!b)
			return false;
		for (size_t i = 0; i < 2; i++) {
			if (!told[i].packets)
				continue;
			flowlines_refused(b, w->now_ns, told[i].reason, before->at_ns, now->at_ns,
					  told[i].packets);
			flowwriter_wrote(w, b);
		}
	}
	flowwriter_refused(w, now);
	return true;
}

bool undelivered_write(struct undelivered *u, bool all)
{
	if (!write_refused(u))
		return false;
	bool due = u->over || (all && (u->verdicts.count || u->writer->logged_lost));
	return !due || write_verdicts(u);
}

/* ---- its life */

static void window_over(void *arg)
{
	struct undelivered *u = arg;
	u->over = true;
	u->due(NULL);
}

static void readable(void *arg, short revents)
{
	struct undelivered *u = arg;
	(void)revents;
	u->due(NULL);
}

void undelivered_watch(struct undelivered *u, bool on)
{
	if (on)
		loop_watch(u->loop, &u->log);
	else
		loop_unwatch(u->loop, &u->log);
}

void undelivered_init(struct undelivered *u)
{
	rng_fill(u->verdicts.key, sizeof(u->verdicts.key));
	u->log = (struct loop_watch){.fd = u->fd, .events = POLLIN, .fn = readable, .arg = u, .slot = -1};
	u->window = (struct loop_timer){.fn = window_over, .arg = u};
}
