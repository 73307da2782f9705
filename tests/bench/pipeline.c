/* pipeline MIX LEVEL MS TEXT [STAGE] - a worker's way from ring to slot, out of memory: a line of JSON.
 *
 * LEVEL: what zstd.level says. STAGE: walk, pcapng, keys: up to there alone; all (default): record, compress,
 * seal, hash, commit. dump: not timed; the recording's bytes go to the standard output, for zstd.
 */
#include <stdio.h>
#include <time.h>

#include "base/text.h"
#include "net/canary.h"
#include "record/packet_keys.h"
#include "record/pcapng.h"
#include "record/ring_walk.h"
#include "recorder_key.h"
#include "traffic.h"

#define SLOTS 3u
#define SLOT_BYTES (18u << 20)

enum stage { WALK, PCAPNG, KEYS, ALL, DUMP, STAGES };
static const char *const stage_names[STAGES] = {"walk", "pcapng", "keys", "all", "dump"};

static struct {
	enum stage stage;
	struct traffic traffic;
	struct recorder recorder;
	struct loop loop;
	struct settings settings;
	struct object_identity identity;
	struct object_meta to_sign;
	struct msg_segment sealed;
	bool sign, ship;
	uint64_t packets, raw_bytes, sealed_bytes, in_objects, seen;
	struct bloom bloom;
	uint8_t raw[RECORDER_RAW_MAX];
	uint8_t text[64u << 20];
} g;

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void head(void *arg, const struct object_meta *meta, const struct object_meta *prev, struct buf *raw)
{
	struct pcapng_section s = {.hardware = SPAN("bench")};
	struct pcapng_interface i = {.name = SPAN("one")};
	(void)arg;
	(void)meta;
	(void)prev;
	pcapng_section(raw, &s);
	pcapng_interface(raw, &i);
	pcapng_interface(raw, &i);
}

static void committed(void *arg)
{
	(void)arg;
}

static void want_key(void *arg, bool any)
{
	(void)arg;
	(void)any;
}

static void sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	g.to_sign = *meta;
	g.sign = true;
}

static void sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	g.sealed = *s;
	g.ship = true;
}

static void ready(void *arg)
{
	(void)arg;
}

/* What keys, upload and spool do at once here. */
static void others(void)
{
	if (g.sign) {
		g.sign = false;
		g.to_sign.sig_len = 3;
		g.sealed_bytes += g.to_sign.size_bytes;
		g.in_objects += g.to_sign.raw_bytes;
		recorder_signed(&g.recorder, &g.to_sign);
	}
	if (g.ship) {
		g.ship = false;
		recorder_free(&g.recorder, &g.sealed);
	}
}

static void record(struct ring_packet *p, uint64_t seq)
{
	struct pcapng_packet_info info = {.interface_id = p->ifindex - 2, .packet_id = g.packets};
	uint32_t canary;
	struct buf *raw;
	while (!(raw = recorder_room(&g.recorder, pcapng_packet_bytes(p), p->ts_ns)))
		others();
	pcapng_packet(raw, p, &info);
	bool is_canary = canary_find(p->tail, 1, 2, &canary);
	recorder_wrote(&g.recorder, p->ts_ns, seq, p->cap_len < p->len);
	packet_keys(recorder_bloom(&g.recorder), span_from(p->tail, 12));
	ASSERT(!is_canary);
}

static void take(struct ring_packet *p, uint64_t seq)
{
	static struct buf raw;
	g.packets++;
	g.raw_bytes += pcapng_packet_bytes(p);
	if (g.stage == ALL) {
		record(p, seq);
		return;
	}
	g.seen += p->ts_ns + p->tail.p[0];
	if (g.stage == WALK)
		return;
	if (g.stage == KEYS) {
		packet_keys(&g.bloom, span_from(p->tail, 12));
		return;
	}
	struct pcapng_packet_info info = {.interface_id = p->ifindex - 2, .packet_id = g.packets};
	if (!raw.p)
		raw = BUF_OF(g.raw);
	if (buf_room(&raw) < pcapng_packet_bytes(p)) {
		if (g.stage == DUMP)
			fwrite(raw.p, 1, raw.len, stdout);
		buf_reset(&raw);
	}
	pcapng_packet(&raw, p, &info);
}

