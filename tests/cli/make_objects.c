/* make_objects: the objects of one boot of an appliance, under a clock of the program's own: hours in
 * seconds. Recorder, log stream and all below them are the product's; the packets are traffic.h's.
 *
 *   make_objects CONFIG FOLDER KEY-ARN [NAME=NUMBER ...]      (names: `numbers`, below)
 *
 * Each object goes to FOLDER/<name>; on standard output, a JSON line each:
 *   {"key": {context}}  a data key is wanted; the answer on standard input: KEY CiphertextBlob, base64
 *   {"object": name, "meta": {...}}  it is written
 *   {"end": {...}}      what was recorded
 */
#include "producers.h"

#include "record/packet_keys.h"
#include "role/capture/section.h"
#include "role/flows/flowlines.h"
#include "role/jsonlines.h"

#include "traffic.h"

/* What can be said on the command line. */
static uint64_t seed = 1, boot, seconds = 600, bytes_per_s = 20000, workers = 2, hosts = 40, servers = 60;
static uint64_t payload = 1400, words_percent = 30, port0_s = 60, rare_s = 200, canary_s = 300;
static uint64_t odd_s, lost_at_s, torn_at_s, key_seconds, object_seconds, shutdown = 1;
static const struct {
	const char *name;
	uint64_t *to;
} numbers[] = {
	{"seed", &seed},
	{"boot", &boot},
	{"start_ns", &start_ns},
	{"seconds", &seconds},
	{"bytes_per_s", &bytes_per_s}, /* of recordings, before compression */
	{"workers", &workers},
	{"hosts", &hosts},
	{"servers", &servers},
	{"payload", &payload}, /* of a TCP segment */
	{"words_percent", &words_percent},
	{"port0_s", &port0_s}, /* seconds between two; 0: none */
	{"rare_s", &rare_s},
	{"canary_s", &canary_s},
	{"odd_s", &odd_s},
	{"lost_at_s", &lost_at_s},     /* the first worker loses 5 packets */
	{"torn_at_s", &torn_at_s},     /* it dies */
	{"key_seconds", &key_seconds}, /* in place of the configuration's */
	{"object_seconds", &object_seconds},
	{"shutdown", &shutdown}, /* 0: the power fails: open objects and the log's last words are not there */
};

static struct msg_links links;
static struct msg_clock clock_state;
static struct recorder worker[WORKERS_MAX], flows;
static struct traffic traffic;
static uint64_t flow_lines;
static uint8_t worker_pool[WORKERS_MAX][POOL_PAGE_BYTES + SLOTS * SLOT_BYTES];
static uint8_t small_pool[2][POOL_PAGE_BYTES + 8 * SMALL_SLOT_BYTES];

/* ---- the log */

static void log_want_key(void *arg, bool any)
{
	(void)arg;
	want_key(&streams[LOG_STREAM], any);
}

static void log_sign(void *arg, struct object_meta *meta)
{
	(void)arg;
	sign_it(meta);
}

static void log_sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	sealed(&streams[LOG_STREAM], s);
}

static void log_boot(void)
{
	journal.identity = &identity;
	journal.clock = clock_state;
	journal.loop = &loop;
	journal.want_key = log_want_key;
	journal.sign = log_sign;
	journal.sealed = log_sealed;
	journal.progressed = nothing;
	streams[LOG_STREAM] = (struct stream){.recorder = &journal.recorder, .name = "log"};
	say_line("info net clock source=ntp server=169.254.169.123 offset_ms=0.021 error_ns=%llu "
		 "delay_ns=180000 stratum=3 leap=0 drift_ppm=0.012 smeared=yes kept=yes steps=0",
		 (unsigned long long)clock_state.error_ns);
	logstream_open(&journal, &settings, (struct pool){small_pool[1], SMALL_SLOT_BYTES, 8}, 0);
	serve_all();
	say_line("info net configured outside=ens5 inside=ens6");
	say_line("info init armed outside_rx_packets=0 inside_rx_packets=0 outside_rx_dropped=0 "
		 "inside_rx_dropped=0 since_kernel_start_ms=%llu",
		 (unsigned long long)(clock_boot_ns() / NS_PER_MS));
}

/* ---- a worker */

static void worker_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
			struct buf *raw)
{
	(void)arg;
	struct clocknote clock = clocknote(&clock_state, clock_mono_ns());
	section_write(raw, &settings, &identity, &links, &clock, meta, prev);
}

