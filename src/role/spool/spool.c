#include "role/spool/spool.h"

#include <stdio.h>
#include <string.h>

#include "aws/s3.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/backoff.h"
#include "role/peer.h"
#include "role/spool/mirror.h"
#include "role/spool/window.h"

#define COUNTERS_NS (10 * NS_PER_S)
#define ARMING_MS 50 /* until the header says that this boot records: before, a cut leaves no trace of it */
#define UNREAD_MAX 3
#define SOON_NS (20 * NS_PER_MS) /* after a producer's word: others' may come along */

static struct {
	struct loop loop;
	struct msg_start start;
	struct disk disk;
	struct peer init, keys, upload, producer[PRODUCERS]; /* the log's is keys */
	struct settings settings;
	struct object_identity identity;
	bool has_settings, opened, failing, said_full, draining, late;
	struct store store;
	struct store_found found;
	struct mirror mirror;
	struct pool window_pool;
	struct window window;
	struct backoff backoff;
	uint64_t retry_ns;    /* monotonic: the volume is not tried before */
	uint64_t said_gap_ns; /* real time; 0: not yet */
	struct loop_timer tick, load, counters;
} g;

/* ---- what is said */

static void say_failed(const char *what, enum err e)
{
	char text[400];
	snprintf(text, sizeof(text), "volume %s: %s: %s", g.settings.spool, what, err_text(e));
	if (!g.failing || !g.opened)
		peer_verdict(&g.init, VERDICT_SPOOL, false, text);
	if (g.failing)
		return;
	g.failing = true;
	log_begin(LOG_ALARM, "spool-failed");
	log_str("volume", g.settings.spool);
	log_str("what", what);
	log_str("reason", err_text(e));
	log_str("remedy", "look after the volume; recording goes on in memory alone");
	log_end();
}

static void say_works(void)
{
	char text[400];
	snprintf(text, sizeof(text), "volume %s: %u slots of %llu MiB, %u objects of earlier boots wait%s",
		 g.settings.spool, g.store.header.slots,
		 (unsigned long long)(g.store.header.slot_bytes >> 20), g.found.objects,
		 g.found.formatted ? "; it was empty" : "");
	peer_verdict(&g.init, VERDICT_SPOOL, true, text);
	if (g.failing)
		log_event(LOG_ALARM, "spool-works", "volume", g.settings.spool);
	g.failing = false;
	backoff_reset(&g.backoff);
}

static void say_left(uint32_t at, const char *name, const char *reason)
{
	g.store.slot[at].left = true;
	log_begin(LOG_ALARM, "spool-object-left");
	log_str("name", name);
	log_u64("slot", at);
	log_str("reason", reason);
	log_str("remedy", "it stays on the volume as it is");
	log_end();
}

static void say_full(void)
{
	if (g.mirror.full == g.said_full)
		return;
	g.said_full = g.mirror.full;
	log_event(LOG_ALARM, g.said_full ? "spool-full" : "spool-room", "volume", g.settings.spool);
}

static void say_gap(uint64_t armed_ns)
{
	char boot[17];
	g.said_gap_ns = clock_real_ns();
	snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)g.found.boot);
	log_begin(LOG_ALARM, "gap");
	log_str("boot", boot);
	log_u64("from_ns", g.found.until_ns);
	log_u64("to_ns", armed_ns);
	log_str("reason", "that boot did not end in order: how many packets are missing is unknown");
	log_end();
}

/* The moment from which on packets are recorded is known: so is what is missing before it. The header keeps
 * that until the log that tells of it is on the volume: this boot may be cut off, too. */
static void say_armed(void)
{
	uint64_t armed_ns = mirror_armed_ns(&g.mirror);
	enum err e = ERR_OK;
	if (!armed_ns)
		return;
	if (g.found.gap && !g.said_gap_ns)
		say_gap(armed_ns);
	if (g.store.header.boot != g.start.boot)
		e = store_armed(&g.store, armed_ns, &g.found);
	else if (g.store.header.gap_boot && store_logged(&g.store, g.said_gap_ns))
		e = store_told(&g.store);
	if (e)
		say_failed("its header", e);
}

/* ---- to upload */

static void show(uint32_t slot, bool again)
{
	struct msg_segment m = window_segment(&g.window, slot, again);
	peer_send(&g.upload, MSG_SEALED, &m);
}

/* What is damaged stays so; a device that fails may work again. */
static void load_failed(uint32_t at, const char *name, enum err e)
{
	bool device = e == ERR_DEVICE || e == ERR_SYSTEM;
	if (device && ++g.store.slot[at].unread < UNREAD_MAX) {
		say_failed("reading", e);
		g.retry_ns = clock_mono_ns() + backoff_next_ns(&g.backoff);
		return;
	}
	say_left(at, name, err_text(e));
}

/* The object of an earlier boot must be one that keys will sign for. */
static bool ours(uint32_t at)
{
	struct commit c;
	enum err e = store_read(&g.store, at, &c);
	if (e) {
		load_failed(at, "?", e);
		return false;
	}
	if (c.state == COMMIT_OPEN && c.side_bytes == 0) {
		say_left(at, c.meta.name, "nothing of it was committed");
		return false;
	}
	if (s3_check_name(&g.settings, &g.identity, span_str(c.meta.name))) {
		say_left(at, c.meta.name, "it is of another appliance, or under another prefix");
		return false;
	}
	return true;
}