static void round_of(void)
{
	struct ring_walk w;
	struct ring_packet p;
	for (uint32_t i = 0; i < TRAFFIC_BLOCKS; i++) {
		enum err e = ring_walk_begin(&w, span_of(g.traffic.blocks + (size_t)i * TRAFFIC_BLOCK_BYTES,
							 TRAFFIC_BLOCK_BYTES));
		while (!e && !(e = ring_walk_next(&w, &p)))
			take(&p, w.seq);
		ASSERT(e == ERR_NOT_FOUND);
	}
}

static void set_up(int level)
{
	static const struct recorder_ops ops = {.head = head,
						.committed = committed,
						.want_key = want_key,
						.sign = sign,
						.sealed = sealed,
						.ready = ready};
	size_t pool = POOL_PAGE_BYTES + (size_t)SLOTS * SLOT_BYTES;
	g.identity = (struct object_identity){.prefix = "p",
					      .account = "123456789012",
					      .region = "us-east-1",
					      .appliance = "tap-1",
					      .boot = 0x1122334455667788};
	g.settings = (struct settings){.object_max_bytes = 16 << 20,
				       .object_max_seconds = 300,
				       .key_max_seconds = 3600,
				       .key_max_bytes = 1ull << 50,
				       .zstd_level = level};
	uint8_t *memory = aligned_alloc(4096, pool);
	ASSERT(memory);
	memset(memory, 0, pool);
	loop_init(&g.loop);
	recorder_init(&g.recorder, &(struct recorder_setup){.loop = &g.loop,
							    .ops = &ops,
							    .identity = &g.identity,
							    .settings = &g.settings,
							    .pool = {memory, SLOT_BYTES, SLOTS},
							    .kind = OBJECT_PACKETS,
							    .stream = "w0",
							    .raw_max = RECORDER_RAW_MAX,
							    .has_addresses = true});
	recorder_prepare(&g.recorder);
	recorder_key_give(&g.recorder);
}

static int level_of(const char *text)
{
	bool below = *text == '-';
	uint64_t v;
	enum err e = text_read_u64(span_str(text + below), 19, &v);
	ASSERT(!e);
	return below ? -(int)v : (int)v;
}

static struct span read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	ASSERT(f);
	size_t n = fread(g.text, 1, sizeof(g.text), f);
	fclose(f);
	return span_of(g.text, n);
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: pipeline MIX LEVEL MS TEXT [STAGE]\n");
		return 64;
	}
	g.stage = argc > 5 ? WALK : ALL;
	while (argc > 5 && strcmp(stage_names[g.stage], argv[5]) != 0)
		ASSERT(++g.stage < STAGES);
	traffic_make(&g.traffic, argv[1], read_text(argv[4]));
	set_up(level_of(argv[2]));
	round_of(); /* memory is there, caches are as they will be */
	if (g.stage == DUMP)
		return 0;
	g.packets = g.raw_bytes = g.sealed_bytes = g.in_objects = 0;
	uint64_t ms;
	enum err e = text_read_u64(span_str(argv[3]), 1000000, &ms);
	ASSERT(!e);
	double wall = seconds(CLOCK_MONOTONIC), began = seconds(CLOCK_PROCESS_CPUTIME_ID), spent;
	do
		round_of();
	while ((spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - began) * 1000 < (double)ms);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	double n = (double)g.packets, bytes = (double)g.raw_bytes;
	printf("{\"ns_per_packet\": %.1f, \"ns_per_byte\": %.4f, \"wall_bytes_per_s\": %.0f, ",
	       spent * 1e9 / n, spent * 1e9 / bytes, bytes / wall);
	printf("\"ratio\": %.3f, \"packet_bytes\": %.1f}\n",
	       g.sealed_bytes ? (double)g.in_objects / (double)g.sealed_bytes : 0, bytes / n);
	return g.seen == 1;
}
