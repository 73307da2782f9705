#include "check.h"

#include <stdlib.h>

#include "base/time.h"
#include "lib/sha.h"
#include "os/clock.h"
#include "os/log.h"
#include "record/esdk_read.h"
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
static struct msg_segment sealed_segment[16];
static unsigned sealed_count, committed_count, ready_count, keys_wanted, keys_wanted_any;
static uint64_t source_packets; /* where the source stands */
static uint8_t memory[POOL_PAGE_BYTES + SLOTS * SLOT_BYTES];
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

static void on_sealed(void *arg, const struct msg_segment *segment, const struct object_meta *meta)
{
	(void)arg;
	sealed_segment[sealed_count] = *segment;
	sealed[sealed_count++] = *meta;
}

static void on_ready(void *arg)
{
	(void)arg;
	ready_count++;
}

static const struct recorder_ops ops = {on_head,     on_tail, on_position, on_committed,
					on_want_key, on_sign, on_sealed,   on_ready};

/* A new process over the pool as the last one left it. */
static void start_again(void)
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

static void start(void)
{
	memset(memory, 0, sizeof(memory));
	source_packets = 0;
	start_again();
}

static void give_key(void)
{
	struct msg_key key = {.aad = "\0\1\0\1a\0\1b",
			      .aad_len = 8,
			      .edk_len = 4,
			      .provider_info_len = 3,
			      .signer = 77,
			      .made_ns = clock_mono_ns()};
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
	source_packets++;
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
		recorder_free(r, &sealed_segment[i]);
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
	recorder_free(r, &sealed_segment[1]);
	CHECK(ready_count == 1 && record(5000, 100, 'x') && r->slot == sealed_segment[1].index);
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
				recorder_free(r, &sealed_segment[k]); /* the earlier ones are gone */
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
		recorder_free(r, &sealed_segment[sealed_count - 1]);
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
		found = found || memcmp(pool_slot(&r->pool, sealed_segment[0].index) + i, "SECRET-P", 8) == 0;
	CHECK(!found);
}

/* The whole message in a slot, as somebody else opens it. */
static uint64_t opened_bytes(const struct object_meta *m, uint32_t slot)
{
	static struct esdk_reader reader;
	static uint8_t frame[1 << 17];
	static const uint8_t key[32] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
					7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
	struct span in = span_of(pool_slot(&r->pool, slot) + COMMIT_DATA_OFFSET, m->size_bytes);
	enum esdk_read_event event;
	uint64_t bytes = 0;
	uint8_t hash[32];
	sha256_of(in, hash);
	CHECK(memcmp(hash, m->sha256, sizeof(hash)) == 0);
	esdk_read_begin(&reader, frame, sizeof(frame));
	for (;;) {
		enum err e = esdk_read(&reader, &in, &event);
		if (e)
			break;
		if (event == ESDK_READ_HEADER)
			CHECK(!esdk_read_key(&reader, key));
		bytes += reader.content.len;
	}
	CHECK(!esdk_read_end(&reader));
	return bytes;
}

