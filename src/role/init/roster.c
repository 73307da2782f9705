#include "role/init/roster.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/dhcpsock.h"
#include "os/pool.h"
#include "os/ring.h"
#include "os/rng.h"
#include "os/tcp.h"
#include "record/ring_filter.h"
#include "role/flows/flowtable.h"
#include "role/flows/journal.h"
#include "role/init/machine.h"
#include "role/init/restart.h"
#include "role/init/roles.h"
#include "role/status/metrics.h"

#define MIB (1024ull * 1024)
#define SLOT_MIN_BYTES (4 * MIB)
#define SLOT_MAX_BYTES (64 * MIB)
#define WORKER_POOL_MAX_BYTES (1024 * MIB)
#define LOG_SLOTS 8u
#define LISTEN_BACKLOG 64
#define STOP_NS (2 * NS_PER_S)
#define WINDOW_SLOTS_MIN 3u
#define WINDOW_SLOTS_MAX 8u

/* A third of the memory holds sealed objects until they are shipped; a worker has at least four slots. With a
 * volume up to a sixth more is the window. */
static void size_pools(struct roster *r)
{
	struct sysinfo si;
	uint64_t ram = sysinfo(&si) ? 512 * MIB : (uint64_t)si.totalram * si.mem_unit;
	r->start.workers = r->workers;
	uint64_t share = ram / 3 / r->workers;
	if (share > WORKER_POOL_MAX_BYTES)
		share = WORKER_POOL_MAX_BYTES;
	uint64_t slot = SLOT_MAX_BYTES;
	while (slot > SLOT_MIN_BYTES && slot * 4 > share)
		slot /= 2;
	uint64_t slots = share / slot;
	r->start.segment_bytes = slot;
	r->start.segments = slots < 2 ? 2 : slots > MSG_MAX_SEGMENTS ? MSG_MAX_SEGMENTS : (uint32_t)slots;
	uint64_t window = ram / 6 / slot;
	r->start.window_segments = window < WINDOW_SLOTS_MIN   ? WINDOW_SLOTS_MIN
				   : window > WINDOW_SLOTS_MAX ? WINDOW_SLOTS_MAX
							       : (uint32_t)window;
	r->start.log_segment_bytes = SLOT_MIN_BYTES;
	r->start.log_segments = LOG_SLOTS;
	r->start.flow_slots = FLOWTABLE_MIN;
	while (r->start.flow_slots < FLOWTABLE_MAX &&
	       2ull * r->start.flow_slots * FLOWTABLE_PLACE_BYTES <= ram / 32)
		r->start.flow_slots *= 2;
}

static enum err make_pool(uint64_t slot_bytes, uint32_t slots, struct roster_pool *p)
{
	return pool_make(slot_bytes, slots, &p->writable, &p->read_only);
}

static enum err make_pools(struct roster *r)
{
	for (uint32_t i = 0; i < POOLS; i++) {
		struct msg_pool is = msg_pool(&r->start, i);
		if (is.slots)
			TRY(make_pool(is.slot_bytes, is.slots, &r->pool[i]));
	}
	TRY(make_pool(METRICS_KEPT_BYTES, 1, &r->kept));
	return make_pool(JOURNAL_BYTES, 1, &r->journal);
}

static enum err fill_start(struct roster *r, const char *config_path)
{
	struct msg_start *s = &r->start;
	rng_fill(&s->boot, sizeof(s->boot));
	s->started_real_ns = clock_real_ns();
	s->ring_block_bytes = RING_BLOCK_BYTES;
	s->ring_blocks = RING_BLOCKS;
	struct buf config = BUF_OF(s->config);
	if (config_path)
		TRY(machine_read(config_path, &config));
	s->config_len = (uint32_t)config.len;
	return ERR_OK;
}

enum err roster_open(struct roster *r, const struct roster_setup *s)
{
	static const enum role_id fixed[ROSTER_FIXED] = {ROLE_NET,   ROLE_KEYS,   ROLE_UPLOAD,
							 ROLE_SPOOL, ROLE_STATUS, ROLE_FLOWS};
	ASSERT(s->workers >= 1 && s->workers <= MSG_MAX_WORKERS);
	r->workers = s->workers;
	r->anchors_path = s->anchors_path;
	r->exe = open(s->exe_path, O_PATH | O_CLOEXEC);
	if (r->exe < 0)
		return ERR_SYSTEM;
	r->disk = r->disk_faults = r->listener.fd = -1;
	if (s->disk_faults_path && (r->disk_faults = open(s->disk_faults_path, O_RDONLY | O_CLOEXEC)) < 0)
		return ERR_NOT_FOUND;
	for (uint32_t i = 0; i < r->workers; i++)
		TRY(ring_open(r->workers, (uint16_t)getpid(), &r->ring[i]));
	TRY(dhcpsock_open(&r->dhcp));
	TRY(flowsockets_open(&r->flowsockets, s->ct_buffer_bytes));
	size_pools(r);
	TRY(make_pools(r));
	TRY(fill_start(r, s->config_path));
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++) {
		struct roster_child *c = &r->child[i];
		c->role = i < ROSTER_FIXED ? fixed[i] : ROLE_CAPTURE;
		c->index = i < ROSTER_FIXED ? 0 : i - ROSTER_FIXED;
		const struct role *role = roles_get(c->role);
		c->on_demand = role->on_demand;
		c->restart_max_ns = role->spared ? RESTART_MAX_NS : RESTART_RECORDING_MAX_NS;
		c->chan = -1;
		c->watch.slot = -1;
	}
	return ERR_OK;
}

