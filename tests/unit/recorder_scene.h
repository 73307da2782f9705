/* recorder_scene: the recorder with a producer, a key service and a signer of the test's own; the pool is
 * plain memory.
 */
#ifndef SEALTAP_TESTS_RECORDER_SCENE_H
#define SEALTAP_TESTS_RECORDER_SCENE_H

#include "check.h"
#include "recorder_key.h"

#include <stdlib.h>

#include "base/time.h"
#include "lib/sha.h"
#include "os/clock.h"
#include "os/log.h"
#include "record/esdk_read.h"
#include "role/recorder.h"

#define SLOTS 3
#define SLOT_BYTES RECORDER_SLOT_MIN

static struct recorder *r;
static struct loop loop;
static struct settings settings;
static struct object_identity identity = {.prefix = "p",
					  .account = "123456789012",
					  .region = "us-east-1",
					  .appliance = "tap-1",
					  .boot = 0x1122334455667788};
static struct object_meta sealed[16];
static struct msg_segment sealed_segment[16];
static unsigned sealed_count, committed_count, ready_count, keys_wanted, keys_wanted_any;
static uint64_t source_packets; /* where the source stands */
static uint8_t memory[POOL_PAGE_BYTES + SLOTS * SLOT_BYTES];
static struct object_meta to_sign;
static bool sign_at_once, head_had_prev, has_addresses;
static uint8_t head_prev[32];

static void on_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		    struct buf *raw)
{
	(void)arg;
	(void)meta;
	head_had_prev = prev != NULL;
	if (prev)
		memcpy(head_prev, prev->sha256, sizeof(head_prev));
	buf_str(raw, "HEAD");
}

static void on_tail(void *arg, struct buf *raw)
{
	(void)arg;
	buf_str(raw, "TAIL");
}

static void on_committed(void *arg)
{
	(void)arg;
	committed_count++;
}

static void on_position(void *arg, struct commit_resume *at)
{
	(void)arg;
	at->block_seq = 9;
	at->packets = source_packets;
}

static void on_want_key(void *arg, bool any)
{
	(void)arg;
	keys_wanted++;
	keys_wanted_any += any;
}

static inline void sign(void)
{
	to_sign.sig_len = 3;
	memcpy(to_sign.sig, "sig", 3);
	recorder_signed(r, &to_sign);
}

static void on_sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	to_sign = *meta;
	if (sign_at_once)
		sign();
}

/* What whoever ships it reads there. */
static void on_sealed(void *arg, const struct msg_segment *segment)
{
	struct commit c;
	(void)arg;
	CHECK(commit_read(pool_slot(&r->slots.pool, segment->index), &c) == ERR_OK);
	CHECK(c.state == COMMIT_SEALED && c.generation == segment->generation);
	sealed_segment[sealed_count] = *segment;
	sealed[sealed_count++] = c.meta;
}

static void on_ready(void *arg)
{
	(void)arg;
	ready_count++;
}

static unsigned behind_percent; /* of the source */

static unsigned on_behind(void *arg)
{
	(void)arg;
	return behind_percent;
}

static const struct recorder_ops ops = {on_head, on_tail,   on_position, on_committed, on_want_key,
					on_sign, on_sealed, on_ready,    on_behind};

/* A new process over the pool as the last one left it. */
static inline void start_again(void)
{
	free(r);
	r = calloc(1, sizeof(*r));
	loop_init(&loop);
	settings = (struct settings){.object_max_bytes = 64 << 20,
				     .object_max_seconds = 300,
				     .key_max_seconds = 3600,
				     .key_max_bytes = 1ull << 36,
				     .zstd_level = 1};
	sealed_count = committed_count = ready_count = keys_wanted = keys_wanted_any = 0;
	behind_percent = 0;
	sign_at_once = true;
	struct recorder_setup s = {.loop = &loop,
				   .ops = &ops,
				   .identity = &identity,
				   .settings = &settings,
				   .pool = {memory, SLOT_BYTES, SLOTS},
				   .kind = OBJECT_PACKETS,
				   .stream = "w0",
				   .raw_max = RECORDER_RAW_MAX,
				   .has_addresses = has_addresses};
	recorder_init(r, &s);
}

static inline void start(void)
{
	memset(memory, 0, sizeof(memory));
	source_packets = 0;
	start_again();
}

static inline void give_key(void)
{
	recorder_key_give(r);
}

/* The producer wants to record, and the key service answers. */
static inline void prepare(void)
{
	recorder_prepare(r);
	give_key();
}

static inline bool record(uint64_t ns, size_t bytes, uint8_t fill)
{
	struct buf *room = recorder_room(r, bytes, ns);
	if (!room)
		return false;
	buf_fill(room, fill, bytes);
	recorder_wrote(r, ns, 1, false);
	source_packets++;
	return true;
}

static uint32_t lcg = 1;

static inline bool record_noise(uint64_t ns, size_t bytes)
{
	struct buf *room = recorder_room(r, bytes, ns);
	if (!room)
		return false;
	uint8_t *at = buf_take(room, bytes);
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)((lcg = lcg * 1664525 + 1013904223) >> 24);
	recorder_wrote(r, ns, 1, false);
	return true;
}

#endif
