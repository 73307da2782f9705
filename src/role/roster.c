#include "role/roster.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/dhcpsock.h"
#include "os/pool.h"
#include "os/ring.h"
#include "os/rng.h"
#include "os/spawn.h"
#include "record/ring_filter.h"

#define MIB (1024ull * 1024)
#define SLOT_MIN_BYTES (4 * MIB)
#define SLOT_MAX_BYTES (64 * MIB)
#define WORKER_POOL_MAX_BYTES (1024 * MIB)
#define LOG_SLOTS 4u

static const struct spawn_spec specs[ROLE_COUNT] = {
	[ROLE_NET] = {"net", 101, 1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_TIME, false, false},
	[ROLE_KEYS] = {"keys", 102, 0, false, true},
	[ROLE_UPLOAD] = {"upload", 103, 0, false, false},
	[ROLE_CAPTURE] = {"capture", 104, 0, true, true},
};

const char *role_name(enum role_id role)
{
	return role == ROLE_INIT ? "init" : role < ROLE_COUNT ? specs[role].role : "unknown";
}

/* A third of the memory holds sealed objects until they are shipped; a worker has at least four slots. */
static void size_pools(struct roster *r)
{
	struct sysinfo si;
	uint64_t ram = sysinfo(&si) ? 512 * MIB : (uint64_t)si.totalram * si.mem_unit;
	uint64_t share = ram / 3 / r->workers;
	if (share > WORKER_POOL_MAX_BYTES)
		share = WORKER_POOL_MAX_BYTES;
	uint64_t slot = SLOT_MAX_BYTES;
	while (slot > SLOT_MIN_BYTES && slot * 4 > share)
		slot /= 2;
	uint64_t slots = share / slot;
	r->start.segment_bytes = slot;
	r->start.segments = slots < 2 ? 2 : slots > MSG_MAX_SEGMENTS ? MSG_MAX_SEGMENTS : (uint32_t)slots;
	r->start.log_segment_bytes = SLOT_MIN_BYTES;
	r->start.log_segments = LOG_SLOTS;
}

enum err roster_open(struct roster *r, uint32_t workers, const char *exe_path)
{
	ASSERT(workers >= 1 && workers <= MSG_MAX_WORKERS);
	r->workers = workers;
	r->exe = open(exe_path, O_PATH | O_CLOEXEC);
	if (r->exe < 0)
		return ERR_SYSTEM;
	for (uint32_t i = 0; i < workers; i++)
		TRY(ring_open(workers, (uint16_t)getpid(), &r->ring[i]));
	TRY(dhcpsock_open(&r->dhcp));
	size_pools(r);
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++) {
		struct roster_child *c = &r->child[i];
		c->role = i == 0 ? ROLE_NET : i == 1 ? ROLE_KEYS : i == 2 ? ROLE_UPLOAD : ROLE_CAPTURE;
		c->index = i < 3 ? 0 : i - 3;
		c->chan = -1;
		c->watch.slot = -1;
	}
	return ERR_OK;
}

enum err roster_filter(struct roster *r, const struct msg_links *links, uint32_t count)
{
	struct ring_filter f;
	uint32_t ifindex[MSG_MAX_LINKS], own[MSG_MAX_LINKS], own_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		ifindex[i] = links->link[i].ifindex;
		if (links->link[i].own_addr)
			own[own_count++] = links->link[i].own_addr;
	}
	TRY(ring_filter_build(ifindex, count, own, own_count, OWN_PORT_FIRST, OWN_PORT_LAST, &f));
	for (uint32_t i = 0; i < r->workers; i++)
		TRY(ring_filter(r->ring[i], f.program, f.len));
	return ERR_OK;
}

struct roster_child *roster_find(struct roster *r, enum role_id role)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (r->child[i].role == role)
			return &r->child[i];
	trap();
}

/* What one start hands out; init's copies are closed once they are sent. */
struct supplies {
	int net_keys[2], net_upload[2], upload_keys[2];
	int worker_keys[MSG_MAX_WORKERS][2], worker_upload[MSG_MAX_WORKERS][2];
	int log_pool[2], worker_pool[MSG_MAX_WORKERS][2]; /* writable, read-only */
	int anchors[2];
};