static void put_statistics(struct stream *s, struct buf *raw)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t drops = i == 0 ? s->drops : 0;
		struct pcapng_statistics p = {.interface_id = i,
					      .now_ns = now_ns,
					      .start_ns = start_ns,
					      .received = s->recorded[i] + drops,
					      .dropped_by_os = drops,
					      .delivered = s->recorded[i]};
		pcapng_statistics(raw, &p);
	}
}

static void worker_tail(void *arg, struct buf *raw)
{
	put_statistics(arg, raw);
}

static void worker_position(void *arg, struct commit_resume *at)
{
	const struct stream *s = arg;
	at->packet_id = s->packet_id;
	memcpy(at->recorded, s->recorded, sizeof(at->recorded));
}

static const struct recorder_ops worker_ops = {
	.head = worker_head,
	.tail = worker_tail,
	.position = worker_position,
	.committed = nothing,
	.want_key = want_key,
	.sign = sign,
	.sealed = sealed,
	.ready = nothing,
};

static void set_up(struct stream *s, struct recorder *r, const struct recorder_ops *ops,
		   enum object_kind kind, struct pool pool)
{
	struct commit_resume at;
	s->recorder = r;
	struct recorder_setup setup = {.loop = &loop,
				       .ops = ops,
				       .arg = s,
				       .identity = &identity,
				       .settings = &settings,
				       .pool = pool,
				       .kind = kind,
				       .stream = s->name,
				       .raw_max = RECORDER_RAW_MAX,
				       .has_addresses = true};
	recorder_init(r, &setup);
	if (recorder_recover(r, &at)) {
		s->packet_id = at.packet_id;
		memcpy(s->recorded, at.recorded, sizeof(s->recorded));
	}
	serve_all();
}

static void set_up_worker(unsigned i)
{
	static const char *const names[WORKERS_MAX] = {"w0", "w1", "w2", "w3"};
	streams[i].name = names[i];
	set_up(&streams[i], &worker[i], &worker_ops, OBJECT_PACKETS,
	       (struct pool){worker_pool[i], SLOT_BYTES, SLOTS});
}

/* The process ends in the middle of an object; the next one goes on. */
static void die(unsigned i)
{
	struct recorder *r = &worker[i];
	loop_timer_stop(&loop, &r->frame_timer);
	loop_timer_stop(&loop, &r->object_timer);
	loop_timer_stop(&loop, &r->key_timer);
	const uint64_t uncommitted = r->frame.records; /* a ring gives them again; here they are lost */
	memset(r, 0, sizeof(*r));
	say_line("alarm init role-died died=capture index=%u signal=9", i);
	set_up_worker(i);
	take_log();
	recorder_lost(r, uncommitted);
	streams[i].drops += uncommitted;
	streams[i].drops_untold += uncommitted;
}

static void record(unsigned i, const struct ring_packet *p)
{
	struct stream *s = &streams[i];
	struct pcapng_packet_info info = {.interface_id = traffic.link,
					  .packet_id = s->packet_id,
					  .queue = i,
					  .drops = s->drops_untold};
	struct buf *raw;
	while (!(raw = recorder_room(s->recorder, pcapng_packet_bytes(p), p->ts_ns)))
		serve_all();
	pcapng_packet(raw, p, &info);
	uint32_t canary;
	bool is_canary = !p->vlan && canary_find(p->tail, OUTSIDE_ADDRESS, identity.boot, &canary);
	recorder_wrote(s->recorder, p->ts_ns, s->packet_id / 500 + 1, false);
	packet_keys(recorder_bloom(s->recorder), span_from(p->tail, p->vlan ? 0 : 12));
	if (is_canary) {
		recorder_canary(s->recorder, canary);
		say_line("info keys canary-stored number=%u ms=%u", canary, 900);
	}
	s->packet_id++;
	s->recorded[traffic.link]++;
	s->drops_untold = 0;
}

/* ---- flows */

static void flows_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	(void)arg;
	jsonlines_object(raw, "flows", &identity, meta, prev, &clock_state);
	buf_str(raw, "}\n");
}

static const struct recorder_ops flows_ops = {
	.head = flows_head,
	.committed = nothing,
	.want_key = want_key,
	.sign = sign,
	.sealed = sealed,
	.ready = nothing,
};

static struct buf *flow_room(void)
{
	struct buf *raw;
	while (!(raw = recorder_room(&flows, FLOWLINES_FLOW_MAX, now_ns)))
		serve_all();
	return raw;
}

/* The filter of the frame that the line is in, for its addresses. */
static struct bloom *flow_wrote(void)
{
	recorder_wrote(&flows, now_ns, ++flow_lines, false);
	return recorder_bloom(&flows);
}

