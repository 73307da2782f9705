#include "role/capture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/ring.h"
#include "os/secret.h"
#include "record/pcapng.h"
#include "record/ring_walk.h"
#include "role/cutter.h"
#include "role/peer.h"
#include "role/recorder.h"
#include "role/section.h"

#define STATISTICS_NS (10 * NS_PER_S)
/* While blocks are held, poll() on the ring says readable at once: look again after a pause instead. */
#define BUSY_PAUSE_NS (2 * NS_PER_MS)
#define HELD_PAUSE_NS (10 * NS_PER_MS)
#define BLOCKS_PER_TURN 16
/* After DRAIN the kernel retires the last, partly filled block within one retire time; wait for four. */
#define DRAIN_QUIET_NS (4 * RING_RETIRE_MS * NS_PER_MS)

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, keys, upload;
	struct ring ring;
	struct loop_watch ring_watch;
	struct loop_timer look, statistics;
	char stream[8];
	struct settings settings;
	struct object_identity identity;
	struct msg_links links; /* [0] outside, [1] inside: the pcapng interface numbers */
	struct recorder recorder;
	bool arming, reading, draining;
	uint64_t quiet_since_ns;

	uint32_t next;   /* block to read next */
	uint32_t held;   /* blocks read but not yet given back, those before `next` */
	bool in_block;   /* `walk` stands inside block `next` */
	bool has_packet; /* `packet` waits for room */
	struct ring_walk walk;
	struct ring_packet packet;
	bool decided; /* `packet` is as the cutter left it */
	struct cutter cutter;

	uint64_t packet_id;
	uint64_t drops_unreported; /* since the last packet written */
	uint64_t recorded[2], filtered[2], over_budget[2], drops;
	uint64_t drops_unlogged, drops_logged_ns;
	uint64_t armed_real_ns;
} g;

static void look(void *arg);

/* ---- what stands in front of and behind the packets of an object */

static void write_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	(void)arg;
	section_write(raw, &g.settings, &g.identity, &g.links, meta, prev);
}

static void put_statistics(struct buf *raw)
{
	for (uint32_t i = 0; i < 2; i++) {
		/* the ring counts the drops of both links together: they stand with the first */
		uint64_t drops = g.over_budget[i] + (i == 0 ? g.drops : 0);
		struct pcapng_statistics s = {
			.interface_id = i,
			.now_ns = clock_real_ns(),
			.start_ns = g.armed_real_ns,
			.received = g.recorded[i] + g.filtered[i] + drops,
			.filtered = g.filtered[i],
			.dropped_by_os = drops,
			.delivered = g.recorded[i],
		};
		pcapng_statistics(raw, &s);
	}
}

/* One line a second at most: the channel to init is not endless. */
static void log_drops(bool now)
{
	uint64_t now_ns = clock_mono_ns();
	if (g.drops_unlogged == 0 || (!now && now_ns - g.drops_logged_ns < NS_PER_S))
		return;
	log_begin(LOG_ALARM, "lost");
	log_str("cause", "ring");
	log_u64("packets", g.drops_unlogged);
	log_end();
	g.drops_unlogged = 0;
	g.drops_logged_ns = now_ns;
}

static void count_drops(void)
{
	uint64_t packets, drops;
	if (ring_statistics(&g.ring, &packets, &drops)) {
		log_event(LOG_ALARM, "ring-statistics", "reason", "the kernel gives no counters");
		return;
	}
	if (drops == 0)
		return;
	g.drops += drops;
	g.drops_unreported += drops;
	g.drops_unlogged += drops;
	recorder_lost(&g.recorder, drops);
	log_drops(false);
}

static void write_tail(void *arg, struct buf *raw)
{
	(void)arg;
	count_drops();
	log_drops(true);
	put_statistics(raw);
}

static void send_counters(void)
{
	struct msg_totals t;
	recorder_totals(&g.recorder, &t);
	struct cloudwatch_sample c = {
		.packets = t.packets,
		.raw_bytes = t.raw_bytes,
		.lost_ring = t.lost - g.cutter.dropped,
		.lost_budget = g.cutter.dropped,
		.cut = t.cut,
		.filtered = t.filtered,
		.key_age_s = recorder_key_age_s(&g.recorder),
		.oldest_unshipped_s = recorder_oldest_s(&g.recorder),
	};
	peer_send(&g.upload, MSG_COUNTERS, &c);
}

static void statistics_due(void *arg)
{
	(void)arg;
	count_drops();
	log_drops(true);
	cutter_say(&g.cutter, false);
	send_counters();
	struct buf *raw = recorder_aside(&g.recorder, 2 * PCAPNG_STATISTICS_MAX);
	if (raw)
		put_statistics(raw);
	loop_timer_in(&g.loop, &g.statistics, STATISTICS_NS);
}

/* ---- the ring */

/* 0 outside, 1 inside, 2 neither: a further link, which the filter admitted while nobody knew which is which.
 */
