#include "role/visitors.h"

#include <poll.h>

#include "base/text.h"
#include "os/clock.h"
#include "os/tcp.h"

#define ACCEPTS_AT_ONCE 16

static struct visitors *self; /* there is one port */

static void listen_again(void);

static void leave(struct visitor *o, enum metrics_visit how)
{
	loop_unwatch(self->loop, &o->watch);
	loop_timer_stop(self->loop, &o->timer);
	tcp_close(o->watch.fd);
	o->state = VISITOR_NONE;
	self->ended(how);
	listen_again();
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

/* A place for the next one; NULL: the longest is here no long time, and the listener waits for it. */
static struct visitor *place(void)
{
	struct visitor *oldest = &self->one[0];
	for (uint32_t i = 0; i < VISITORS_MAX; i++) {
		if (self->one[i].state == VISITOR_NONE)
			return &self->one[i];
		if (self->one[i].since_ns < oldest->since_ns)
			oldest = &self->one[i];
	}
	if (clock_mono_ns() - oldest->since_ns >= VISITORS_PATIENCE_NS) {
		leave(oldest, oldest->state == VISITOR_GOES ? VISIT_ANSWERED : VISIT_CROWD);
		return oldest;
	}
	loop_unwatch(self->loop, &self->listener);
	loop_timer_at(self->loop, &self->room, oldest->since_ns + VISITORS_PATIENCE_NS);
	return NULL;
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

static void knock(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct ip from;
		int fd;
		struct visitor *o = place();
		if (!o || tcp_accept(self->listener.fd, &from, &fd))
			return;
		if (allowed(&from)) {
			come_in(o, fd);
			continue;
		}
		tcp_close(fd);
		self->ended(VISIT_SOURCE);
	}
}

static void listen_again(void)
{
	loop_timer_stop(self->loop, &self->room);
	if (self->listener.slot < 0)
		loop_watch(self->loop, &self->listener);
}

static void room(void *arg)
{
	(void)arg;
	listen_again();
}

void visitors_open(struct visitors *v, int listener)
{
	self = v;
	v->room = (struct loop_timer){.fn = room};
	v->listener = (struct loop_watch){.fd = listener, .events = POLLIN, .fn = knock, .slot = -1};
	listen_again();
}