static void tell_stored(uint32_t p, uint32_t i, const struct commit *c)
{
	mirror_told(&g.mirror, p, i, c);
	struct peer *producer = p == OUTBOX_LOG ? &g.keys : &g.producer[p];
	peer_send(producer, MSG_STORED, &(struct msg_segment){i, 0, c->generation});
}

/* First it is copied, then its producer's slot is free, then upload is told: a death in between loses or
 * doubles nothing. */
static void ship_one(uint32_t to, uint32_t at)
{
	uint32_t p, i;
	struct commit c;
	if (mirror_find(&g.mirror, at, &p, &i) && mirror_sealed(&g.mirror, p, i, true, &c)) {
		g.store.slot[at].taken = true;
		window_copy(&g.window, to, at, pool_slot(&g.mirror.pool[p], i), &c);
		tell_stored(p, i, &c);
		show(to, g.store.slot[at].found);
		return;
	}
	enum err e = window_load(&g.window, to, at, &g.store);
	if (e)
		load_failed(at, g.window.load.c.meta.name, e);
	else
		loop_timer_in(&g.loop, &g.load, 0);
}

/* This boot's objects first; those before it have the rest of the window, and one slot always. */
static void ship_stored(void)
{
	uint32_t to, at;
	while (!g.failing && !g.window.load.active && window_room(&g.window, false, &to) &&
	       (at = store_next(&g.store, false)) != STORE_NONE)
		ship_one(to, at);
	bool live_waits = store_next(&g.store, false) != STORE_NONE;
	while (!g.failing && !g.window.load.active && window_room(&g.window, true, &to) &&
	       (to == 0 || !live_waits) && (at = store_next(&g.store, true)) != STORE_NONE)
		if (ours(at))
			ship_one(to, at);
}

/* Without the volume, or beside a full one: from memory to memory. */
static void ship_directly(void)
{
	uint32_t to, p, i;
	struct commit c;
	while (window_room(&g.window, false, &to) && mirror_oldest(&g.mirror, false, &p, &i, &c)) {
		const struct mirror_slot *o = &g.mirror.slot[p][i];
		bool same = o->known && o->seq == c.meta.seq;
		uint32_t at = same ? o->at : STORE_NONE;
		window_copy(&g.window, to, at, pool_slot(&g.mirror.pool[p], i), &c);
		tell_stored(p, i, &c);
		show(to, at != STORE_NONE && g.store.slot[at].found);
	}
}

static void ship(void)
{
	uint32_t p, i;
	struct commit c;
	if (g.opened && !g.failing)
		ship_stored();
	while (mirror_oldest(&g.mirror, true, &p, &i, &c))
		tell_stored(p, i, &c);
	if (g.failing || g.mirror.full)
		ship_directly();
}

static void load_more(void *arg)
{
	(void)arg;
	if (!g.window.load.active)
		return;
	uint32_t to = g.window.load.to, at = g.window.one[to].at;
	enum err e = window_load_more(&g.window, &g.store);
	if (e == ERR_MORE) {
		loop_timer_in(&g.loop, &g.load, 0);
		return;
	}
	if (e)
		load_failed(at, g.window.load.c.meta.name, e);
	else
		show(to, g.store.slot[at].found);
	ship();
}

/* ---- the volume */

/* Why it does not arm. */
static void say_closed(enum err e)
{
	char text[400];
	const char *why = e == ERR_CONFLICT
				  ? "it holds something that is not ours: attach an empty one, or erase it"
			  : e == ERR_TOO_LONG    ? "it is too small: three segments must fit"
			  : e == ERR_RANGE       ? "it is smaller than when it was written: attach it whole"
			  : e == ERR_UNSUPPORTED ? "a newer version wrote it: use that, or another volume"
						 : err_text(e);
	snprintf(text, sizeof(text), "volume %s: %s", g.settings.spool, why);
	peer_verdict(&g.init, VERDICT_SPOOL, false, text);
}

static void open_volume(void)
{
	enum err e =
		store_open(&g.store, &g.disk, g.start.boot, g.start.segment_bytes, g.start.workers, &g.found);
	if (e) {
		/* where it recorded before it goes on; a boot stays closed */
		if (g.start.life > 0)
			say_failed("it can't be read", e);
		else
			say_closed(e);
		g.retry_ns = clock_mono_ns() + backoff_next_ns(&g.backoff);
		return;
	}
	g.opened = true;
	window_recover(&g.window, g.window_pool, &g.store);
	for (uint32_t i = 0; i < g.store.header.slots; i++)
		if (g.store.slot[i].left)
			say_left(i, "?", "neither of its records is whole");
	say_works();
}

