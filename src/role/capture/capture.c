#include "role/capture/capture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "net/canary.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/secret.h"
#include "record/pcapng.h"
#include "role/capture/blocks.h"
#include "role/capture/clocksplit.h"
#include "role/capture/cutter.h"
#include "role/capture/drops.h"
#include "role/capture/interfaces.h"
#include "role/capture/section.h"
#include "role/guard.h"
#include "role/peer.h"
#include "role/recorder.h"

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
	struct peer init, keys, upload, spool;
	struct loop_watch ring_watch;
	struct loop_timer look, statistics, pulse, step_wait;
	char stream[8];
	struct settings settings;
	struct object_identity identity;
	struct clocksplit clock;
	struct interfaces links; /* their sides are the pcapng interface numbers */
	struct recorder recorder;
	bool arming, reading, draining;
	uint64_t quiet_since_ns;

	struct blocks blocks;
	bool decided; /* the packet that waits is as the cutter left it */
	struct cutter cutter;

	struct progress
		*progress;       /* borrowed: the pool's page; what is counted there outlives this process */
	struct commit_resume at; /* behind the last packet */
	struct drops drops;
} g;

static void look(void *arg);

/* ---- what stands in front of and behind the packets of an object */

static void write_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	(void)arg;
	struct clocknote clock = clocknote(&g.clock.now, clock_mono_ns());
	section_write(raw, &g.settings, &g.identity, &g.links.now, &clock, meta, prev);
}

static void put_statistics(struct buf *raw)
{
	for (uint32_t i = 0; i < 2; i++) {
		/* the ring counts the drops of both links together: they stand with the first */
		uint64_t drops = g.at.over_budget[i] + (i == 0 ? g.progress->drops : 0);
		struct pcapng_statistics s = {
			.interface_id = i,
			.now_ns = clock_real_ns(),
			.start_ns = g.progress->armed_real_ns,
			.received = g.at.recorded[i] + g.at.filtered[i] + drops,
			.filtered = g.at.filtered[i],
			.dropped_by_os = drops,
			.delivered = g.at.recorded[i],
		};
		pcapng_statistics(raw, &s);
	}
}

static void count_drops(void)
{
	drops_count(&g.drops);
}

static void write_tail(void *arg, struct buf *raw)
{
	(void)arg;
	count_drops();
	drops_log(&g.drops, true);
	put_statistics(raw);
}