static void what_a_dead_process_had_committed_becomes_a_torn_object_that_opens(void)
{
	start();
	recorder_prepare(r);
	give_key();
	for (unsigned i = 0; i < 1000; i++)
		CHECK(record_noise(1000 + i, 1500)); /* one frame is full and committed, the next begun */
	CHECK(committed_count == 1 && sealed_count == 0);
	start_again();
	struct commit_resume at;
	CHECK(recorder_recover(r, &at));
	CHECK(sealed_count == 1 && strstr(sealed[0].name, "-w0-00000000.pcapng.zst.torn.encrypted"));
	CHECK(sealed[0].records > 600 && sealed[0].records < 1000 && sealed[0].signer == 77);
	CHECK(at.block_seq == 9 && at.records == sealed[0].records && sealed[0].sig_len == 3);
	CHECK(opened_bytes(&sealed[0], sealed_segment[0].index) > 600 * 1500);
	recorder_prepare(r);
	CHECK(keys_wanted_any == 1); /* it holds none: the last one will do */
	give_key();
	CHECK(record(5000, 10, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 2 && sealed[1].seq == 1 && memcmp(sealed[1].prev, sealed[0].sha256, 32) == 0);
	struct msg_totals t;
	recorder_totals(r, &t);
	CHECK(t.packets == at.records + 1 && t.objects == 2);
}

static void what_was_not_committed_leaves_no_trace(void)
{
	start();
	recorder_prepare(r);
	give_key();
	CHECK(record(1000, 100, 'x'));
	start_again();
	struct commit_resume at;
	CHECK(!recorder_recover(r, &at) && sealed_count == 0);
	recorder_prepare(r);
	give_key();
	CHECK(record(2000, 100, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 1 && sealed[0].seq == 0 && sealed[0].records == 1);
}

static void a_complete_object_without_its_signature_is_signed_by_the_next_process(void)
{
	start();
	recorder_prepare(r);
	give_key();
	sign_at_once = false;
	CHECK(record(1000, 100, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 0);
	start_again();
	struct commit_resume at;
	CHECK(recorder_recover(r, &at) && sealed_count == 1);
	CHECK(strstr(sealed[0].name, "-w0-00000000.pcapng.zst.encrypted") && at.packets == 1);
}

static void objects_that_wait_are_told_again_oldest_first_until_they_are_free(void)
{
	start();
	recorder_prepare(r);
	give_key();
	for (unsigned i = 0; i < 3; i++) {
		CHECK(record(1000 + i, 100, 'x'));
		recorder_rotate(r);
	}
	recorder_free(r, &sealed_segment[0]);
	CHECK(record(2000, 100, 'x')); /* number 3 in the slot of number 0 */
	recorder_rotate(r);
	CHECK(sealed_segment[3].index == sealed_segment[0].index &&
	      sealed_segment[3].generation > sealed_segment[0].generation);
	recorder_free(r, &sealed_segment[0]); /* late word of its former object frees nothing */
	CHECK(!recorder_shipped(r));
	start_again();
	struct commit_resume at;
	CHECK(recorder_recover(r, &at));
	recorder_announce(r);
	CHECK(sealed_count == 3 && sealed[0].seq == 1 && sealed[1].seq == 2 && sealed[2].seq == 3);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(sealed_segment[i].again);
		recorder_free(r, &sealed_segment[i]);
	}
	CHECK(recorder_shipped(r));
}

static void losses_that_no_object_told_of_are_told_by_the_next_process(void)
{
	start();
	recorder_prepare(r);
	give_key();
	CHECK(record(1000, 100, 'x'));
	recorder_rotate(r);
	recorder_lost(r, 4);
	recorder_free(r, &sealed_segment[0]);
	start_again();
	struct commit_resume at;
	CHECK(recorder_recover(r, &at) && at.lost == 0 && at.records == 1);
}

static void without_kms_the_key_at_hand_serves_on_and_new_keys_are_asked_of_a_new_process(void)
{
	start();
	settings.key_max_bytes = 5000;
	recorder_prepare(r);
	give_key();
	for (unsigned i = 0; i < 10; i++) {
		CHECK(record_noise(1000 + i, 2000));
		recorder_rotate(r);
		recorder_free(r, &sealed_segment[sealed_count - 1]);
	}
	CHECK(r->key_extended && r->key_bytes > settings.key_max_bytes && sealed_count == 10);
	keys_wanted = keys_wanted_any = 0;
	sign_at_once = false;
	CHECK(record(9000, 10, 'x'));
	recorder_rotate(r);
	recorder_keys_anew(r);
	CHECK(keys_wanted == 1 && keys_wanted_any == 0);
	sign();
	CHECK(sealed_count == 11);
}

int main(void)
{
	log_open(-1, MSG_LOG_LINE, "capture"); /* nobody listens */
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
	RUN(what_a_dead_process_had_committed_becomes_a_torn_object_that_opens,
	    "what a dead process had committed becomes a torn object that opens, and the stream goes on");
	RUN(what_was_not_committed_leaves_no_trace, "what was not committed leaves no trace");
	RUN(a_complete_object_without_its_signature_is_signed_by_the_next_process,
	    "a complete object without its signature is signed by the next process");
	RUN(objects_that_wait_are_told_again_oldest_first_until_they_are_free,
	    "objects that wait are told again, oldest first, until they are free");
	RUN(losses_that_no_object_told_of_are_told_by_the_next_process,
	    "losses that no object told of are left to the next process");
	RUN(without_kms_the_key_at_hand_serves_on_and_new_keys_are_asked_of_a_new_process,
	    "without KMS the key at hand serves on; a new keys process is asked anew");
	RUN(a_slot_never_holds_plaintext, "a slot never holds plaintext");
	free(r);
	return check_done();
}
