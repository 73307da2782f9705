#include "role/https.h"

#include <poll.h>
#include <string.h>

#include "base/time.h"
#include "base/version.h"
#include "os/clock.h"
#include "os/rng.h"
#include "os/tcp.h"
#include "role/https_send.h"

#define TURN_BYTES 262144 /* received before other descriptors get their turn */
#define PLAIN_READ_BYTES 16384
#define TICK_MS 2500 /* how often the peer's acknowledgements are looked at */

/* ---- the connection's end */

static void drop(struct https *h)
{
	loop_unwatch(h->loop, &h->watch);
	loop_timer_stop(h->loop, &h->timer);
	tcp_close(h->fd);
	h->fd = -1;
	h->state = HTTPS_CLOSED;
}

/* In order, as far as that is possible without waiting. */
static void hang_up(struct https *h)
{
	if (h->use_tls) {
		tls_close(&h->tls);
		https_send_last(h);
	}
	drop(h);
}

static void keep(struct https *h)
{
	h->state = HTTPS_KEPT;
	loop_events(&h->watch, POLLIN);
	loop_timer_in(h->loop, &h->timer, HTTPS_KEEP_MS * NS_PER_MS);
}

static bool may_keep(struct https *h)
{
	return h->response.keep_alive && h->sent_all && !h->spoiled && !h->send_failed &&
	       (!h->use_tls || (tls_status(&h->tls) == ERR_OK && https_unsent(h) == 0));
}

static const char *where(const struct https *h)
{
	if (h->state == HTTPS_FAILED || h->state == HTTPS_CONNECTING)
		return "connect";
	if (h->use_tls && !tls_ready(&h->tls))
		return "TLS handshake";
	return h->answered || h->sent_all ? "answer" : "send";
}

static void finish(struct https *h, enum err e)
{
	struct https_result r = {
		.err = e,
		.answered = h->answered,
		.sent_all = h->sent_all,
		.maybe_delivered = h->maybe_delivered || (e && h->sent_all),
		.reused = h->reused,
		.where = where(h),
		.why = e == ERR_TLS || e == ERR_CERTIFICATE ? tls_why(&h->tls) : err_text(e),
		.response = &h->response,
		.body = buf_span(h->response.body),
	};
	h->request.head = h->request.body = (struct span){.p = NULL};
	if (e)
		drop(h);
	else if (may_keep(h))
		keep(h);
	else
		hang_up(h);
	h->done(h->arg, &r);
}

/* ---- the connection's beginning */

static void begin_request(struct https *h, bool reused)
{
	h->reused = reused;
	h->written = 0;
	h->sent_all = h->send_failed = h->answered = h->spoiled = false;
	h->unacked = 0;
	buf_reset(&h->answer);
	h->given = buf_over(h->request.to, h->request.to_bytes);
	http1_response_init(&h->response, h->given.p ? &h->given : &h->answer, h->request.head_method);
	h->response.refusal = &h->answer;
	h->response.field = h->request.field;
	h->response.arg = h->request.field_arg;
	h->progress_ns = clock_mono_ns();
}

static void fail_on_next_turn(struct https *h, enum err e)
{
	h->state = HTTPS_FAILED;
	h->failure = e;
	loop_timer_in(h->loop, &h->timer, 0);
}

/* Sets the timer for the next look at progress, or the request's end of patience. */
static void arm(struct https *h, uint64_t now_ns)
{
	uint64_t at_ns = now_ns + TICK_MS * NS_PER_MS;
	if (h->deadline_ns && h->deadline_ns < at_ns)
		at_ns = h->deadline_ns;
	loop_timer_at(h->loop, &h->timer, at_ns);
}

/* To the next address that does not fail at once; there is one. */
static void open_connection(struct https *h)
{
	enum err e;
	begin_request(h, false);
	buf_reset(&h->batch);
	h->batch_sent = 0;
	do {
		h->peer = h->addr[h->addr_next++];
		e = tcp_connect(&h->peer, h->port, &h->fd);
	} while (e && h->addr_next < h->addr_count);
	h->opened_ns = h->progress_ns;
	if (e) {
		fail_on_next_turn(h, e);
		return;
	}
	h->state = HTTPS_CONNECTING;
	h->watch.fd = h->fd;
	h->watch.events = POLLOUT;
	loop_watch(h->loop, &h->watch);
	arm(h, h->progress_ns);
}

static enum err begin_exchange(struct https *h)
{
	TRY(tcp_connected(h->fd));
	uint64_t now_s = clock_real_ns() / NS_PER_S;
	if (h->use_tls && now_s < version_time_s)
		return ERR_CLOCK;
	h->state = HTTPS_EXCHANGE;
	h->progress_ns = clock_mono_ns();
	if (!h->use_tls)
		return ERR_OK;
	uint8_t entropy[TLS_ENTROPY_BYTES];
	rng_fill(entropy, sizeof(entropy));
	enum err e = tls_begin(&h->tls, h->anchors, h->host, now_s, entropy);
	wipe(entropy, sizeof(entropy));
	return e;
}