static void send_counters(void)
{
	struct msg_totals t;
	recorder_totals(&g.recorder, &t);
	struct cloudwatch_sample c = {
		.packets = t.packets,
		.raw_bytes = t.raw_bytes,
		.lost_ring = t.lost - g.at.over_budget[0] - g.at.over_budget[1],
		.lost_budget = g.at.over_budget[0] + g.at.over_budget[1],
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
	drops_log(&g.drops, true);
	cutter_say(&g.cutter, false);
	send_counters();
	struct buf *raw = recorder_aside(&g.recorder, 2 * PCAPNG_STATISTICS_MAX);
	if (raw)
		put_statistics(raw);
	loop_timer_in(&g.loop, &g.statistics, STATISTICS_NS);
}

/* ---- the ring */

static uint32_t interface_of(const struct ring_packet *p)
{
	bool turned;
	uint32_t side = interfaces_side(&g.links, p->ifindex, &turned);
	if (turned)
		recorder_rotate(&g.recorder);
	return side;
}

/* Is it to be recorded? What is not is counted. */
static bool admit(struct ring_packet *p, uint32_t interface_id)
{
	switch (cutter_decide(&g.cutter, p)) {
	case CUTTER_REFUSED:
		g.at.filtered[interface_id]++;
		recorder_filtered(&g.recorder, 1);
		return false;
	case CUTTER_DROPPED:
		g.at.over_budget[interface_id]++;
		g.drops.unreported++;
		recorder_lost(&g.recorder, 1);
		return false;
	default:
		return true;
	}
}

static bool take_packet(struct ring_packet *p, uint64_t block_seq)
{
	if (clocksplit_packet(&g.clock, p->ts_ns))
		recorder_rotate(&g.recorder);
	uint32_t interface_id = interface_of(p);
	if (interface_id > 1 || (!g.decided && !admit(p, interface_id)))
		return true;
	g.decided = true; /* once, however long it waits for room */
	struct pcapng_packet_info info = {
		.interface_id = interface_id,
		.packet_id = g.at.packet_id,
		.queue = g.start.index,
		.drops = g.drops.unreported,
	};
	size_t bytes = pcapng_packet_bytes(p);
	struct buf *raw = recorder_room(&g.recorder, bytes, p->ts_ns);
	if (!raw)
		return false;
	pcapng_packet(raw, p, &info);
	uint32_t canary;
	bool is_canary = !p->vlan && canary_find(p->tail, g.links.own_addr, g.identity.boot, &canary);
	recorder_wrote(&g.recorder, p->ts_ns, block_seq, p->cap_len < p->len);
	if (is_canary)
		recorder_canary(&g.recorder, canary);
	g.at.recorded[info.interface_id]++;
	g.at.packet_id++;
	g.drops.unreported = 0;
	g.decided = false;
	return true;
}

static void block_given_up(uint64_t block_seq, uint64_t packets, uint64_t first_ns)
{
	log_begin(LOG_ALARM, "block-given-up");
	log_u64("block", block_seq);
	log_u64("packets", packets);
	log_end();
	g.progress->drops += packets;
	drops_tell(&g.drops, packets, drops_began_ns(first_ns, clock_real_ns(), clock_mono_ns()));
}

static const struct blocks_ops blocks_ops = {take_packet, count_drops, block_given_up};

static void committed(void *arg)
{
	(void)arg;
	blocks_release(&g.blocks);
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
	while (blocks < BLOCKS_PER_TURN && blocks_ready(&g.blocks)) {
		if (!blocks_read(&g.blocks))
			return; /* ready() goes on */
		blocks++;
	}
	/* blocks without a packet for us hold up no frame */
	if (g.blocks.held && (g.recorder.phase != RECORDER_OPEN || g.recorder.raw.len == 0))
		blocks_release(&g.blocks);
	uint64_t now_ns = clock_mono_ns();
	if (blocks)
		g.quiet_since_ns = now_ns;
	if (g.draining && now_ns - g.quiet_since_ns > DRAIN_QUIET_NS) {
		drained();
		return;
	}
	if (blocks)
		loop_timer_in(&g.loop, &g.look, blocks == BLOCKS_PER_TURN ? 0 : BUSY_PAUSE_NS);
	else if (g.blocks.held || g.draining)
		loop_timer_in(&g.loop, &g.look, HELD_PAUSE_NS);
	else
		loop_watch(&g.loop, &g.ring_watch);
}

static void ring_readable(void *arg, short revents)
{
	(void)revents;
	look(arg);
}

/* init watches the progress where a policy needs it, and must see a loss soon; or for the status role. */
static void pulse(void *arg)
{
	(void)arg;
	count_drops();
	__atomic_store_n(&g.progress->full, recorder_full(&g.recorder), __ATOMIC_RELAXED);
	__atomic_store_n(&g.progress->exhausted, cutter_exhausted(&g.cutter), __ATOMIC_RELAXED);
	__atomic_store_n(&g.progress->turn_ns, clock_mono_ns(), __ATOMIC_RELAXED);
	if (g.reading)
		loop_timer_in(&g.loop, &g.pulse, guard_pulse_ns(&g.settings));
}

/* ---- the recorder's other callbacks */

static void position(void *arg, struct commit_resume *at)
{
	(void)arg;
	at->block_seq = g.blocks.block_seq;
	at->packets = g.blocks.packets;
	at->packet_id = g.at.packet_id;
	memcpy(at->recorded, g.at.recorded, sizeof(at->recorded));
	memcpy(at->filtered, g.at.filtered, sizeof(at->filtered));
	memcpy(at->over_budget, g.at.over_budget, sizeof(at->over_budget));
	at->drops = g.progress->drops + g.at.over_budget[0] + g.at.over_budget[1];
	at->refused = g.at.filtered[0] + g.at.filtered[1];
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
	peer_hand_on(&g.settings, &g.spool, &g.upload, s);
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

static void arm_when_ready(void)
{
	if (!g.arming || !recorder_has_key(&g.recorder))
		return;
	g.arming = false;
	g.reading = true;
	blocks_start(&g.blocks);
	if (g.progress->armed_real_ns == 0) {
		g.progress->armed_real_ns = clock_real_ns();
		drops_begin(&g.drops);
	}
	if (guard_pulse_ns(&g.settings))
		pulse(NULL);
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
	/* where to go on must be known before the torn object's signature comes and is committed */
	recorder_recover(&g.recorder, &g.at);
	blocks_resume(&g.blocks, g.at.block_seq, g.at.packets);
	recorder_announce(&g.recorder);
	/* counted, but not told in an object that was committed */
	uint64_t drops = g.progress->drops + g.at.over_budget[0] + g.at.over_budget[1];
	uint64_t refused = g.at.filtered[0] + g.at.filtered[1];
	if (drops > g.at.drops)
		drops_tell(&g.drops, drops - g.at.drops, g.progress->counted_ns);
	if (refused > g.at.refused)
		recorder_filtered(&g.recorder, refused - g.at.refused);
}

static void keys_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (g.recorder.ops)
		recorder_keys_anew(&g.recorder);
}

/* upload, or the spool: whoever takes the objects */
static void taker_anew(void *arg, uint32_t index)
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
		peer_join(peer_role(m) == ROLE_KEYS    ? &g.keys
			  : peer_role(m) == ROLE_SPOOL ? &g.spool
						       : &g.upload,
			  m);
		break;
	case MSG_SETTINGS:
		set_up_recorder((const void *)m->payload, *pool);
		break;
	case MSG_INTERFACES:
		interfaces_take(&g.links, (const void *)m->payload);
		cutter_own(&g.cutter, (const void *)m->payload);
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

/* What an object says of the clock holds for all of it. */
static void clock_told(const struct msg_clock *now)
{
	if (clocksplit_tell(&g.clock, now))
		recorder_rotate(&g.recorder);
	if (g.clock.waiting)
		loop_timer_in(&g.loop, &g.step_wait, CLOCKSPLIT_WAIT_NS);
}

static void step_waited(void *arg)
{
	(void)arg;
	if (clocksplit_expire(&g.clock))
		recorder_rotate(&g.recorder);
}

static void from_keys(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_KEY) {
		recorder_key(&g.recorder, (const void *)m->payload);
		wipe((void *)(uintptr_t)m->payload, sizeof(struct msg_key));
		arm_when_ready();
	} else if (m->type == MSG_CLOCK_STATE) {
		clock_told((const void *)m->payload);
	} else {
		recorder_signed(&g.recorder, (const void *)m->payload);
	}
}

