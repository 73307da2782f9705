#include "check.h"

#include <stdlib.h>

#include "base/time.h"
#include "os/clock.h"
#include "role/recorder.h"

/* The recorder with a producer, a key service and a signer of the test's own; the pool is plain memory. */

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
static uint32_t sealed_slot[16];
static unsigned sealed_count, committed_count, ready_count, keys_wanted;
static struct object_meta to_sign;
static bool sign_at_once, head_had_prev;
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

static void on_want_key(void *arg)
{
	(void)arg;
	keys_wanted++;
}

static void sign(void)
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

static void on_sealed(void *arg, uint32_t slot, const struct object_meta *meta)
{
	(void)arg;
	sealed_slot[sealed_count] = slot;
	sealed[sealed_count++] = *meta;
}

static void on_ready(void *arg)
{
	(void)arg;
	ready_count++;
}

static const struct recorder_ops ops = {on_head, on_tail,   on_committed, on_want_key,
					on_sign, on_sealed, on_ready};

static void start(void)
{
	free(r);
	r = calloc(1, sizeof(*r));
	static uint8_t memory[SLOTS * SLOT_BYTES];
	loop_init(&loop);
	settings = (struct settings){.object_max_bytes = 64 << 20,
				     .object_max_seconds = 300,
				     .key_max_seconds = 3600,
				     .key_max_bytes = 1ull << 36,
				     .zstd_level = 1};
	sealed_count = committed_count = ready_count = keys_wanted = 0;
	sign_at_once = true;
	struct recorder_setup s = {.loop = &loop,
				   .ops = &ops,
				   .identity = &identity,
				   .settings = &settings,
				   .pool = {memory, SLOT_BYTES, SLOTS},
				   .kind = OBJECT_PACKETS,
				   .stream = "w0",
				   .raw_max = RECORDER_RAW_MAX};
	recorder_init(r, &s);
}

static void give_key(void)
{
	struct msg_key key = {.aad_len = 2, .edk_len = 4, .provider_info_len = 3};
	memset(key.data_key, 7, sizeof(key.data_key));
	memcpy(key.provider_info, "arn", 3);
	recorder_key(r, &key);
}

static bool record(uint64_t ns, size_t bytes, uint8_t fill)
{
	struct buf *room = recorder_room(r, bytes, ns);
	if (!room)
		return false;
	buf_fill(room, fill, bytes);
	recorder_wrote(r, ns, 1, false);
	return true;
}