/* Nothing of the request can have been sent. */
static bool is_early(const struct https *h)
{
	return h->state == HTTPS_CONNECTING || (h->use_tls && !tls_ready(&h->tls));
}

static bool has_next(const struct https *h)
{
	return is_early(h) && h->addr_next < h->addr_count;
}

/* The fault may be this address's alone: the next one decides. */
static bool may_go_on(const struct https *h, enum err e)
{
	bool in_time = !h->deadline_ns || clock_mono_ns() < h->deadline_ns;
	return in_time && has_next(h) && e != ERR_CERTIFICATE && e != ERR_TLS && e != ERR_CLOCK;
}

/* A kept connection that the server had closed meanwhile says nothing of the request: a new one decides. */
static bool was_stale(const struct https *h, enum err e)
{
	return (e == ERR_CLOSED || e == ERR_RESET) && h->reused && !h->answered;
}

static void fail(struct https *h, enum err e)
{
	if (was_stale(h, e)) {
		h->maybe_delivered = h->maybe_delivered || h->sent_all;
		h->addr_next = 0;
	} else if (!may_go_on(h, e)) {
		finish(h, e);
		return;
	}
	drop(h);
	open_connection(h);
}

/* ---- receiving: ERR_OK when the answer is complete, ERR_MORE to go on, else the exchange's end */

static enum err feed(struct https *h, struct span in)
{
	size_t used;
	h->answered = true;
	enum err e = http1_response_feed(&h->response, in, &used);
	h->spoiled = e == ERR_OK && used < in.len;
	return e;
}

/* cause: ERR_CLOSED when the server ended in order. */
static enum err ended(struct https *h, enum err cause)
{
	if (h->answered)
		return cause == ERR_CLOSED ? http1_response_eof(&h->response) : cause;
	if (h->send_failed)
		return h->failure;
	/* Without an answer there is nothing that could be cut off. */
	return cause == ERR_TRUNCATED ? ERR_CLOSED : cause;
}

static enum err receive_plain(struct https *h)
{
	uint8_t in[PLAIN_READ_BYTES]; /* may be secret: wiped */
	for (size_t total = 0; total < TURN_BYTES;) {
		size_t n;
		enum err e = tcp_recv(h->fd, in, sizeof(in), &n);
		if (e)
			return e == ERR_MORE ? ERR_MORE : ended(h, e);
		h->progress_ns = clock_mono_ns();
		e = feed(h, span_of(in, n));
		wipe(in, n);
		if (e != ERR_MORE)
			return e;
		total += n;
	}
	return ERR_MORE;
}

static enum err feed_plaintext(struct https *h)
{
	struct span in;
	while ((in = tls_read(&h->tls)).len) {
		enum err e = feed(h, in);
		tls_read_done(&h->tls, in.len);
		if (e != ERR_MORE)
			return e;
	}
	return ERR_MORE;
}

static enum err tls_alive(struct https *h)
{
	enum err e = tls_status(&h->tls);
	if (e == ERR_CLOSED)
		return ended(h, e);
	return e ? e : ERR_MORE;
}

static enum err receive_tls(struct https *h)
{
	for (size_t total = 0; total < TURN_BYTES;) {
		size_t room, n;
		uint8_t *in = tls_in(&h->tls, &room);
		if (!in)
			return ERR_MORE;
		enum err e = tcp_recv(h->fd, in, room, &n);
		if (e == ERR_MORE)
			return ERR_MORE;
		if (e == ERR_CLOSED) {
			tls_eof(&h->tls);
			e = tls_status(&h->tls);
		}
		if (e)
			return ended(h, e);
		h->progress_ns = clock_mono_ns();
		tls_in_done(&h->tls, n);
		e = feed_plaintext(h);
		if (e == ERR_MORE)
			e = tls_alive(h);
		if (e != ERR_MORE)
			return e;
		total += n;
	}
	return ERR_MORE;
}

/* ---- events */

static short wanted(struct https *h)
{
	bool in = true, out = h->written < https_request_bytes(h);
	if (h->use_tls) {
		size_t room;
		in = tls_in(&h->tls, &room) != NULL;
		out = https_unsent(h) || (out && tls_ready(&h->tls));
	}
	return (short)((in ? POLLIN : 0) | (out && !h->send_failed ? POLLOUT : 0));
}