static void from_taker(void *arg, uint32_t index, const struct chan_msg *m)
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
	enum err e = ring_map(fds[0], g.start.ring_block_bytes, g.start.ring_blocks, &g.blocks.ring);
	ASSERT(!e);
	e = pool_map(fds[1], 1, g.start.segment_bytes, g.start.segments, &pool);
	ASSERT(!e);
	g.progress = pool_page(&pool);
	g.blocks.progress = g.progress;
	g.blocks.ops = &blocks_ops;
	blocks_init(&g.blocks);
	g.drops = (struct drops){&g.blocks.ring, g.progress, &g.recorder, g.stream, 0, 0, 0};
	g.ring_watch = (struct loop_watch){
		.fd = g.blocks.ring.fd, .events = POLLIN, .fn = ring_readable, .slot = -1};
	g.look.fn = look;
	g.statistics.fn = statistics_due;
	g.pulse.fn = pulse;
	g.step_wait.fn = step_waited;
	peer_init(&g.init, ROLE_CAPTURE, ROLE_INIT, &g.loop, from_init, NULL);
	g.init.arg = &pool;
	peer_init(&g.keys, ROLE_CAPTURE, ROLE_KEYS, &g.loop, from_keys, keys_anew);
	peer_init(&g.upload, ROLE_CAPTURE, ROLE_UPLOAD, &g.loop, from_taker, taker_anew);
	peer_init(&g.spool, ROLE_CAPTURE, ROLE_SPOOL, &g.loop, from_taker, taker_anew);
	peer_watch(&g.init, channel);
	loop_run(&g.loop);
	_exit(0);
}