static uint32_t interface_of(const struct ring_packet *p)
{
	uint32_t i = 0;
	while (i < 2 && p->ifindex != g.links.link[i].ifindex)
		i++;
	return i;
}

/* Is `packet` to be recorded? What is not is counted. */
static bool admit(uint32_t interface_id)
{
	switch (cutter_decide(&g.cutter, &g.packet)) {
	case CUTTER_REFUSED:
		g.filtered[interface_id]++;
		recorder_filtered(&g.recorder, 1);
		return false;
	case CUTTER_DROPPED:
		g.over_budget[interface_id]++;
		g.drops_unreported++;
		recorder_lost(&g.recorder, 1);
		return false;
	default:
		return true;
	}
}

static bool write_packet(void)
{
	const struct ring_packet *p = &g.packet;
	uint32_t interface_id = interface_of(p);
	if (interface_id > 1 || (!g.decided && !admit(interface_id)))
		return true;
	g.decided = true; /* once, however long it waits for room */
	struct pcapng_packet_info info = {
		.interface_id = interface_id,
		.packet_id = g.packet_id,
		.queue = g.start.index,
		.drops = g.drops_unreported,
	};
	size_t bytes = pcapng_packet_bytes(p);
	struct buf *raw = recorder_room(&g.recorder, bytes, p->ts_ns);
	if (!raw)
		return false;
	pcapng_packet(raw, p, &info);
	recorder_wrote(&g.recorder, p->ts_ns, g.walk.seq, p->cap_len < p->len);
	g.recorded[info.interface_id]++;
	g.packet_id++;
	g.drops_unreported = 0;
	g.decided = false;
	return true;
}

/* All packets of block `next`; false: the recorder must wait. */
static bool read_block(void)
{
	if (!g.in_block) {
		enum err e =
			ring_walk_begin(&g.walk, span_of(ring_block(&g.ring, g.next), g.ring.block_bytes));
		ASSERT(!e);
		g.in_block = true;
		if (ring_block_losing(&g.ring, g.next))
			count_drops();
	}
	for (;;) {
		if (!g.has_packet) {
			enum err e = ring_walk_next(&g.walk, &g.packet);
			if (e == ERR_NOT_FOUND)
				break;
			ASSERT(!e);
		}
		g.has_packet = true;
		if (!write_packet())
			return false;
		g.has_packet = false;
	}
	g.in_block = false;
	g.next = (g.next + 1) % g.ring.blocks;
	g.held++;
	return true;
}

/* Every packet of the held blocks is sealed: the kernel may have them. Block `next`, if half read, stays. */
static void committed(void *arg)
{
	(void)arg;
	uint32_t block = (g.next + g.ring.blocks - g.held) % g.ring.blocks;
	for (; g.held; g.held--) {
		ring_block_release(&g.ring, block);
		block = (block + 1) % g.ring.blocks;
	}
}

static void drained(void)
{
	recorder_rotate(&g.recorder);
	if (g.recorder.phase != RECORDER_IDLE)
		return; /* again when it is signed */
	struct msg_totals t;
	recorder_totals(&g.recorder, &t);
	cutter_say(&g.cutter, true);
	g.draining = g.reading = false;
	send_counters();
	peer_send(&g.init, MSG_DRAINED, &t);
}

/* Reads what is there, then decides how to wait for more. */
static void look(void *arg)
{
	(void)arg;
	loop_unwatch(&g.loop, &g.ring_watch);
	if (!g.reading)
		return;
	uint32_t blocks = 0;
	/* all blocks held: the ring has come round to the oldest of them */
	while (blocks < BLOCKS_PER_TURN && g.held < g.ring.blocks && ring_block_ready(&g.ring, g.next)) {
		if (!read_block())
			return; /* ready() goes on */
		blocks++;
	}
	/* blocks without a packet for us hold up no frame */
	if (g.held && (g.recorder.phase != RECORDER_OPEN || g.recorder.raw.len == 0))
		committed(NULL);
	uint64_t now_ns = clock_mono_ns();
	if (blocks)
		g.quiet_since_ns = now_ns;
	if (g.draining && now_ns - g.quiet_since_ns > DRAIN_QUIET_NS) {
		drained();
		return;
	}
	if (blocks)
		loop_timer_in(&g.loop, &g.look, blocks == BLOCKS_PER_TURN ? 0 : BUSY_PAUSE_NS);
	else if (g.held || g.draining)
		loop_timer_in(&g.loop, &g.look, HELD_PAUSE_NS);
	else
		loop_watch(&g.loop, &g.ring_watch);
}

static void ring_readable(void *arg, short revents)
{
	(void)revents;
	look(arg);
}

/* ---- the recorder's other callbacks */

static void want_key(void *arg)
{
	(void)arg;
	peer_send(&g.keys, MSG_KEY_WANTED, NULL);
}