static void exchange(struct https *h)
{
	/* Read first: a server may answer, and hang up, before it has read the whole request. */
	enum err e = h->use_tls ? receive_tls(h) : receive_plain(h);
	if (e == ERR_MORE && !h->send_failed) {
		enum err failure = https_send(h);
		if (failure) {
			h->send_failed = true;
			h->failure = failure;
		}
		/* What was sent may have let the handshake go on, to a bad end too. */
		if (h->use_tls)
			e = tls_alive(h);
	}
	if (e == ERR_OK)
		finish(h, ERR_OK);
	else if (e != ERR_MORE)
		fail(h, e);
	else
		loop_events(&h->watch, wanted(h));
}

static void on_event(void *arg, short revents)
{
	struct https *h = arg;
	(void)revents;
	if (h->state == HTTPS_KEPT) {
		/* Closed by the server, or a word out of turn. */
		hang_up(h);
		return;
	}
	if (h->state == HTTPS_CONNECTING) {
		enum err e = begin_exchange(h);
		if (e) {
			fail(h, e);
			return;
		}
	}
	exchange(h);
}

static void on_time(void *arg)
{
	struct https *h = arg;
	if (h->state == HTTPS_KEPT) {
		hang_up(h);
		return;
	}
	if (h->state == HTTPS_FAILED) {
		finish(h, h->failure);
		return;
	}
	uint64_t now_ns = clock_mono_ns();
	uint64_t limit_ms = h->state == HTTPS_CONNECTING || has_next(h) ? HTTPS_CONNECT_MS : HTTPS_STALL_MS;
	size_t unacked = tcp_unacked(h->fd);
	if (unacked < h->unacked)
		h->progress_ns = now_ns;
	h->unacked = unacked;
	if ((h->deadline_ns && now_ns >= h->deadline_ns) || now_ns - h->progress_ns >= limit_ms * NS_PER_MS)
		fail(h, ERR_TIMEOUT);
	else
		arm(h, now_ns);
}

/* ---- the owner's side */

void https_init(struct https *h, struct loop *loop, const struct tls_anchors *anchors, void *body_mem,
		size_t body_cap, void (*done)(void *arg, const struct https_result *r), void *arg)
{
	memset(h, 0, sizeof(*h));
	h->state = HTTPS_CLOSED;
	h->loop = loop;
	h->anchors = anchors;
	h->done = done;
	h->arg = arg;
	h->fd = -1;
	h->watch = (struct loop_watch){.fd = -1, .fn = on_event, .arg = h, .slot = -1};
	h->timer = (struct loop_timer){.fn = on_time, .arg = h};
	h->answer = buf_over(body_mem, body_cap);
	h->batch = BUF_OF(h->batch_bytes);
	tls_init(&h->tls);
}

static bool fits_kept(const struct https *h, const struct https_request *r)
{
	for (uint32_t i = 0; i < r->addr_count; i++)
		if (ip_eq(&h->peer, &r->addr[i]))
			return h->use_tls == r->tls && https_kept(h, r->host, r->port);
	return false;
}

void https_start(struct https *h, const struct https_request *r)
{
	ASSERT(!https_busy(h) && (h->anchors || !r->tls) && r->head.len);
	ASSERT(r->addr_count && r->addr_count <= HTTPS_ADDRS);
	bool reuse = fits_kept(h, r);
	size_t host_len = strlen(r->host);
	h->request = *r;
	memmove(h->addr, r->addr, r->addr_count * sizeof(h->addr[0]));
	h->addr_count = r->addr_count;
	h->addr_next = 0;
	h->maybe_delivered = false;
	h->deadline_ns = r->timeout_ms ? clock_mono_ns() + r->timeout_ms * NS_PER_MS : 0;
	if (reuse) {
		begin_request(h, true);
		h->state = HTTPS_EXCHANGE;
		loop_events(&h->watch, POLLIN | POLLOUT);
		arm(h, h->progress_ns);
		return;
	}
	drop(h);
	h->use_tls = r->tls;
	h->port = r->port;
	if (host_len > TLS_NAME_MAX) {
		begin_request(h, false);
		fail_on_next_turn(h, ERR_TOO_LONG);
		return;
	}
	memmove(h->host, r->host, host_len + 1);
	open_connection(h);
}

bool https_busy(const struct https *h)
{
	return h->state != HTTPS_CLOSED && h->state != HTTPS_KEPT;
}

bool https_kept(const struct https *h, const char *host, uint16_t port)
{
	return h->state == HTTPS_KEPT && h->port == port && strcmp(h->host, host) == 0 &&
	       clock_mono_ns() - h->opened_ns < HTTPS_AGE_MAX_MS * NS_PER_MS && tcp_quiet(h->fd);
}

void https_abort(struct https *h)
{
	drop(h);
	h->request.head = h->request.body = (struct span){.p = NULL};
}
