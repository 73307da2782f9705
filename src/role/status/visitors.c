#include "role/status/visitors.h"

#include <poll.h>

#include "base/text.h"
#include "os/clock.h"
#include "os/tcp.h"

#define ACCEPTS_AT_ONCE 16

static struct visitors *self; /* there is one port */

static void open_door(void);

static void drop(struct visitor *o, enum metrics_visit how)
{
	loop_unwatch(self->loop, &o->watch);
	loop_timer_stop(self->loop, &o->timer);
	tcp_close(o->watch.fd);
	o->state = VISITOR_NONE;
	self->ended(how);
}

static void leave(struct visitor *o, enum metrics_visit how)
{
	drop(o, how);
	open_door();
}

static void late(void *arg)
{
	struct visitor *o = arg;
	leave(o, o->state == VISITOR_GOES ? VISIT_ANSWERED : VISIT_SLOW);
}

/* ---- the answer */

static void write_answer(struct visitor *o, enum err e)
{
	static uint8_t text[VISITORS_TEXT_MAX];
	struct buf body = BUF_OF(text);
	const char *type = "text/plain; charset=utf-8";
	unsigned status = e ? o->request.status : 405;
	if (!e && (o->request.is_get || o->request.is_head))
		status = self->page(o->request.path, &type, &body);
	ASSERT(!body.overflow);
	uint8_t digits[24];
	struct buf length = BUF_OF(digits);
	text_u64(&length, body.len);
	o->answer = BUF_OF(o->text);
	http1_status_line(&o->answer, status);
	http1_header(&o->answer, "Content-Type", span_str(type));
	http1_header(&o->answer, "Content-Length", buf_span(&length));
	http1_header(&o->answer, "Cache-Control", SPAN("no-store"));
	if (status == 405)
		http1_header(&o->answer, "Allow", SPAN("GET, HEAD"));
	http1_header(&o->answer, "Connection", SPAN("close"));
	http1_head_end(&o->answer);
	if (!o->request.is_head)
		buf_put(&o->answer, buf_span(&body));
	ASSERT(!o->answer.overflow);
}

static void send_answer(struct visitor *o)
{
	while (o->sent < o->answer.len) {
		size_t sent;
		if (tcp_send(o->watch.fd, span_from(buf_span(&o->answer), o->sent), false, &sent)) {
			leave(o, VISIT_BROKEN);
			return;
		}
		o->sent += sent;
		if (sent == 0)
			return;
	}
	/* what it still sends is read: else its own system might throw the answer away */
	o->state = VISITOR_GOES;
	tcp_end(o->watch.fd);
	loop_events(&o->watch, POLLIN);
}

static void answer(struct visitor *o, enum err e)
{
	write_answer(o, e);
	o->state = VISITOR_READS;
	loop_events(&o->watch, POLLOUT);
	send_answer(o);
}

/* ---- the request */

static void read_some(struct visitor *o)
{
	uint8_t bytes[HTTP1_REQUEST_MAX];
	size_t got, used;
	enum err e = tcp_recv(o->watch.fd, bytes, sizeof(bytes), &got);
	if (e == ERR_MORE)
		return;
	if (e) {
		leave(o, o->state == VISITOR_GOES ? VISIT_ANSWERED : VISIT_BROKEN);
		return;
	}
	if (o->state == VISITOR_GOES)
		return;
	e = http1_request_feed(&o->request, span_of(bytes, got), &used);
	if (e != ERR_MORE)
		answer(o, e);
}

static void ready(void *arg, short revents)
{
	struct visitor *o = arg;
	if (o->state == VISITOR_READS && !(revents & (POLLERR | POLLHUP)))
		send_answer(o);
	else if (o->state == VISITOR_READS)
		leave(o, VISIT_BROKEN);
	else
		read_some(o);
}

/* ---- who comes in */

static bool allowed(const struct ip *from)
{
	for (uint32_t i = 0; i < self->allow->count; i++)
		if (ip_net_has(&self->allow->net[i], from))
			return true;
	return false;
}

/* Who is to go first: one that has its answer, else the one that is here longest. */
static uint64_t stays_until_ns(const struct visitor *o)
{
	return o->state == VISITOR_GOES ? 0 : o->since_ns + VISITORS_PATIENCE_NS;
}

/* NULL: all places are taken, and nobody has been here for long; *until_ns is when to look again. */
static struct visitor *place(uint64_t *until_ns)
{
	struct visitor *oldest = &self->one[0];
	for (uint32_t i = 0; i < VISITORS_MAX; i++) {
		if (self->one[i].state == VISITOR_NONE)
			return &self->one[i];
		if (stays_until_ns(&self->one[i]) < stays_until_ns(oldest))
			oldest = &self->one[i];
	}
	*until_ns = stays_until_ns(oldest);
	if (clock_mono_ns() < *until_ns)
		return NULL;
	drop(oldest, oldest->state == VISITOR_GOES ? VISIT_ANSWERED : VISIT_CROWD);
	return oldest;
}

static void come_in(struct visitor *o, int fd)
{
	o->state = VISITOR_ASKS;
	o->since_ns = clock_mono_ns();
	o->sent = 0;
	http1_request_init(&o->request);
	o->watch = (struct loop_watch){.fd = fd, .events = POLLIN, .fn = ready, .arg = o};
	loop_watch(self->loop, &o->watch);
	o->timer = (struct loop_timer){.fn = late, .arg = o};
	loop_timer_in(self->loop, &o->timer, VISITORS_NS);
}

/* The one at the door comes in, when there is a place; until then the listener waits. */
static void open_door(void)
{
	uint64_t until_ns;
	loop_timer_stop(self->loop, &self->room);
	struct visitor *o = self->at_door < 0 ? NULL : place(&until_ns);
	if (o) {
		come_in(o, self->at_door);
		self->at_door = -1;
	}
	if (self->at_door >= 0) {
		loop_unwatch(self->loop, &self->listener);
		loop_timer_at(self->loop, &self->room, until_ns);
	} else if (self->listener.slot < 0) {
		loop_watch(self->loop, &self->listener);
	}
}

static void knock(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	for (int i = 0; i < ACCEPTS_AT_ONCE && self->at_door < 0; i++) {
		struct ip from;
		int fd;
		if (tcp_accept(self->listener.fd, &from, &fd))
			return;
		if (allowed(&from)) {
			self->at_door = fd;
			open_door();
			continue;
		}
		tcp_close(fd);
		self->ended(VISIT_SOURCE);
	}
}

static void room(void *arg)
{
	(void)arg;
	open_door();
}

void visitors_open(struct visitors *v, int listener)
{
	self = v;
	v->at_door = -1;
	v->room = (struct loop_timer){.fn = room};
	v->listener = (struct loop_watch){.fd = listener, .events = POLLIN, .fn = knock, .slot = -1};
	open_door();
}