static void keep_addresses(const struct msg_link *known, struct msg_link *link)
{
	link->own_addr = known->own_addr;
	link->prefix_len = known->prefix_len;
	link->own_count = known->own_count;
	memcpy(link->own, known->own, sizeof(link->own));
}

bool roster_links(const struct roster_child *from, struct msg_links *known, const struct msg_links *told,
		  uint32_t min)
{
	struct msg_links l = *told;
	if (l.count < min || l.count > MSG_MAX_LINKS) {
		if (from->pid > 0) /* else these are its last words */
			kill(from->pid, SIGKILL);
		return false;
	}
	for (uint32_t i = 0; i < l.count; i++) {
		struct msg_link *link = &l.link[i];
		if (link->own_count > MSG_LINK_OWN)
			link->own_count = MSG_LINK_OWN;
		link->name[sizeof(link->name) - 1] = link->eni[sizeof(link->eni) - 1] = 0;
		/* net is new, the links are not: what still arrives for their addresses stays cut */
		for (uint32_t k = 0; k < known->count && link->own_addr == 0; k++)
			if (known->link[k].ifindex == link->ifindex)
				keep_addresses(&known->link[k], link);
	}
	if (l.evidence == 0) /* nor is that one */
		l.evidence = known->evidence;
	*known = l;
	return true;
}

/* By its role or, from a net that does not know the roles yet, by its MAC address. */
static bool is_side(const struct msg_link *told, const struct msg_link *known, uint32_t side)
{
	if (told->device_number == UINT32_MAX)
		return memcmp(told->mac, known->mac, sizeof(told->mac)) == 0;
	return told->device_number == side;
}

bool roster_follow(struct roster *r, struct msg_links *two, const struct msg_links *told)
{
	bool replaced = false;
	for (uint32_t side = 0; side < 2; side++) {
		struct msg_link *known = &two->link[side];
		const struct msg_link *l = NULL;
		for (uint32_t i = 0; i < told->count && !l; i++)
			if (is_side(&told->link[i], known, side))
				l = &told->link[i];
		if (!l)
			continue;
		struct msg_link was = *known;
		*known = *l;
		known->device_number = side;
		memcpy(known->before, was.before, sizeof(known->before));
		if (!known->eni[0])
			memcpy(known->eni, was.eni, sizeof(known->eni));
		if (was.ifindex == l->ifindex)
			continue;
		memmove(known->before + 1, was.before, sizeof(was.before) - sizeof(was.before[0]));
		known->before[0] = was.ifindex;
		replaced = true;
	}
	memcpy(two->dns, told->dns, sizeof(two->dns));
	roster_send_role(r, ROLE_CAPTURE, MSG_INTERFACES, two);
	return replaced;
}

enum err roster_progress(const struct roster *r, uint32_t i, const struct progress **p)
{
	const void *page;
	TRY(pool_map_page(r->pool[i].read_only, &page));
	*p = page;
	return ERR_OK;
}

static enum err filter_rings(struct roster *r, const struct msg_links *links, uint32_t count)
{
	static struct ring_filter f;
	uint32_t ifindex[MSG_MAX_LINKS], own_count = 0;
	struct ip own[MSG_MAX_LINKS * MSG_LINK_OWN];
	for (uint32_t i = 0; i < count; i++) {
		ifindex[i] = links->link[i].ifindex;
		memcpy(&own[own_count], links->link[i].own, links->link[i].own_count * sizeof(own[0]));
		own_count += links->link[i].own_count;
	}
	TRY(ring_filter_build(ifindex, count, own, own_count, OWN_PORT_FIRST, OWN_PORT_LAST, &f));
	for (uint32_t i = 0; i < r->workers; i++)
		TRY(ring_set_filter(r->ring[i], f.program, f.len));
	return ERR_OK;
}

bool roster_admit(struct roster *r, struct console *c, const struct msg_links *links, uint32_t count)
{
	enum err e = filter_rings(r, links, count);
	if (e)
		console_step(c, VERDICT_RINGS, false,
			     "the kernel refused the rings' filter: use an unmodified image");
	return !e;
}

struct roster_child *roster_find(struct roster *r, enum role_id role)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (r->child[i].role == role)
			return &r->child[i];
	trap();
}

/* ---- the status port */

static void close_listener(struct roster *r)
{
	if (r->listener.fd >= 0)
		close(r->listener.fd);
	r->listener.fd = -1;
}