static void note_flow(const struct ct_flow *f, const char *reason)
{
	flowlines_flow(flow_room(), now_ns, f, reason);
	flowlines_flow_keys(flow_wrote(), f);
	serve_all();
}

static void note_verdict(void)
{
	const uint8_t *ip = traffic.frame + 14;
	struct verdicts_one v = {.reason = "to-appliance",
				 .src = ip_from_v4(load_be32(ip + 12)),
				 .dst = ip_from_v4(load_be32(ip + 16)),
				 .sport = load_be16(ip + 20),
				 .dport = load_be16(ip + 22),
				 .proto = ip[9],
				 .packets = 1,
				 .bytes = traffic.len - 14,
				 .first_ns = now_ns,
				 .last_ns = now_ns};
	flowlines_verdict(flow_room(), now_ns, &v);
	flowlines_verdict_keys(flow_wrote(), &v);
	serve_all();
}

/* ---- a life */

static void take(void)
{
	struct ring_packet p = {.ts_ns = traffic.now_ns,
				.ifindex = traffic.link + 2,
				.len = (uint32_t)traffic.len,
				.cap_len = (uint32_t)traffic.len,
				.tail = span_of(traffic.frame, traffic.len)};
	if (traffic.vlan) {
		p.vlan = true;
		p.tpid = 0x8100;
		p.tci = traffic.vlan;
		p.head = span_first(p.tail, 12);
		p.tail = span_from(p.tail, 12);
		p.len = p.cap_len = p.len + 4;
	}
	record(traffic.hash % (unsigned)workers, &p);
	if (traffic.ended)
		note_flow(traffic.ended, flowlines_reason(traffic.ended));
	if (traffic.refused)
		note_verdict();
	serve_all();
}

static void lose(void)
{
	struct stream *s = &streams[0];
	recorder_lost(s->recorder, 5);
	s->drops += 5;
	s->drops_untold += 5;
	say_line("alarm capture lost stream=w0 packets=5 total=%llu", (unsigned long long)s->drops);
}

/* What happens once at a time of its own, and each ten seconds. */
static void at_times(void)
{
	static uint64_t statistics_ns;
	if (lost_at_s && now_ns >= start_ns + lost_at_s * NS_PER_S) {
		lost_at_s = 0;
		lose();
	}
	if (torn_at_s && now_ns >= start_ns + torn_at_s * NS_PER_S && worker[0].frame.records) {
		torn_at_s = 0;
		die(0);
	}
	if (now_ns < statistics_ns)
		return;
	statistics_ns = now_ns + 10 * NS_PER_S;
	for (unsigned i = 0; i < workers; i++) {
		struct buf *raw = recorder_aside(streams[i].recorder, 2 * PCAPNG_STATISTICS_MAX);
		if (raw)
			put_statistics(&streams[i], raw);
	}
}

static void live(void)
{
	struct traffic_options o = {seed,          now_ns,  bytes_per_s, hosts,    servers, payload,
				    words_percent, port0_s, rare_s,      canary_s, odd_s,   identity.boot};
	traffic_init(&traffic, &o);
	for (unsigned i = 0; i < workers; i++) {
		set_up_worker(i);
		recorder_prepare(&worker[i]);
	}
	streams[FLOWS_STREAM].name = "flows";
	set_up(&streams[FLOWS_STREAM], &flows, &flows_ops, OBJECT_FLOWS,
	       (struct pool){small_pool[0], SMALL_SLOT_BYTES, 8});
	recorder_prepare(&flows);
	serve_all();
	for (;;) {
		traffic_next(&traffic);
		if (traffic.now_ns > start_ns + seconds * NS_PER_S)
			break;
		until(traffic.now_ns);
		at_times();
		take();
	}
	until(start_ns + seconds * NS_PER_S);
}

static void add(struct msg_totals *to, const struct recorder *r)
{
	struct msg_totals t;
	recorder_totals(r, &t);
	to->packets += t.packets;
	to->lost += t.lost;
	to->raw_bytes += t.raw_bytes;
	to->size_bytes += t.size_bytes;
	to->objects += t.objects;
}

static void shut_down(struct msg_totals *t)
{
	say_line("info init disarmed outside_rx_packets=0 inside_rx_packets=0 outside_rx_dropped=0 "
		 "inside_rx_dropped=0 since_kernel_start_ms=%llu",
		 (unsigned long long)(clock_boot_ns() / NS_PER_MS));
	for (unsigned i = 0; i < workers; i++) {
		recorder_rotate(&worker[i]);
		add(t, &worker[i]);
	}
	const unsigned long long recorded = t->packets, arrived = t->packets + t->lost;
	recorder_rotate(&flows);
	serve_all();
	say_line("info init books arrived_least=%llu arrived_most=%llu recorded=%llu lost=%llu filtered=0 "
		 "unattributed=0 surplus=0",
		 arrived, arrived, recorded, (unsigned long long)t->lost);
	until(now_ns + NS_PER_S);
	logstream_close(&journal, t);
	serve_all();
	until(now_ns + 2 * NS_PER_S);
	ASSERT(logstream_closed(&journal));
}