static void sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	peer_send(&g.keys, MSG_SIGN_OBJECT, meta);
}

static void sealed(void *arg, uint32_t slot, const struct object_meta *meta)
{
	(void)arg;
	(void)meta;
	peer_send(&g.upload, MSG_SEALED, &(struct msg_segment){slot});
	if (g.draining)
		loop_timer_in(&g.loop, &g.look, 0);
}

static void ready(void *arg)
{
	(void)arg;
	loop_timer_in(&g.loop, &g.look, 0);
}

static const struct recorder_ops ops = {
	.head = write_head,
	.tail = write_tail,
	.committed = committed,
	.want_key = want_key,
	.sign = sign,
	.sealed = sealed,
	.ready = ready,
};

/* ---- messages */

/* What was dropped while nobody read is not part of the books, which open now; it is said all the same. */
static void forget_drops(void)
{
	uint64_t packets, drops;
	if (ring_statistics(&g.ring, &packets, &drops) || drops == 0)
		return;
	log_begin(LOG_WARN, "dropped-before-armed");
	log_u64("packets", drops);
	log_end();
}

static void arm_when_ready(void)
{
	if (!g.arming || !recorder_has_key(&g.recorder))
		return;
	g.arming = false;
	g.reading = true;
	g.armed_real_ns = clock_real_ns();
	g.next = ring_start(&g.ring);
	forget_drops();
	peer_send(&g.init, MSG_ARMED, NULL);
	loop_timer_in(&g.loop, &g.statistics, STATISTICS_NS);
	look(NULL);
}

static void set_up_recorder(const struct msg_config *c, struct pool pool)
{
	g.settings = c->settings;
	g.identity = c->identity;
	cutter_init(&g.cutter, &g.settings, g.start.workers);
	struct recorder_setup setup = {
		.loop = &g.loop,
		.ops = &ops,
		.identity = &g.identity,
		.settings = &g.settings,
		.pool = pool,
		.kind = OBJECT_PACKETS,
		.stream = g.stream,
		.raw_max = RECORDER_RAW_MAX,
	};
	recorder_init(&g.recorder, &setup);
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)index;
	const struct pool *pool = arg;
	switch (m->type) {
	case MSG_SETTINGS:
		set_up_recorder((const void *)m->payload, *pool);
		break;
	case MSG_INTERFACES:
		memcpy(&g.links, m->payload, sizeof(g.links));
		cutter_own(&g.cutter, &g.links);
		break;
	case MSG_ARM:
		g.arming = true;
		recorder_prepare(&g.recorder);
		arm_when_ready();
		break;
	case MSG_DRAIN:
		if (!g.reading) { /* never armed */
			static const struct msg_totals none;
			g.arming = false;
			peer_send(&g.init, MSG_DRAINED, &none);
			break;
		}
		g.draining = true;
		g.quiet_since_ns = clock_mono_ns();
		look(NULL);
		break;
	default:
		trap();
	}
}

static void from_keys(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_KEY) {
		recorder_key(&g.recorder, (const void *)m->payload);
		wipe((void *)(uintptr_t)m->payload, sizeof(struct msg_key));
		arm_when_ready();
	} else {
		recorder_signed(&g.recorder, (const void *)m->payload);
	}
}

static void from_upload(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	recorder_free(&g.recorder, ((const struct msg_segment *)(const void *)m->payload)->index);
}

/* ---- start */

_Noreturn void role_capture(int channel)
{
	int fds[4];
	struct pool pool;
	enum err locked = secret_guard();
	peer_start(channel, ROLE_CAPTURE, &g.start, fds, 4);
	log_open(channel, MSG_LOG_LINE, "capture");
	log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(&g.loop);
	snprintf(g.stream, sizeof(g.stream), "w%u", g.start.index);
	enum err e = ring_map(fds[0], g.start.ring_block_bytes, g.start.ring_blocks, &g.ring);
	ASSERT(!e);
	e = pool_map(fds[1], 1, g.start.segment_bytes, g.start.segments, &pool);
	ASSERT(!e);
	g.ring_watch =
		(struct loop_watch){.fd = g.ring.fd, .events = POLLIN, .fn = ring_readable, .slot = -1};
	g.look.fn = look;
	g.statistics.fn = statistics_due;
	g.init = (struct peer){
		.self = ROLE_CAPTURE, .other = ROLE_INIT, .loop = &g.loop, .fn = from_init, .arg = &pool};
	g.keys = (struct peer){.self = ROLE_CAPTURE, .other = ROLE_KEYS, .loop = &g.loop, .fn = from_keys};
	g.upload =
		(struct peer){.self = ROLE_CAPTURE, .other = ROLE_UPLOAD, .loop = &g.loop, .fn = from_upload};
	peer_watch(&g.init, channel);
	peer_watch(&g.keys, fds[2]);
	peer_watch(&g.upload, fds[3]);
	loop_run(&g.loop);
	_exit(0);
}