static void turn(void)
{
	if (clock_mono_ns() < g.retry_ns)
		return;
	if (!g.opened)
		open_volume();
	if (!g.opened)
		return;
	enum err e = store_free_shipped(&g.store);
	if (!e)
		e = mirror_turn(&g.mirror, &g.store);
	if (e) {
		say_failed("writing", e);
		g.retry_ns = clock_mono_ns() + backoff_next_ns(&g.backoff);
	} else if (g.failing) {
		say_works();
	}
	say_full();
	say_armed();
}

/* ---- the end */

static bool anything_sealed(bool beside_volume)
{
	uint32_t p, i;
	struct commit c;
	if (mirror_oldest(&g.mirror, false, &p, &i, &c))
		return true;
	if (beside_volume)
		return g.failing && !window_empty(&g.window);
	return !window_empty(&g.window) || store_next(&g.store, false) != STORE_NONE ||
	       store_next(&g.store, true) != STORE_NONE;
}

/* All is shipped, or time is short and all is on the volume. */
static void drained(void)
{
	static const struct msg_totals none;
	if (!g.draining || anything_sealed(g.late))
		return;
	g.draining = false;
	enum err e = g.opened ? store_ended(&g.store, clock_real_ns()) : ERR_OK;
	if (e)
		say_failed("its header", e);
	peer_send(&g.init, MSG_DRAINED, &none);
}

static void tick(void *arg)
{
	(void)arg;
	if (!g.has_settings)
		return;
	turn();
	ship();
	drained();
	bool armed = g.store.header.boot == g.start.boot;
	loop_timer_in(&g.loop, &g.tick, (armed ? g.settings.spool_sync_ms : ARMING_MS) * NS_PER_MS);
}

static void soon(void)
{
	uint64_t at_ns = clock_mono_ns() + SOON_NS;
	if (!g.tick.active || g.tick.at_ns > at_ns)
		loop_timer_at(&g.loop, &g.tick, at_ns);
}

static void drain(void)
{
	/* what they sealed was told before, on other channels */
	for (uint32_t i = 0; i < PRODUCERS; i++)
		peer_read(&g.producer[i]);
	g.draining = true;
	tick(NULL);
}

static void send_counters(void *arg)
{
	(void)arg;
	struct store_usage u;
	store_usage(&g.store, &u);
	uint64_t now_ns = clock_real_ns();
	struct cloudwatch_sample c = {
		.spool_used_bytes = u.used_bytes,
		.spool_total_bytes = u.total_bytes,
		.oldest_unshipped_s =
			u.oldest_ns && u.oldest_ns < now_ns ? (now_ns - u.oldest_ns) / NS_PER_S : 0,
	};
	peer_send(&g.upload, MSG_COUNTERS, &c);
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
}

/* ---- messages */

static void upload_anew(void)
{
	for (uint32_t i = 0; i < g.window.slots.pool.slots; i++)
		if (g.window.one[i].busy && !(g.window.load.active && g.window.load.to == i))
			show(i, true);
}

static void freed(const void *payload)
{
	uint32_t at;
	if (!window_free(&g.window, payload, &at))
		return;
	if (at != STORE_NONE)
		g.store.slot[at].shipped = true;
	soon();
}

static void told_of(struct peer *producer, const void *payload)
{
	const struct msg_segment *told = payload;
	struct commit c;
	/* a new process does not know what its predecessor was told last */
	if (mirror_knows(&g.mirror, producer->pool, told, &c))
		tell_stored(producer->pool, told->index, &c);
	soon();
}

static void settle(const void *payload)
{
	const struct msg_config *c = payload;
	g.settings = c->settings;
	g.identity = c->identity;
	g.has_settings = true;
	tick(NULL);
}

static void hurry(void)
{
	g.late = true;
	drained();
}

/* ---- start */

static void set_up(const int fds[START_FDS])
{
	g.disk = (struct disk){fds[START_DISK], fds[START_FAULTS]};
	role_own_pool(fds, &g.window_pool);
	role_read_pools(fds, g.mirror.pool);
	window_recover(&g.window, g.window_pool, &g.store);
	g.backoff = (struct backoff){.base_ms = 500, .cap_ms = 10000};
	g.tick.fn = tick;
	g.load.fn = load_more;
	g.counters.fn = send_counters;
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_SETTINGS, .take = settle},
	{ROLE_INIT, MSG_DRAIN, .call = drain},
	{ROLE_INIT, MSG_LATE, .call = hurry},
	{ROLE_KEYS, MSG_STORE, .take_from = told_of},
	{ROLE_UPLOAD, MSG_PEER, .call = upload_anew},
	{ROLE_UPLOAD, MSG_FREE, .take = freed},
	{ROLE_PRODUCER, MSG_STORE, .take_from = told_of},
};

const struct role role_spool = {
	.id = ROLE_SPOOL,
	.spawn = {.uid = 105, .empty_network = true, .writes = true},
	.on_demand = true,
	.descriptors =
		START_BIT(START_DISK) | START_BIT(START_FAULTS) | START_BIT(START_OWN_POOL) | START_PRODUCERS,
	.sandbox = &calls_spool,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_KEYS] = &g.keys,
		  [ROLE_UPLOAD] = &g.upload,
		  [ROLE_FLOWS] = &g.producer[PRODUCER_FLOWS],
		  [ROLE_CAPTURE] = g.producer},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
