#include "role/capture/capture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "net/canary.h"
#include "os/clock.h"
#include "os/log.h"
#include "record/packet_keys.h"
#include "record/pcapng.h"
#include "role/capture/blocks.h"
#include "role/capture/clocksplit.h"
#include "role/capture/cutter.h"
#include "role/capture/drops.h"
#include "role/capture/interfaces.h"
#include "role/capture/section.h"
#include "role/guard.h"
#include "role/producer.h"

#define STATISTICS_NS (10 * NS_PER_S)
/* While blocks are held, poll() on the ring says readable at once: look again after a pause instead. */
#define BUSY_PAUSE_NS (2 * NS_PER_MS)
#define HELD_PAUSE_NS (10 * NS_PER_MS)
#define BLOCKS_PER_TURN 16
#define ETHERTYPE_AT 12 /* in a frame without a tag that the kernel took out */
/* After DRAIN the kernel retires the last, partly filled block within one retire time; wait for four. */
#define DRAIN_QUIET_NS (4 * RING_RETIRE_MS * NS_PER_MS)

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init;
	struct producer producer;
	struct loop_watch ring_watch;
	struct loop_timer look, hear, statistics, pulse, step_wait;
	char stream[8];
	struct clocksplit clock;
	struct interfaces links; /* their sides are the pcapng interface numbers */
	struct pool pool;
	struct recorder recorder;
	bool arming, reading;
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
	section_write(raw, &g.producer.settings, &g.producer.identity, &g.links.now, &clock, meta, prev);
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
		.effort_changes = g.recorder.adapt.changes,
	};
	memcpy(c.frames, g.recorder.adapt.made, sizeof(c.frames));
	peer_send(&g.producer.upload, MSG_COUNTERS, &c);
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

/* Reads what init said before a packet came, whose link is not known. */
static void hear_init(void *arg)
{
	peer_read(&g.init);
	interfaces_heard(&g.links);
	look(arg);
}

static uint32_t interface_of(const struct ring_packet *p, uint64_t block_seq)
{
	bool turned;
	uint32_t side = interfaces_side(&g.links, p->ifindex, block_seq, &turned);
	/* not right here: this may be init's message being taken */
	if (side == INTERFACES_UNTOLD)
		loop_timer_in(&g.loop, &g.hear, 0);
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
	uint32_t interface_id = interface_of(p, block_seq);
	if (interface_id == INTERFACES_UNTOLD)
		return false;
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
	bool is_canary =
		!p->vlan && canary_find(p->tail, g.links.own_addr, g.producer.identity.boot, &canary);
	recorder_wrote(&g.recorder, p->ts_ns, block_seq, p->cap_len < p->len);
	packet_keys(recorder_bloom(&g.recorder), span_from(p->tail, p->vlan ? 0 : ETHERTYPE_AT));
	if (is_canary)
		recorder_canary(&g.recorder, canary);
	g.at.recorded[info.interface_id]++;
	g.at.packet_id++;
	g.drops.unreported = 0;
	g.decided = false;
	return true;
}

/* What is recorded of the blocks before this one is committed; what they had besides is in the counts. */
static void passed(uint64_t next_seq)
{
	struct progress *p = g.progress;
	memcpy(p->passed_filtered, g.at.filtered, sizeof(p->passed_filtered));
	memcpy(p->passed_over_budget, g.at.over_budget, sizeof(p->passed_over_budget));
	__atomic_store_n(&p->passed_seq, next_seq, __ATOMIC_RELEASE);
}

/* A process before this one may have got further than what was committed last. */
static void take_up_passed(void)
{
	const struct progress *p = g.progress;
	if (p->passed_seq <= g.at.block_seq)
		return;
	g.at.block_seq = p->passed_seq;
	g.at.packets = 0;
	memcpy(g.at.filtered, p->passed_filtered, sizeof(g.at.filtered));
	memcpy(g.at.over_budget, p->passed_over_budget, sizeof(g.at.over_budget));
}

