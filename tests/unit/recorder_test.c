#include "recorder_scene.h"

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

/* The filter of frame i, as it goes into the index. */
static struct span filter(uint32_t i)
{
	const struct index_entry *e = &r->segment.entry[i];
	return span_of(r->segment.filters + e->filter_offset, e->filter_bytes);
}

static void each_frame_has_a_filter_of_its_records_alone(void)
{
	has_addresses = true;
	start();
	prepare();
	for (uint16_t object = 0; object < 2; object++) {
		for (uint16_t i = 0; i < 6; i++) { /* two fill a frame */
			CHECK(record(1000, 400000, 'x'));
			bloom_add(recorder_bloom(r), bloom_port((uint16_t)(object * 6 + i)));
		}
		recorder_rotate(r);
		CHECK(sealed_count == object + 1u && r->segment.frames == 3);
		for (uint32_t frame = 0; frame < 3; frame++)
			for (uint16_t port = 0; port < 12; port++)
				CHECK(bloom_has(filter(frame), bloom_port(port)) ==
				      (port / 2 == object * 3 + frame));
	}
	has_addresses = false;
	start();
	prepare();
	CHECK(record(1000, 100, 'x'));
	recorder_rotate(r);
	CHECK(r->segment.frames == 1 && filter(0).len == 0);
}

static void each_object_names_the_one_before_it(void)
{
	start();
	prepare();
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
	prepare();
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
	prepare();
	for (unsigned i = 0; i < SLOTS; i++) {
		CHECK(record(1000 + i, 100, 'x'));
		recorder_rotate(r);
	}
	CHECK(sealed_count == SLOTS && !record(5000, 100, 'x'));
	recorder_free(r, &sealed_segment[1]);
	CHECK(ready_count == 1 && record(5000, 100, 'x') && r->slot == sealed_segment[1].index);
}

static void objects_end_by_size_and_stay_within_it(void)
{
	start();
	settings.object_max_bytes = 2 << 20;
	prepare();
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
	prepare();
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
	prepare();
	keys_wanted = 0;
	for (unsigned i = 0; i < 40 && !keys_wanted; i++) {
		CHECK(record_noise(1000 + i, 1000));
		recorder_rotate(r);
		recorder_free(r, &sealed_segment[sealed_count - 1]);
		if (sealed_count == 16)
			sealed_count = 0;
	}
	CHECK(keys_wanted == 1 && r->progress->key_bytes < settings.key_max_bytes + 2000);
	CHECK(record_noise(9000, 100)); /* the old one serves until the new one is there */
}

static void a_data_key_is_replaced_by_age_and_the_object_ends_with_it(void)
{
	start();
	settings.key_max_seconds = 1;
	prepare();
	CHECK(record(1000, 10, 'x'));
	keys_wanted = 0;
	uint64_t begin_ns = clock_mono_ns();
	while (!keys_wanted && clock_mono_ns() - begin_ns < 10 * NS_PER_S)
		loop_turn(&loop, 100 * NS_PER_MS);
	CHECK(keys_wanted == 1 && sealed_count == 0); /* asked for although nothing more was recorded */
	give_key();
	CHECK(sealed_count == 1 && keys_wanted == 1); /* once: its last frame asks for no further one */
	CHECK(record(2000, 10, 'x') && r->progress->key_bytes == 0);
}

