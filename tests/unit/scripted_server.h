/* scripted_server: a TCP server on 127.0.0.1 that follows a list of acts, on the same event loop as the
 * client under test.
 *
 * An act: wait for so many bytes of a request, send these bytes, then do something with the connection. A new
 * connection goes on where the last one stopped. */
#ifndef SEALTAP_TESTS_SCRIPTED_SERVER_H
#define SEALTAP_TESTS_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "os/loop.h"

enum ending { STAY, CLOSE, RESET, DRIP };

struct act {
	size_t wait;        /* bytes of request to arrive first */
	struct span answer; /* borrowed */
	enum ending then;   /* DRIP: send a byte a turn, then STAY */
};

struct server {
	struct loop *loop;
	struct loop_watch listener, connection;
	uint16_t port;
	const struct act *acts; /* borrowed */
	size_t count, next;
	unsigned accepted;
	size_t received; /* for this act */
	uint64_t total;  /* received ever */
	size_t sent;     /* of this act's answer */
	bool check;      /* the bytes received must be those of pattern(), counted from the first */
	bool wrong;
};

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 167 >> 3 ^ at >> 11);
}

static void server_hang_up(struct server *s, bool reset)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	if (s->connection.slot < 0)
		return;
	loop_unwatch(s->loop, &s->connection);
	if (reset)
		setsockopt(s->connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(s->connection.fd);
	s->received = s->sent = 0;
}

/* Sends what it can of the act's answer; true when the act is over. */
static bool server_answer(struct server *s, const struct act *a)
{
	while (s->sent < a->answer.len) {
		size_t n = a->then == DRIP ? 1 : a->answer.len - s->sent;
		ssize_t r = send(s->connection.fd, a->answer.p + s->sent, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r <= 0)
			return false;
		s->sent += (size_t)r;
		if (a->then == DRIP && s->sent < a->answer.len)
			return false;
	}
	return true;
}

static void server_act(struct server *s)
{
	while (s->next < s->count && s->connection.slot >= 0) {
		const struct act *a = &s->acts[s->next];
		if (s->received < a->wait)
			break;
		loop_events(&s->connection, POLLIN | POLLOUT);
		if (!server_answer(s, a))
			return;
		s->received -= a->wait;
		s->sent = 0;
		s->next++;
		if (a->then == CLOSE || a->then == RESET)
			server_hang_up(s, a->then == RESET);
	}
	if (s->connection.slot >= 0)
		loop_events(&s->connection, POLLIN);
}

static void server_event(void *arg, short revents)
{
	struct server *s = arg;
	static uint8_t in[65536];
	if (revents & (POLLIN | POLLERR | POLLHUP)) {
		/* an act that wants less leaves the rest unread, so that closing then resets */
		bool more = s->next < s->count && s->received < s->acts[s->next].wait;
		size_t cap = more ? s->acts[s->next].wait - s->received : 0;
		cap = s->next == s->count ? sizeof(in) : cap;
		ssize_t n =
			cap ? recv(s->connection.fd, in, cap < sizeof(in) ? cap : sizeof(in), MSG_DONTWAIT)
			    : 0;
		if (cap && n == 0) {
			server_hang_up(s, false);
			return;
		}
		for (ssize_t i = 0; s->check && i < n; i++)
			s->wrong = s->wrong || in[i] != pattern(s->total + (uint64_t)i);
		s->received += n > 0 ? (size_t)n : 0;
		s->total += n > 0 ? (uint64_t)n : 0;
	}
	server_act(s);
}

static void server_accept(void *arg, short revents)
{
	struct server *s = arg;
	(void)revents;
	int fd = accept(s->listener.fd, NULL, NULL), on = 1;
	ASSERT(fd >= 0);
	/* one connection at a time: the client has left the old one */
	server_hang_up(s, false);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->connection.fd = fd;
	s->connection.events = POLLIN;
	loop_watch(s->loop, &s->connection);
	s->accepted++;
	server_act(s);
}

static void server_start(struct server *s, struct loop *loop, const struct act *acts, size_t count)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) && !listen(fd, 8));
	ASSERT(!getsockname(fd, (struct sockaddr *)&at, &len));
	*s = (struct server){.loop = loop, .port = ntohs(at.sin_port), .acts = acts, .count = count};
	s->listener =
		(struct loop_watch){.fd = fd, .events = POLLIN, .fn = server_accept, .arg = s, .slot = -1};
	s->connection = (struct loop_watch){.fd = -1, .fn = server_event, .arg = s, .slot = -1};
	loop_watch(loop, &s->listener);
}

static void server_stop(struct server *s)
{
	server_hang_up(s, false);
	loop_unwatch(s->loop, &s->listener);
	close(s->listener.fd);
}

#endif
