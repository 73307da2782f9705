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
#include "role/guard.h"
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
	struct loop_timer look, statistics, pulse;
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
	uint64_t skip; /* packets of the block that were committed before */

	struct progress
		*progress;       /* borrowed: the pool's page; what is counted there outlives this process */
	struct commit_resume at; /* behind the last packet */
	uint64_t drops_unreported; /* since the last packet written */
	uint64_t drops_unlogged, drops_since_ns, drops_logged_ns;
} g;

static void look(void *arg);

/* ---- what stands in front of and behind the packets of an object */

static void write_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	(void)arg;
	section_write(raw, &g.identity, &g.links, meta, prev);
}

static void put_statistics(struct buf *raw)
{
	for (uint32_t i = 0; i < 2; i++) {
		/* the ring counts the drops of both links together: they stand with the first */
		uint64_t drops = i == 0 ? g.progress->drops : 0;
		struct pcapng_statistics s = {
			.interface_id = i,
			.now_ns = clock_real_ns(),
			.start_ns = g.progress->armed_real_ns,
			.received = g.at.recorded[i] + drops,
			.dropped_by_os = drops,
			.delivered = g.at.recorded[i],
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
	log_u64("span_ms",
		(now_ns - g.drops_since_ns) / NS_PER_MS); /* they were lost in the time until now */
	/* what alarms that were not sent have told; each worker has its own */
	log_u64("total", g.progress->drops);
	log_str("stream", g.stream);
	log_end();
	g.drops_unlogged = 0;
	g.drops_logged_ns = now_ns;
}

/* Lost between then and now. */
static void tell_drops(uint64_t drops, uint64_t since_ns)
{
	g.drops_unreported += drops;
	if (g.drops_unlogged == 0)
		g.drops_since_ns = since_ns;
	g.drops_unlogged += drops;
	recorder_lost(&g.recorder, drops);
}

static void count_drops(void)
{
	uint64_t packets, drops;
	if (ring_statistics(&g.ring, &packets, &drops)) {
		log_event(LOG_ALARM, "ring-statistics", "reason", "the kernel gives no counters");
		return;
	}
	uint64_t since_ns = g.progress->counted_ns;
	g.progress->counted_ns = clock_mono_ns();
	if (drops == 0)
		return;
	g.progress->drops += drops; /* at once: the kernel has forgotten them */
	tell_drops(drops, since_ns);
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
		.lost_ring = t.lost,
		.cut = t.cut,
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

static bool write_packet(void)
{
	const struct ring_packet *p = &g.packet;
	uint32_t interface_id = interface_of(p);
	if (interface_id > 1)
		return true;
	struct pcapng_packet_info info = {
		.interface_id = interface_id,
		.packet_id = g.at.packet_id,
		.queue = g.start.index,
		.drops = g.drops_unreported,
	};
	size_t bytes = pcapng_packet_bytes(p);
	struct buf *raw = recorder_room(&g.recorder, bytes, p->ts_ns);
	if (!raw)
		return false;
	pcapng_packet(raw, p, &info);
	recorder_wrote(&g.recorder, p->ts_ns, g.walk.seq, p->cap_len < p->len);
	g.at.recorded[info.interface_id]++;
	g.at.packet_id++;
	g.drops_unreported = 0;
	return true;
}

/* A block in which two processes died one after the other is not tried again: its packets are counted. */
static bool poisoned(void)
{
	struct progress *p = g.progress;
	if (p->reading_seq != g.walk.seq) {
		p->reading_seq = g.walk.seq;
		p->crashes = 0;
	}
	if (p->crashes < 2)
		return false;
	uint64_t packets = g.walk.left > g.at.packets ? g.walk.left - g.at.packets : 0;
	log_begin(LOG_ALARM, "block-given-up");
	log_u64("block", g.walk.seq);
	log_u64("packets", packets);
	log_end();
	p->drops += packets;
	tell_drops(packets, clock_mono_ns());
	return true;
}

/* False: there is nothing to read in block `next`; it was committed before, or is given up. */
static bool begin_block(void)
{
	enum err e = ring_walk_begin(&g.walk, span_of(ring_block(&g.ring, g.next), g.ring.block_bytes));
	ASSERT(!e);
	if (g.walk.seq < g.at.block_seq)
		return false;
	if (g.walk.seq > g.at.block_seq) {
		g.at.block_seq = g.walk.seq;
		g.at.packets = 0;
	}
	g.skip = g.at.packets;
	if (ring_block_losing(&g.ring, g.next))
		count_drops();
	return !poisoned();
}

static void end_block(void)
{
	g.in_block = false;
	if (g.walk.seq >= g.at.block_seq) {
		g.at.block_seq = g.walk.seq + 1;
		g.at.packets = 0;
	}
	g.progress->reading_seq = 0;
	g.next = (g.next + 1) % g.ring.blocks;
	g.held++;
}

/* The next packet that was not committed before. */
static bool next_packet(void)
{
	for (;;) {
		enum err e = ring_walk_next(&g.walk, &g.packet);
		if (e == ERR_NOT_FOUND)
			return false;
		ASSERT(!e);
		if (g.skip == 0)
			return true;
		g.skip--;
	}
}

/* All packets of block `next`; false: the recorder must wait. */
static bool read_block(void)
{
	if (!g.in_block && !begin_block()) {
		end_block();
		return true;
	}
	g.in_block = true;
	g.progress->reading_seq = g.walk.seq;
	while (g.has_packet || next_packet()) {
		g.has_packet = true;
		if (!write_packet()) {
			g.progress->reading_seq = 0; /* to die while waiting is not the block's fault */
			return false;
		}
		g.has_packet = false;
		g.at.packets++;
	}
	end_block();
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

/* on_loss = stop: init watches the progress, and must see a loss soon. */
static void pulse(void *arg)
{
	(void)arg;
	count_drops();
	__atomic_store_n(&g.progress->full, recorder_full(&g.recorder), __ATOMIC_RELAXED);
	__atomic_store_n(&g.progress->turn_ns, clock_mono_ns(), __ATOMIC_RELAXED);
	if (g.reading)
		loop_timer_in(&g.loop, &g.pulse, GUARD_PULSE_NS);
}

/* ---- the recorder's other callbacks */

static void position(void *arg, struct commit_resume *at)
{
	(void)arg;
	at->block_seq = g.at.block_seq;
	at->packets = g.at.packets;
	at->packet_id = g.at.packet_id;
	memcpy(at->recorded, g.at.recorded, sizeof(at->recorded));
	at->drops = g.progress->drops;
}

static void want_key(void *arg, bool any)
{
	(void)arg;
	peer_send(&g.keys, MSG_KEY_WANTED, &(struct msg_flag){any});
}

static void sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	peer_send(&g.keys, MSG_SIGN_OBJECT, meta);
}

static void sealed(void *arg, const struct msg_segment *s, const struct object_meta *meta)
{
	(void)arg;
	(void)meta;
	peer_send(&g.upload, MSG_SEALED, s);
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
	.position = position,
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
	g.next = ring_start(&g.ring);
	if (g.progress->armed_real_ns == 0) {
		g.progress->armed_real_ns = clock_real_ns();
		g.progress->counted_ns = clock_mono_ns();
		forget_drops();
	}
	if (g.settings.on_loss == CONF_ON_LOSS_STOP)
		pulse(NULL);
	peer_send(&g.init, MSG_ARMED, NULL);
	loop_timer_in(&g.loop, &g.statistics, STATISTICS_NS);
	look(NULL);
}

static void set_up_recorder(const struct msg_config *c, struct pool pool)
{
	g.settings = c->settings;
	g.identity = c->identity;
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
	recorder_recover(&g.recorder, &g.at);
	recorder_announce(&g.recorder);
	/* counted, but not told in an object that was committed */
	if (g.progress->drops > g.at.drops)
		tell_drops(g.progress->drops - g.at.drops, g.progress->counted_ns);
}

static void keys_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (g.recorder.ops)
		recorder_keys_anew(&g.recorder);
}

static void upload_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (g.recorder.ops)
		recorder_announce(&g.recorder);
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)index;
	const struct pool *pool = arg;
	switch (m->type) {
	case MSG_PEER:
		peer_join(((const struct msg_peer *)(const void *)m->payload)->role == ROLE_KEYS ? &g.keys
												 : &g.upload,
			  m);
		break;
	case MSG_SETTINGS:
		set_up_recorder((const void *)m->payload, *pool);
		break;
	case MSG_INTERFACES:
		memcpy(&g.links, m->payload, sizeof(g.links));
		break;
	case MSG_ARM:
		g.arming = true;
		recorder_prepare(&g.recorder);
		arm_when_ready();
		break;
	case MSG_DRAIN:
		if (!g.reading && !g.arming) {
			static const struct msg_totals none;
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
	recorder_free(&g.recorder, (const void *)m->payload);
}

/* ---- start */

_Noreturn void role_capture(int channel)
{
	int fds[2];
	struct pool pool;
	enum err locked = secret_guard();
	peer_start(channel, ROLE_CAPTURE, &g.start, fds, 2);
	log_open(channel, MSG_LOG_LINE, "capture");
	log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(&g.loop);
	snprintf(g.stream, sizeof(g.stream), "w%u", g.start.index);
	enum err e = ring_map(fds[0], g.start.ring_block_bytes, g.start.ring_blocks, &g.ring);
	ASSERT(!e);
	e = pool_map(fds[1], 1, g.start.segment_bytes, g.start.segments, &pool);
	ASSERT(!e);
	g.progress = pool_page(&pool);
	if (g.progress->reading_seq)
		g.progress->crashes++;
	g.ring_watch =
		(struct loop_watch){.fd = g.ring.fd, .events = POLLIN, .fn = ring_readable, .slot = -1};
	g.look.fn = look;
	g.statistics.fn = statistics_due;
	g.pulse.fn = pulse;
	g.init = (struct peer){
		.self = ROLE_CAPTURE, .other = ROLE_INIT, .loop = &g.loop, .fn = from_init, .arg = &pool};
	g.keys = (struct peer){.self = ROLE_CAPTURE,
			       .other = ROLE_KEYS,
			       .loop = &g.loop,
			       .fn = from_keys,
			       .anew = keys_anew};
	g.upload = (struct peer){.self = ROLE_CAPTURE,
				 .other = ROLE_UPLOAD,
				 .loop = &g.loop,
				 .fn = from_upload,
				 .anew = upload_anew};
	peer_watch(&g.init, channel);
	loop_run(&g.loop);
	_exit(0);
}