static enum err supplies_make(const struct roster *r, const char *anchors_path, struct supplies *s)
{
	TRY(chan_pair(s->net_keys));
	TRY(chan_pair(s->net_upload));
	TRY(chan_pair(s->upload_keys));
	TRY(pool_make(r->start.log_segment_bytes, r->start.log_segments, &s->log_pool[0], &s->log_pool[1]));
	for (uint32_t i = 0; i < r->workers; i++) {
		TRY(chan_pair(s->worker_keys[i]));
		TRY(chan_pair(s->worker_upload[i]));
		TRY(pool_make(r->start.segment_bytes, r->start.segments, &s->worker_pool[i][0],
			      &s->worker_pool[i][1]));
	}
	for (int i = 0; i < 2; i++) {
		s->anchors[i] = open(anchors_path, O_RDONLY | O_CLOEXEC);
		if (s->anchors[i] < 0)
			return ERR_NOT_FOUND;
	}
	return ERR_OK;
}

static void supplies_close(struct supplies *s)
{
	int *fd = (int *)s;
	for (size_t i = 0; i < sizeof(*s) / sizeof(int); i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

/* The order of role/msg.h. */
static size_t supplies_for(const struct roster *r, const struct roster_child *c, const struct supplies *s,
			   int *fds)
{
	size_t n = 0;
	switch (c->role) {
	case ROLE_NET:
		fds[n++] = r->dhcp;
		fds[n++] = s->net_keys[0];
		fds[n++] = s->net_upload[0];
		return n;
	case ROLE_KEYS:
		fds[n++] = s->anchors[0];
		fds[n++] = s->log_pool[0];
		fds[n++] = s->net_keys[1];
		fds[n++] = s->upload_keys[1];
		for (uint32_t i = 0; i < r->workers; i++)
			fds[n++] = s->worker_keys[i][1];
		return n;
	case ROLE_UPLOAD:
		fds[n++] = s->anchors[1];
		fds[n++] = s->net_upload[1];
		fds[n++] = s->upload_keys[0];
		fds[n++] = s->log_pool[1];
		for (uint32_t i = 0; i < r->workers; i++) {
			fds[n++] = s->worker_upload[i][1];
			fds[n++] = s->worker_pool[i][1];
		}
		return n;
	default:
		fds[n++] = r->ring[c->index];
		fds[n++] = s->worker_pool[c->index][0];
		fds[n++] = s->worker_keys[c->index][0];
		fds[n++] = s->worker_upload[c->index][0];
		return n;
	}
}

static enum err start_child(struct roster *r, struct roster_child *c, const struct supplies *s)
{
	int ends[2], fds[CHAN_MAX_FDS];
	TRY(chan_pair(ends));
	c->chan = ends[0];
	enum err e = spawn_role(&specs[c->role], r->exe, ends[1], &c->pid);
	if (e) {
		close(ends[1]);
		return e;
	}
	r->start.index = c->index;
	return msg_send_fds(c->chan, MSG_START, &r->start, fds, supplies_for(r, c, s, fds));
}

enum err roster_start(struct roster *r, const char *anchors_path, struct span config)
{
	struct supplies s;
	memset(&s, 0xff, sizeof(s)); /* every descriptor -1 */
	rng_fill(&r->start.boot, sizeof(r->start.boot));
	r->start.started_real_ns = clock_real_ns();
	r->start.workers = r->workers;
	r->start.ring_block_bytes = RING_BLOCK_BYTES;
	r->start.ring_blocks = RING_BLOCKS;
	r->start.config_len = (uint32_t)config.len;
	if (config.len)
		memcpy(r->start.config, config.p, config.len);
	enum err e = supplies_make(r, anchors_path, &s);
	for (uint32_t i = 0; !e && i < ROSTER_CHILDREN(r); i++)
		e = start_child(r, &r->child[i], &s);
	supplies_close(&s);
	return e;
}

void roster_stop(struct roster *r)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++) {
		struct roster_child *c = &r->child[i];
		if (c->pid > 0) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
		}
		if (c->chan >= 0)
			close(c->chan);
		c->pid = 0;
		c->chan = -1;
	}
}
