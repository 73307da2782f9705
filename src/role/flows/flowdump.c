#include "role/flows/flowdump.h"

#include <linux/netlink.h>
#include <poll.h>

#include "base/time.h"

#define ANSWER_NS (10 * NS_PER_S)
#define DATAGRAMS_PER_TURN 16
#define NUMBERS_PER_LIFE 1000000u

static void ask(struct flowdump *d, bool dying)
{
	d->dying = dying;
	d->number++;
	loop_timer_in(d->loop, &d->deadline, ANSWER_NS);
	peer_send(d->init, MSG_FLOWS_DUMP, &(struct msg_flows_dump){d->number, dying});
}

static void end(struct flowdump *d, enum err e)
{
	d->active = false;
	d->rest = span_of(NULL, 0);
	loop_timer_stop(d->loop, &d->deadline);
	d->done(d->arg, e);
}

static void part_ends(struct flowdump *d, enum err e)
{
	if (e || d->dying)
		end(d, e);
	else
		ask(d, true);
}

static void late(void *arg)
{
	struct flowdump *d = arg;
	if (d->active)
		end(d, ERR_TIMEOUT);
}

/* NLMSG_ERROR and NLMSG_DONE begin with -errno. */
static enum err result_of(const struct nlmsg *m)
{
	return m->body.len >= 4 && load_le32(m->body.p) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* False: no room; the message comes again. */
static bool take(struct flowdump *d, const struct nlmsg *m)
{
	struct ct_flow f;
	bool gone;
	if (!d->active || m->seq != d->number)
		return true; /* what a process before asked for, or what came too late */
	if (m->type == NLMSG_ERROR || m->type == NLMSG_DONE)
		part_ends(d, result_of(m));
	else if (!ct_read(m, &f, &gone))
		return d->flow(d->arg, &f, d->dying);
	return true;
}

/* False: no room. */
static bool read_rest(struct flowdump *d)
{
	struct nlmsg m;
	for (;;) {
		struct span before = d->rest;
		if (nlmsg_next(&d->rest, &m))
			break;
		if (!take(d, &m)) {
			d->rest = before;
			return false;
		}
	}
	d->rest = span_of(NULL, 0);
	return true;
}

/* Nothing is left unread when it returns but for want of room: the last datagram is followed by none that
 * would wake anybody. */
static void readable(void *arg, short revents)
{
	struct flowdump *d = arg;
	(void)revents;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		struct buf b = BUF_OF(d->bytes);
		enum err e = netlink_receive(d->fd, &b);
		if (e == ERR_LOST && d->active)
			end(d, e);
		if (e)
			return;
		d->rest = buf_span(&b);
		if (d->active)
			loop_timer_in(d->loop, &d->deadline, ANSWER_NS);
		if (!read_rest(d)) {
			loop_unwatch(d->loop, &d->watch);
			loop_timer_stop(d->loop, &d->deadline); /* it is not the kernel that is late */
			return;
		}
	}
}

void flowdump_go_on(struct flowdump *d)
{
	if (d->watch.slot >= 0 || !read_rest(d))
		return;
	loop_watch(d->loop, &d->watch);
	if (d->active)
		loop_timer_in(d->loop, &d->deadline, ANSWER_NS);
}

void flowdump_start(struct flowdump *d)
{
	if (d->active)
		return;
	/* the kernel answers one question at a time: what is left of an older answer first */
	struct buf b = BUF_OF(d->bytes);
	while (!netlink_receive(d->fd, &b))
		;
	d->active = true;
	ask(d, false);
}

void flowdump_init(struct flowdump *d, uint32_t life)
{
	d->number = life * NUMBERS_PER_LIFE;
	d->deadline = (struct loop_timer){.fn = late, .arg = d};
	d->watch = (struct loop_watch){.fd = d->fd, .events = POLLIN, .fn = readable, .arg = d, .slot = -1};
	loop_watch(d->loop, &d->watch);
}
