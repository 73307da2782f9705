#include "role/peer.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"

/* Messages are taken one at a time, so one buffer serves all. */
static struct chan_msg received;

size_t peer_start(int channel, enum role_id self, struct msg_start *start, int *fds, size_t fd_count)
{
	struct pollfd p = {.fd = channel, .events = POLLIN};
	enum err e = ERR_MORE;
	while (e == ERR_MORE) {
		poll(&p, 1, -1);
		e = msg_recv(channel, ROLE_INIT, self, &received);
	}
	if (e || received.type != MSG_START)
		_exit(0);
	memcpy(start, received.payload, sizeof(*start));
	bool workers =
		start->workers >= 1 && start->workers <= MSG_MAX_WORKERS && start->index < start->workers;
	bool many = self == ROLE_UPLOAD || self == ROLE_SPOOL;
	size_t want = many ? 4 + (size_t)start->workers : fd_count, count = received.fd_count;
	ASSERT(workers && count <= fd_count && (count == want || (self == ROLE_SPOOL && count == want + 1)));
	memcpy(fds, received.fds, count * sizeof(int));
	return count;
}

static void gone(struct peer *p, enum err e)
{
	if (e == ERR_CLOSED && p->other == ROLE_INIT)
		_exit(0);
	if (e == ERR_CLOSED) {
		/* that role died; init sees it and sends the channel of its successor */
		loop_unwatch(p->loop, &p->watch);
		return;
	}
	log_event(LOG_ALARM, "channel-broken", "reason", err_text(e));
	_exit(1);
}

/* False when there is no more to read. */
static bool read_one(struct peer *p)
{
	enum err e = msg_recv(p->watch.fd, p->other, p->self, &received);
	if (e == ERR_MORE)
		return false;
	if (e) {
		gone(p, e);
		return false;
	}
	p->fn(p->arg, p->index, &received);
	return true;
}

static void readable(void *arg, short revents)
{
	struct peer *p = arg;
	(void)revents;
	/* a few at a time, so that no peer starves another */
	for (int i = 0; i < 16 && !p->loop->stop; i++)
		if (!read_one(p))
			return;
}

void peer_read(struct peer *p)
{
	while (p->watch.fn && p->watch.slot >= 0 && read_one(p))
		;
}

void peer_watch(struct peer *p, int fd)
{
	p->watch = (struct loop_watch){.fd = fd, .events = POLLIN, .fn = readable, .arg = p};
	p->watch.slot = -1;
	if (p->fn)
		loop_watch(p->loop, &p->watch);
}

void peer_init(struct peer *p, enum role_id self, enum role_id other, struct loop *loop,
	       void (*fn)(void *arg, uint32_t index, const struct chan_msg *m),
	       void (*anew)(void *arg, uint32_t index))
{
	*p = (struct peer){.self = self, .other = other, .loop = loop, .fn = fn, .anew = anew};
}

enum role_id peer_role(const struct chan_msg *m)
{
	return (enum role_id)((const struct msg_peer *)(const void *)m->payload)->role;
}

void peer_join(struct peer *p, const struct chan_msg *m)
{
	ASSERT(m->fd_count == 1);
	int fd = m->fds[0]; /* m is gone after the next read */
	if (p->watch.fn) {
		peer_read(p);
		loop_unwatch(p->loop, &p->watch);
		close(p->watch.fd);
	}
	peer_watch(p, fd);
	/* the first one, too: this process may have asked while the other was dead */
	if (p->anew)
		p->anew(p->arg, p->index);
}

void peer_send(struct peer *p, enum msg_type type, const void *payload)
{
	enum err e = p->watch.fn ? msg_send(p->watch.fd, type, payload) : ERR_OK;
	if (e)
		gone(p, e);
}

void peer_offer(struct peer *p, enum msg_type type, const void *payload)
{
	if (p->watch.fn && msg_send(p->watch.fd, type, payload))
		return; /* its channel's end is noticed where it is read */
}

void peer_hand_on(const struct settings *s, struct peer *spool, struct peer *upload,
		  const struct msg_segment *segment)
{
	if (s->spool[0])
		peer_send(spool, MSG_STORE, segment);
	else
		peer_send(upload, MSG_SEALED, segment);
}

void peer_verdict(struct peer *init, enum verdict_code code, bool ok, const char *text)
{
	struct msg_verdict v = {.code = code, .ok = ok};
	size_t len = strlen(text);
	memcpy(v.text, text, len < sizeof(v.text) ? len : sizeof(v.text) - 1);
	peer_send(init, MSG_VERDICT, &v);
}