static void nothing_is_recorded_before_a_data_key_is_held(void)
{
	start();
	CHECK(!record(1000, 10, 'x'));
	CHECK(keys_wanted == 1);
	CHECK(!record(1000, 10, 'x'));
	CHECK(keys_wanted == 1); /* asked once */
	give_key();
	CHECK(ready_count == 1);
	CHECK(record(1000, 10, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 1 && sealed[0].records == 1 && sealed[0].seq == 0 &&
	      sealed[0].first_ns == 1000);
}

static void each_object_names_the_one_before_it(void)
{
	start();
	recorder_prepare(r);
	give_key();
	for (uint64_t i = 0; i < 3; i++) {
		CHECK(record(NS_PER_S * (i + 1), 100, 'x'));
		CHECK(head_had_prev == (i > 0));
		if (i)
			CHECK(memcmp(head_prev, sealed[i - 1].sha256, 32) == 0);
		recorder_rotate(r);
		recorder_free(r, sealed_slot[i]);
	}
	static const uint8_t zeros[32];
	CHECK(sealed_count == 3 && memcmp(sealed[0].prev, zeros, 32) == 0);
	CHECK(memcmp(sealed[1].prev, sealed[0].sha256, 32) == 0 &&
	      memcmp(sealed[2].prev, sealed[1].sha256, 32) == 0);
	CHECK(sealed[2].seq == 2 && strstr(sealed[2].name, "-w0-00000002.pcapng.zst.encrypted"));
}

static void a_new_object_waits_for_the_last_ones_signature(void)
{
	start();
	recorder_prepare(r);
	give_key();
	sign_at_once = false;
	CHECK(record(1000, 100, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 0 && !record(2000, 100, 'x'));
	struct object_meta other = to_sign;
	other.name[0] = 'Q';
	recorder_signed(r, &other); /* another object's signature is not taken for it */
	CHECK(sealed_count == 0);
	sign();
	CHECK(sealed_count == 1 && ready_count == 1 && sealed[0].sig_len == 3);
	CHECK(record(2000, 100, 'x'));
}

static void without_a_free_slot_recording_waits_and_nothing_is_overwritten(void)
{
	start();
	recorder_prepare(r);
	give_key();
	for (unsigned i = 0; i < SLOTS; i++) {
		CHECK(record(1000 + i, 100, 'x'));
		recorder_rotate(r);
	}
	CHECK(sealed_count == SLOTS && !record(5000, 100, 'x'));
	recorder_free(r, sealed_slot[1]);
	CHECK(ready_count == 1 && record(5000, 100, 'x') && r->slot == sealed_slot[1]);
}

static uint32_t lcg = 1;

static bool record_noise(uint64_t ns, size_t bytes)
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

static void objects_end_by_size_and_stay_within_it(void)
{
	start();
	settings.object_max_bytes = 2 << 20;
	recorder_prepare(r);
	give_key();
	uint64_t written = 0;
	for (unsigned i = 0; i < 4000; i++) {
		if (!record_noise(1000 + i, 1500)) {
			for (unsigned k = 0; k < sealed_count; k++)
				if (r->slot_used[sealed_slot[k]])
					recorder_free(r, sealed_slot[k]);
			CHECK(record_noise(1000 + i, 1500));
		}
		written++;
	}
	recorder_rotate(r);
	uint64_t records = 0;
	for (unsigned k = 0; k < sealed_count; k++) {
		CHECK(sealed[k].size_bytes <= settings.object_max_bytes && sealed[k].seq == k);
		records += sealed[k].records;
	}
	CHECK(sealed_count > 2 && records == written && committed_count >= sealed_count);
}

static void a_frame_is_committed_within_a_second_and_an_object_ends_by_time(void)
{
	start();
	settings.object_max_seconds = 2;
	recorder_prepare(r);
	give_key();
	CHECK(record(1000, 100, 'x'));
	CHECK(committed_count == 0);
	uint64_t begin_ns = clock_mono_ns();
	while (!committed_count && clock_mono_ns() - begin_ns < 10 * NS_PER_S)
		loop_turn(&loop, 100 * NS_PER_MS);
	CHECK(committed_count == 1 && sealed_count == 0);
	while (!sealed_count && clock_mono_ns() - begin_ns < 10 * NS_PER_S)
		loop_turn(&loop, 100 * NS_PER_MS);
	CHECK(sealed_count == 1);
}

static void a_data_key_is_replaced_by_volume_ahead_of_its_limit(void)
{
	start();
	settings.key_max_bytes = 10000;
	recorder_prepare(r);
	give_key();
	keys_wanted = 0;
	for (unsigned i = 0; i < 40 && !keys_wanted; i++) {
		CHECK(record_noise(1000 + i, 1000));
		recorder_rotate(r);
		recorder_free(r, sealed_slot[sealed_count - 1]);
		if (sealed_count == 16)
			sealed_count = 0;
	}
	CHECK(keys_wanted == 1 && r->key_bytes < settings.key_max_bytes + 2000);
	CHECK(record_noise(9000, 100)); /* the old one serves until the new one is there */
}

static void a_data_key_is_replaced_by_age_and_the_object_ends_with_it(void)
{
	start();
	settings.key_max_seconds = 1;
	recorder_prepare(r);
	give_key();
	CHECK(record(1000, 10, 'x'));
	keys_wanted = 0;
	uint64_t begin_ns = clock_mono_ns();
	while (!keys_wanted && clock_mono_ns() - begin_ns < 10 * NS_PER_S)
		loop_turn(&loop, 100 * NS_PER_MS);
	CHECK(keys_wanted == 1 && sealed_count == 0); /* asked for although nothing more was recorded */
	give_key();
	CHECK(sealed_count == 1);
	CHECK(record(2000, 10, 'x') && r->key_bytes == 0);
}

/* The README's figure: 27 calls a day. */
static void a_stream_in_use_asks_every_54_minutes_and_an_idle_one_not_at_all(void)
{
	start();
	recorder_prepare(r);
	give_key();
	keys_wanted = 0;
	loop_turn(&loop, NS_PER_MS);
	CHECK(!r->key_timer.active && keys_wanted == 0); /* the key waits for the first record */
	CHECK(record(1000, 10, 'x') && r->key_timer.active);
	uint64_t every_s = (r->key_timer.at_ns - r->key_since_ns + NS_PER_S / 2) / NS_PER_S;
	CHECK(every_s == 3240 && (86400 + every_s - 1) / every_s == 27);
	r->key_timer.fn(r->key_timer.arg);
	CHECK(keys_wanted == 1);
	give_key();
	loop_timer_stop(&loop, &r->key_timer);
	loop_turn(&loop, NS_PER_MS);
	CHECK(!r->key_timer.active && keys_wanted == 1); /* idle again: nothing further is asked for */
}

static void losses_are_counted_in_the_object_they_happened_in(void)
{
	start();
	recorder_prepare(r);
	give_key();
	recorder_lost(r, 5); /* before the first object */
	CHECK(record(1000, 10, 'x'));
	recorder_lost(r, 2);
	recorder_rotate(r);
	CHECK(sealed[0].lost == 7);
	CHECK(record(2000, 10, 'x'));
	recorder_rotate(r);
	CHECK(sealed[1].lost == 0);
	struct msg_totals t;
	recorder_totals(r, &t);
	CHECK(t.lost == 7 && t.packets == 2 && t.objects == 2);
}

static void a_slot_never_holds_plaintext(void)
{
	start();
	recorder_prepare(r);
	give_key();
	static const char secret[] = "SECRET-PAYLOAD-SECRET-PAYLOAD";
	struct buf *room = recorder_room(r, sizeof(secret), 1000);
	CHECK(room != NULL);
	buf_put(room, span_of(secret, sizeof(secret)));
	recorder_wrote(r, 1000, 1, false);
	recorder_rotate(r);
	bool found = false;
	for (size_t i = 0; i + 8 < SLOT_BYTES; i++)
		found = found || memcmp(r->pool.map + sealed_slot[0] * SLOT_BYTES + i, "SECRET-P", 8) == 0;
	CHECK(!found);
}

int main(void)
{
	RUN(nothing_is_recorded_before_a_data_key_is_held, "nothing is recorded before a data key is held");
	RUN(each_object_names_the_one_before_it, "each object names the one before it");
	RUN(a_new_object_waits_for_the_last_ones_signature,
	    "a new object waits for the last one's signature");
	RUN(without_a_free_slot_recording_waits_and_nothing_is_overwritten,
	    "without a free slot recording waits and nothing is overwritten");
	RUN(objects_end_by_size_and_stay_within_it, "objects end by size and stay within it");
	RUN(a_frame_is_committed_within_a_second_and_an_object_ends_by_time,
	    "a frame is committed after a second, and an object ends by time");
	RUN(a_data_key_is_replaced_by_volume_ahead_of_its_limit,
	    "a data key is replaced by volume, ahead of its limit");
	RUN(a_data_key_is_replaced_by_age_and_the_object_ends_with_it,
	    "a data key is replaced by age, and the object ends with it");
	RUN(a_stream_in_use_asks_every_54_minutes_and_an_idle_one_not_at_all,
	    "a stream in use asks for a data key every 54 minutes, an idle one not at all");
	RUN(losses_are_counted_in_the_object_they_happened_in,
	    "losses are counted in the object they happened in");
	RUN(a_slot_never_holds_plaintext, "a slot never holds plaintext");
	free(r);
	return check_done();
}
