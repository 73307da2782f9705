#include "role/role.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"
#include "os/secret.h"

static const struct role *self; /* a process lives one life */

/* ---- messages */

const struct role_take *role_row(const struct role_take *takes, size_t count, enum role_id from,
				 uint32_t type)
{
	for (size_t i = 0; i < count; i++)
		if (takes[i].type == type && msg_role_in(takes[i].from, from))
			return &takes[i];
	return NULL;
}

void role_call(const struct role_take *row, struct peer *from, const void *payload)
{
	if (row->call)
		row->call();
	else if (row->take)
		row->take(payload);
	else
		row->take_from(from, payload);
}

static const struct role_take *row_of(const struct peer *from, uint32_t type)
{
	return role_row(self->takes, self->take_count, from->other, type);
}

/* How many of that role this one has channels to. */
static uint32_t count_of(enum role_id other)
{
	return !self->peers[other] ? 0 : other == ROLE_CAPTURE ? self->start->workers : 1;
}

static void join(const struct chan_msg *m)
{
	struct msg_peer told;
	memcpy(&told, m->payload, sizeof(told)); /* m is gone after the next read */
	ASSERT(told.role > ROLE_INIT && told.role < ROLE_COUNT &&
	       told.index < count_of((enum role_id)told.role));
	struct peer *p = self->peers[told.role] + told.index;
	peer_join(p, m);
	/* the first one, too: this process may have asked while the other was dead */
	const struct role_take *row = row_of(p, MSG_PEER);
	if (row)
		role_call(row, p, &told);
}

static void take(struct peer *from, struct chan_msg *m)
{
	if (m->type == MSG_PEER) {
		join(m); /* no other than init can send it */
		return;
	}
	const struct role_take *row = row_of(from, m->type);
	ASSERT(row);
	role_call(row, from, m->payload);
	if (row->type == MSG_KEY)
		wipe(m->payload, sizeof(struct msg_key));
}

/* ---- START */

uint32_t role_descriptors(const struct role *r, uint32_t workers)
{
	uint32_t bits = r->descriptors;
	for (uint32_t i = workers; i < MSG_MAX_WORKERS; i++)
		bits &= ~START_BIT(START_POOLS + i);
	return bits;
}

/* The first message. Ends the process when it does not come. */
static void take_start(int channel, int fds[START_FDS])
{
	static struct chan_msg m;
	struct pollfd p = {.fd = channel, .events = POLLIN};
	enum err e = ERR_MORE;
	while (e == ERR_MORE) {
		ppoll(&p, 1, NULL, NULL);
		e = msg_recv(channel, ROLE_INIT, self->id, &m);
	}
	if (e || m.type != MSG_START)
		_exit(0);
	struct msg_start *s = self->start;
	memcpy(s, m.payload, sizeof(*s));
	ASSERT(s->workers >= 1 && s->workers <= MSG_MAX_WORKERS && s->index < s->workers);
	uint32_t want = role_descriptors(self, s->workers);
	ASSERT(s->descriptors == want || s->descriptors == (want & ~START_BIT(START_FAULTS)));
	size_t n = 0;
	for (uint32_t i = 0; i < START_FDS; i++) {
		bool came = s->descriptors & START_BIT(i);
		ASSERT(!came || n < m.fd_count);
		fds[i] = came ? m.fds[n++] : -1;
	}
	ASSERT(n == m.fd_count);
}

static void map_pool(int fd, bool writable, uint32_t pool, struct pool *p)
{
	struct msg_pool is = msg_pool(self->start, pool);
	ASSERT(is.slots <= MSG_MAX_SEGMENTS);
	enum err e = pool_map(fd, writable, is.slot_bytes, is.slots, p);
	ASSERT(!e);
}

void role_own_pool(const int fds[START_FDS], struct pool *p)
{
	map_pool(fds[START_OWN_POOL], true, msg_own_pool(self->id, self->start->index), p);
}

void role_read_pools(const int fds[START_FDS], struct pool *p)
{
	for (uint32_t i = 0; i < POOLS; i++)
		if (fds[START_POOLS + i] >= 0)
			map_pool(fds[START_POOLS + i], false, i, &p[i]);
}

/* ---- its life */

static bool reads(enum role_id other)
{
	for (size_t i = 0; i < self->take_count; i++)
		if (self->takes[i].type != MSG_PEER && msg_role_in(self->takes[i].from, other))
			return true;
	return false;
}

static void set_up_peers(void)
{
	for (uint32_t other = 0; other < ROLE_COUNT; other++)
		for (uint32_t i = 0; i < count_of((enum role_id)other); i++)
			self->peers[other][i] = (struct peer){.self = self->id,
							      .other = (enum role_id)other,
							      .pool = msg_own_pool((enum role_id)other, i),
							      .loop = self->loop,
							      .fn = reads((enum role_id)other) ? take : NULL};
}

static void denied(int number)
{
	log_begin(LOG_ALARM, "call-denied");
	log_u64("number", (uint64_t)number);
	log_end();
}

/* What this needs of the kernel its list does not allow later on. Landlock's version; 0: none. */
static int enter_sandbox(void)
{
	int landlock = 0;
	enum err e = sandbox_enter(self->sandbox, denied, &landlock);
	if (!e)
		return landlock;
	log_event(LOG_ALARM, "no-sandbox", "reason", err_text(e));
	_exit(1);
}

_Noreturn void role_run(const struct role *r, int channel)
{
	int fds[START_FDS];
	self = r;
	log_open(channel, MSG_LOG_LINE, msg_role_name(r->id));
	/* before anything large is mapped */
	enum err locked = secret_guard(r->spawn.secrets);
	int landlock = enter_sandbox();
	take_start(channel, fds);
	log_begin(landlock ? LOG_INFO : LOG_WARN, "sandbox");
	log_u64("landlock", (uint64_t)landlock);
	log_end();
	if (r->spawn.secrets)
		log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(r->loop);
	set_up_peers();
	peer_watch(r->peers[ROLE_INIT], channel);
	r->set_up(fds);
	loop_run(r->loop);
	trap(); /* nobody stops the loop: a role ends with its channel */
}
