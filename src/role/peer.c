#include "role/peer.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"

/* Messages are taken one at a time, so one buffer serves all. */
static struct chan_msg received;

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
	p->fn(p, &received);
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

bool peer_there(const struct peer *p)
{
	return p->watch.fn && p->watch.slot >= 0;
}

void peer_read(struct peer *p)
{
	while (peer_there(p) && read_one(p))
		;
}

void peer_watch(struct peer *p, int fd)
{
	p->watch = (struct loop_watch){.fd = fd, .events = POLLIN, .fn = readable, .arg = p};
	p->watch.slot = -1;
	if (p->fn)
		loop_watch(p->loop, &p->watch);
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