static void begin_identity(const char *config)
{
	static uint8_t text[CONF_MAX_BYTES];
	struct conf_error at;
	uint8_t secret[32] = {(uint8_t)seed, (uint8_t)(seed >> 8), 77, (uint8_t)boot};
	FILE *f = fopen(config, "rb");
	size_t len = f ? fread(text, 1, sizeof(text), f) : 0;
	if (conf_read(span_of(text, len), &settings, &at))
		fail("configuration", at.key);
	if (key_seconds)
		settings.key_max_seconds = key_seconds;
	if (object_seconds)
		settings.object_max_seconds = object_seconds;
	identity = (struct object_identity){.account = "123456789012",
					    .region = "eu-central-1",
					    .vpc = "vpc-0a1b2c3d4e5f60718",
					    .instance = "i-0123456789abcdef0",
					    .ami = "ami-0fedcba9876543210",
					    .boot = boot ? boot : seed * 0x9e3779b97f4a7c15ull};
	memcpy(identity.prefix, settings.s3_prefix, sizeof(identity.prefix));
	memcpy(identity.appliance, settings.appliance[0] ? settings.appliance : identity.instance,
	       settings.appliance[0] ? sizeof(identity.appliance) : sizeof(identity.instance));
	struct sha256 sha;
	sha256_init(&sha);
	sha256_update(&sha, span_of(text, len));
	sha256_final(&sha, identity.config_sha256);
	memset(identity.image_sha256, 0x5a, sizeof(identity.image_sha256));
	ecdsa_keypair(secret, &signing_key, identity.pub);
	clock_state = (struct msg_clock){.synchronised = 1,
					 .smeared = 1,
					 .server = ip_from_v4(0xa9fea97b),
					 .error_ns = 250000,
					 .at_ns = UP_NS};
}

static void begin_links(void)
{
	static const struct msg_link both[2] = {
		{.ifindex = 2,
		 .name = "ens5",
		 .mac = {2, 0, 0, 0, 0, 1},
		 .own_addr = OUTSIDE_ADDRESS,
		 .prefix_len = 24,
		 .eni = "eni-00000000000000001"},
		{.ifindex = 3,
		 .name = "ens6",
		 .mac = {2, 0, 0, 0, 0, 2},
		 .own_addr = INSIDE_ADDRESS,
		 .prefix_len = 20,
		 .device_number = 1,
		 .eni = "eni-00000000000000002"},
	};
	links.count = 2;
	memcpy(links.link, both, sizeof(both));
}

static void read_numbers(char **argv)
{
	for (; *argv; argv++) {
		struct span value = span_str(*argv), name = span_cut(&value, '=');
		unsigned found = 0;
		for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			if (span_eq(name, span_str(numbers[i].name)))
				found += !text_read_u64(value, UINT64_MAX, numbers[i].to);
		if (!found)
			fail("no such number", *argv);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4)
		fail("usage", "make_objects CONFIG FOLDER KEY-ARN [NAME=NUMBER ...]");
	folder = argv[2];
	key_arn = argv[3];
	read_numbers(argv + 4);
	if (workers < 1 || workers > WORKERS_MAX || !start_ns || payload < 6 || payload > 8900)
		fail("out of range", "workers, start_ns or payload");
	loop_init(&loop);
	if (chan_pair(log_ends))
		fail("channel", "log");
	log_open(log_ends[1], MSG_LOG_LINE, "capture");
	begin_identity(argv[1]);
	begin_links();
	now_ns = start_ns;
	log_boot();
	live();
	struct msg_totals t = {0};
	if (shutdown)
		shut_down(&t);
	printf("{\"end\": {\"boot\": \"%016llx\", \"packets\": %llu, \"lost\": %llu, \"raw_bytes\": %llu, "
	       "\"port0\": %u, \"rare\": %u, "
	       "\"canaries\": %u, \"flows\": %u, \"end_ns\": %llu}}\n",
	       (unsigned long long)identity.boot, (unsigned long long)t.packets, (unsigned long long)t.lost,
	       (unsigned long long)t.raw_bytes, traffic.ports0, traffic.rares, traffic.canaries,
	       traffic.flows, (unsigned long long)now_ns);
	return 0;
}