static void block_given_up(uint64_t block_seq, uint64_t packets, uint64_t first_ns)
{
	recorder_rotate(&g.recorder);
	passed(block_seq + 1);
	g.progress->drops += packets;
	log_begin(LOG_ALARM, "block-given-up");
	log_u64("block", block_seq);
	log_u64("packets", packets);
	log_end();
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
	g.producer.draining = g.reading = false;
	recorder_end(&g.recorder);
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
	if (g.blocks.held && (g.recorder.phase != RECORDER_OPEN || g.recorder.raw.len == 0)) {
		passed(g.blocks.block_seq);
		blocks_release(&g.blocks);
	}
	uint64_t now_ns = clock_mono_ns();
	if (blocks)
		g.quiet_since_ns = now_ns;
	if (g.producer.draining && now_ns - g.quiet_since_ns > DRAIN_QUIET_NS) {
		drained();
		return;
	}
	if (blocks)
		loop_timer_in(&g.loop, &g.look, blocks == BLOCKS_PER_TURN ? 0 : BUSY_PAUSE_NS);
	else if (g.blocks.held || g.producer.draining)
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
		loop_timer_in(&g.loop, &g.pulse, guard_pulse_ns(&g.producer.settings));
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

static unsigned behind(void *arg)
{
	(void)arg;
	return blocks_behind_percent(&g.blocks);
}

static const struct recorder_ops ops = {
	.head = write_head,
	.tail = write_tail,
	.position = position,
	.committed = committed,
	.want_key = producer_want_key,
	.sign = producer_sign,
	.sealed = producer_sealed,
	.ready = producer_ready,
	.behind = behind,
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
	if (guard_pulse_ns(&g.producer.settings))
		pulse(NULL);
	peer_send(&g.init, MSG_ARMED, NULL);
	loop_timer_in(&g.loop, &g.statistics, STATISTICS_NS);
	look(NULL);
}

static void set_up_recorder(const void *payload)
{
	producer_settle(payload);
	cutter_init(&g.cutter, &g.producer.settings, g.start.workers);
	struct recorder_setup setup = {
		.loop = &g.loop,
		.ops = &ops,
		.identity = &g.producer.identity,
		.settings = &g.producer.settings,
		.pool = g.pool,
		.kind = OBJECT_PACKETS,
		.stream = g.stream,
		.raw_max = RECORDER_RAW_MAX,
		.has_addresses = true,
	};
	recorder_init(&g.recorder, &setup);
	/* where to go on must be known before the torn object's signature comes and is committed */
	recorder_recover(&g.recorder, &g.at);
	take_up_passed();
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

static void take_interfaces(const void *payload)
{
	interfaces_take(&g.links, payload);
	cutter_own(&g.cutter, payload);
}

static void arm(void)
{
	g.arming = true;
	recorder_prepare(&g.recorder);
	arm_when_ready();
}

static void drain(void)
{
	static const struct msg_totals none;
	if (!g.reading && !g.arming) {
		peer_send(&g.init, MSG_DRAINED, &none);
		return;
	}
	g.producer.draining = true;
	g.quiet_since_ns = clock_mono_ns();
	look(NULL);
}

/* What an object says of the clock holds for all of it. */
static void clock_told(const void *payload)
{
	if (clocksplit_tell(&g.clock, payload))
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

static void key_came(const void *payload)
{
	producer_key(payload);
	arm_when_ready();
}

/* ---- start */

static void set_up(const int fds[START_FDS])
{
	producer_init(&g.producer, &g.recorder, &g.loop, &g.look);
	snprintf(g.stream, sizeof(g.stream), "w%u", g.start.index);
	enum err e = ring_map(fds[START_RING], g.start.ring_block_bytes, g.start.ring_blocks, &g.blocks.ring);
	ASSERT(!e);
	role_own_pool(fds, &g.pool);
	g.progress = pool_page(&g.pool);
	g.blocks.progress = g.progress;
	g.blocks.ops = &blocks_ops;
	blocks_init(&g.blocks);
	g.drops = (struct drops){&g.blocks.ring, g.progress, &g.recorder, g.stream, 0, 0, 0};
	g.ring_watch = (struct loop_watch){
		.fd = g.blocks.ring.fd, .events = POLLIN, .fn = ring_readable, .slot = -1};
	g.look.fn = look;
	g.hear.fn = hear_init;
	g.statistics.fn = statistics_due;
	g.pulse.fn = pulse;
	g.step_wait.fn = step_waited;
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_SETTINGS, .take = set_up_recorder},
	{ROLE_INIT, MSG_INTERFACES, .take = take_interfaces},
	{ROLE_INIT, MSG_ARM, .call = arm},
	{ROLE_INIT, MSG_DRAIN, .call = drain},
	{ROLE_KEYS, MSG_PEER, .call = producer_keys_anew},
	{ROLE_KEYS, MSG_CLOCK_STATE, .take = clock_told},
	{ROLE_KEYS, MSG_KEY, .take = key_came},
	{ROLE_KEYS, MSG_OBJECT_SIGNED, .take = producer_signed},
	{ROLE_UPLOAD, MSG_PEER, .call = producer_taker_anew},
	{ROLE_UPLOAD, MSG_FREE, .take = producer_taken},
	{ROLE_SPOOL, MSG_PEER, .call = producer_taker_anew},
	{ROLE_SPOOL, MSG_STORED, .take = producer_taken},
};

const struct role role_capture = {
	.id = ROLE_CAPTURE,
	.spawn = {.uid = 104, .empty_network = true, .secrets = true},
	.descriptors = START_BIT(START_RING) | START_BIT(START_OWN_POOL),
	.sandbox = &calls_capture,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_KEYS] = &g.producer.keys,
		  [ROLE_UPLOAD] = &g.producer.upload,
		  [ROLE_SPOOL] = &g.producer.spool},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