enum err roster_listen(struct roster *r, const char *link, uint16_t port)
{
	close_listener(r);
	r->listener.link = link;
	r->listener.port = port;
	return tcp_listen(link, port, LISTEN_BACKLOG, &r->listener.fd);
}

/* ---- starting and ending */

/* Those of its table, in the order of role/msg.h. anchors: opened for this process. */
static size_t descriptors(struct roster *r, const struct roster_child *c, int anchors, int *fds)
{
	uint32_t own = msg_own_pool(c->role, c->index), n = 0;
	int have[START_FDS] = {
		[START_DHCP] = r->dhcp,
		[START_ANCHORS] = anchors,
		[START_RING] = r->ring[c->index],
		[START_EVENTS] = r->flowsockets.events,
		[START_DUMP] = r->flowsockets.dump,
		[START_LOGGED] = r->flowsockets.log,
		[START_JOURNAL] = r->journal.writable,
		[START_LISTENER] = r->listener.fd,
		[START_KEPT] = r->kept.writable,
		[START_DISK] = r->disk,
		[START_FAULTS] = r->disk_faults,
		[START_OWN_POOL] = own < POOLS ? r->pool[own].writable : -1,
	};
	for (uint32_t i = 0; i < POOLS; i++)
		have[START_POOLS + i] = r->pool[i].read_only;
	r->start.descriptors = role_descriptors(roles_get(c->role), r->workers);
	if (r->disk_faults < 0)
		r->start.descriptors &= ~START_BIT(START_FAULTS);
	for (uint32_t i = 0; i < START_FDS; i++)
		if (r->start.descriptors & START_BIT(i))
			fds[n++] = have[i];
	return n;
}

static enum err send_start(struct roster *r, const struct roster_child *c, bool forward)
{
	int fds[CHAN_MAX_FDS], anchors = open(r->anchors_path, O_RDONLY | O_CLOEXEC);
	if (anchors < 0)
		return ERR_NOT_FOUND;
	r->start.index = c->index;
	r->start.life = c->life;
	r->start.forward = forward;
	size_t count = descriptors(r, c, anchors, fds);
	enum err e = msg_send_fds(c->chan, MSG_START, &r->start, fds, count);
	close(anchors);
	return e;
}

static enum err send_end(const struct roster_child *to, const struct roster_child *other, int end)
{
	struct msg_peer p = {.role = other->role, .index = other->index};
	return msg_send_fds(to->chan, MSG_PEER, &p, &end, 1);
}

static enum err introduce(const struct roster_child *c, const struct roster_child *other)
{
	int ends[2];
	TRY(chan_pair(ends));
	enum err e = send_end(c, other, ends[0]);
	/* one that takes no messages is about to be reaped: its successor is introduced again */
	if (!e && send_end(other, c, ends[1]) && other->pid > 0)
		kill(other->pid, SIGKILL);
	close(ends[0]);
	close(ends[1]);
	return e;
}

enum err roster_spawn(struct roster *r, struct roster_child *c, bool forward)
{
	int ends[2];
	ASSERT(c->pid == 0 && c->chan < 0);
	if (c->role == ROLE_STATUS && r->listener.fd < 0)
		TRY(roster_listen(r, r->listener.link, r->listener.port));
	TRY(chan_pair(ends));
	c->chan = ends[0];
	enum err e = spawn_role(msg_role_name(c->role), &roles_get(c->role)->spawn, r->exe, ends[1], &c->pid);
	if (e)
		close(ends[1]);
	if (!e)
		e = send_start(r, c, forward);
	for (uint32_t i = 0; !e && i < ROSTER_CHILDREN(r); i++)
		if (&r->child[i] != c && r->child[i].pid > 0 && roles_talk(c->role, r->child[i].role))
			e = introduce(c, &r->child[i]);
	if (!e && c->role == ROLE_STATUS)
		close_listener(r);
	return e;
}

void roster_send(struct roster_child *c, enum msg_type type, const void *payload)
{
	if (msg_send(c->chan, type, payload) && c->pid > 0)
		kill(c->pid, SIGKILL);
}

void roster_send_role(struct roster *r, enum role_id role, enum msg_type type, const void *payload)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (r->child[i].role == role)
			roster_send(&r->child[i], type, payload);
}

void roster_bury(struct roster_child *c)
{
	if (c->chan >= 0)
		close(c->chan);
	c->pid = 0;
	c->chan = -1;
	c->life++;
}

void roster_stop(struct roster *r)
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (r->child[i].pid > 0)
			kill(r->child[i].pid, SIGKILL);
	/* one that waits for a disk that stalls does not die, and holds up nobody */
	uint64_t until_ns = clock_mono_ns() + STOP_NS;
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++) {
		while (r->child[i].pid > 0 && waitpid(r->child[i].pid, NULL, WNOHANG) == 0 &&
		       clock_mono_ns() < until_ns)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		roster_bury(&r->child[i]);
	}
}