/* The README's figure: 27 calls a day. */
static void a_stream_in_use_asks_every_54_minutes_and_an_idle_one_not_at_all(void)
{
	start();
	prepare();
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

/* How often these 32 bytes stand in the recorder, its segment included. */
static unsigned held(const uint8_t key[ESDK_KEY_BYTES])
{
	const uint8_t *at = (const uint8_t *)r, *end = at + sizeof(*r) - ESDK_KEY_BYTES;
	unsigned count = 0;
	for (; at <= end; at++)
		count += memcmp(at, key, ESDK_KEY_BYTES) == 0;
	return count;
}

static void a_data_key_is_held_once_and_gone_with_its_successor_and_with_the_end(void)
{
	uint8_t first[ESDK_KEY_BYTES], second[ESDK_KEY_BYTES];
	struct msg_key next = {.aad = "\0\1\0\1a\0\1b", .aad_len = 8, .edk_len = 4};
	start();
	recorder_prepare(r);
	give_key();
	memcpy(first, r->key.data_key, sizeof(first));
	CHECK(held(first) == 1 && record(1000, 10, 'x') && held(first) == 1);
	next.made_ns = clock_mono_ns();
	memset(next.data_key, 9, sizeof(next.data_key));
	memcpy(second, next.data_key, sizeof(second));
	r->key_timer.fn(r->key_timer.arg);
	recorder_key(r, &next);
	CHECK(sealed_count == 1 && held(first) == 0 && held(second) == 1);
	CHECK(record(2000, 10, 'x'));
	recorder_rotate(r);
	keys_wanted = 0;
	recorder_end(r);
	CHECK(held(second) == 0 && !recorder_has_key(r) && !r->key_timer.active);
	recorder_keys_anew(r); /* a new keys process is not asked for what nobody uses */
	recorder_key(r, &next);
	CHECK(keys_wanted == 0 && held(second) == 0);
}

/* The content key as AES-256 has it expanded: it begins with the key itself. */
static void an_objects_content_key_is_gone_when_it_is_sealed(void)
{
	struct esdk_derived keys;
	start();
	recorder_prepare(r);
	give_key();
	CHECK(record(1000, 10, 'x'));
	esdk_derive(ESDK_SUITE_COMMIT, r->key.data_key, r->segment.esdk.id, &keys);
	CHECK(held(keys.content_key) == 1);
	recorder_rotate(r);
	CHECK(sealed_count == 1 && held(keys.content_key) == 0);
}

static void losses_are_counted_in_the_object_they_happened_in(void)
{
	start();
	prepare();
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
	prepare();
	static const char secret[] = "SECRET-PAYLOAD-SECRET-PAYLOAD";
	struct buf *room = recorder_room(r, sizeof(secret), 1000);
	CHECK(room != NULL);
	buf_put(room, span_of(secret, sizeof(secret)));
	recorder_wrote(r, 1000, 1, false);
	recorder_rotate(r);
	bool found = false;
	for (size_t i = 0; i + 8 < SLOT_BYTES; i++)
		found = found ||
			memcmp(pool_slot(&r->slots.pool, sealed_segment[0].index) + i, "SECRET-P", 8) == 0;
	CHECK(!found);
}

/* As a second later. */
static void frame_flush_now(void)
{
	r->frame_timer.fn(r->frame_timer.arg);
}

static void one_frame(enum segment_made made, unsigned percent)
{
	uint64_t before = r->adapt.made[made];
	behind_percent = percent;
	for (size_t bytes = 0; bytes < 300000; bytes += 1000)
		CHECK(record(1000, 1000, 'x'));
	frame_flush_now();
	CHECK(r->adapt.made[made] == before + 1);
}

static void it_compresses_less_while_its_source_fills(void)
{
	start();
	prepare();
	one_frame(SEGMENT_COMPRESSED, 0);
	one_frame(SEGMENT_FASTER, 30);
	one_frame(SEGMENT_STORED, 70);
	one_frame(SEGMENT_STORED, 0); /* it takes its time to recover */
	CHECK(r->adapt.changes == 2 && r->adapt.effort.now == EFFORT_STORED);
	recorder_rotate(r);
	CHECK(sealed_count == 1 && sealed[0].raw_bytes > 1200000 && sealed[0].size_bytes > 600000);
	settings.zstd_level = 0;
	one_frame(SEGMENT_STORED, 70);
	CHECK(r->adapt.changes == 2);
}

static void what_does_not_shrink_is_stored(void)
{
	start();
	prepare();
	for (size_t bytes = 0; bytes < 300000; bytes += 1000)
		CHECK(record_noise(1000, 1000));
	frame_flush_now();
	CHECK(r->adapt.made[SEGMENT_DENSE] == 1 && r->adapt.changes == 0);
}

/* When slots are short, storing frames would only use them up sooner. */
static void it_does_not_for_want_of_slots(void)
{
	start();
	prepare();
	for (unsigned i = 0; i < SLOTS; i++) {
		CHECK(record(1000, 10, 'x'));
		recorder_rotate(r);
	}
	CHECK(!record(1000, 10, 'x'));
	recorder_free(r, &sealed_segment[0]);
	one_frame(SEGMENT_COMPRESSED, 100);
	CHECK(r->adapt.changes == 0);
}

int main(void)
{
	log_open(-1, MSG_LOG_LINE, "capture"); /* nobody listens */
	RUN(nothing_is_recorded_before_a_data_key_is_held, "nothing is recorded before a data key is held");
	RUN(each_frame_has_a_filter_of_its_records_alone,
	    "each frame has a filter of its own records' addresses, and without addresses none");
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
	RUN(a_data_key_is_held_once_and_gone_with_its_successor_and_with_the_end,
	    "a data key is held once, and gone with its successor and with the stream's end");
	RUN(an_objects_content_key_is_gone_when_it_is_sealed,
	    "an object's content key is gone when it is sealed");
	RUN(losses_are_counted_in_the_object_they_happened_in,
	    "losses are counted in the object they happened in");
	RUN(it_compresses_less_while_its_source_fills,
	    "it compresses less while its source fills, which is counted, and recovers later");
	RUN(what_does_not_shrink_is_stored, "a frame that would not shrink is stored");
	RUN(it_does_not_for_want_of_slots, "for want of slots it does not compress less");
	RUN(a_slot_never_holds_plaintext, "a slot never holds plaintext");
	free(r);
	return check_done();
}
