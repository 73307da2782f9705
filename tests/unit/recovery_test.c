#include "recorder_scene.h"

/* What a recorder finds in its pool when the process before it died. */

/* The whole message in a slot, as somebody else opens it. */
static uint64_t opened_bytes(const struct object_meta *m, uint32_t slot)
{
	static struct esdk_reader reader;
	static uint8_t frame[1 << 17];
	static const uint8_t key[32] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
					7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
	struct span in = span_of(pool_slot(&r->slots.pool, slot) + COMMIT_DATA_OFFSET, m->size_bytes);
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
	prepare();
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
	prepare();
	CHECK(record(1000, 100, 'x'));
	start_again();
	struct commit_resume at;
	CHECK(!recorder_recover(r, &at) && sealed_count == 0);
	prepare();
	CHECK(record(2000, 100, 'x'));
	recorder_rotate(r);
	CHECK(sealed_count == 1 && sealed[0].seq == 0 && sealed[0].records == 1);
}

static void a_complete_object_without_its_signature_is_signed_by_the_next_process(void)
{
	start();
	prepare();
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
	prepare();
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
	prepare();
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
	prepare();
	for (unsigned i = 0; i < 10; i++) {
		CHECK(record_noise(1000 + i, 2000));
		recorder_rotate(r);
		recorder_free(r, &sealed_segment[sealed_count - 1]);
	}
	CHECK(r->key_extended && r->progress->key_bytes > settings.key_max_bytes && sealed_count == 10);
	keys_wanted = keys_wanted_any = 0;
	sign_at_once = false;
	CHECK(record(9000, 10, 'x'));
	recorder_rotate(r);
	recorder_keys_anew(r);
	CHECK(keys_wanted == 1 && keys_wanted_any == 0);
	sign();
	CHECK(sealed_count == 11);
}

static void what_a_dead_process_wrote_under_a_key_counts_against_its_limit(void)
{
	const uint64_t made_ns = clock_mono_ns();
	struct commit_resume at;
	start();
	recorder_prepare(r);
	recorder_key_give_made(r, made_ns);
	for (unsigned i = 0; i < 1000; i++)
		CHECK(record_noise(1000 + i, 1500));
	recorder_rotate(r);
	for (unsigned i = 0; i < 1000; i++)
		CHECK(record_noise(3000 + i, 1500)); /* a frame of it is committed */
	start_again();
	settings.key_max_bytes = 4000000;
	CHECK(recorder_recover(r, &at));
	recorder_prepare(r);
	recorder_key_give_made(r, made_ns);
	CHECK(record_noise(5000, 1500) && keys_wanted == 1);
	for (unsigned i = 0; i < 1000; i++)
		CHECK(record_noise(6000 + i, 1500));
	recorder_rotate(r);
	recorder_free(r, &sealed_segment[0]);
	CHECK(record_noise(8000, 1500) && keys_wanted == 2 && keys_wanted_any == 1);
	CHECK(r->key_extended); /* and without KMS it is said */
	give_key();
	recorder_free(r, &sealed_segment[1]);
	CHECK(!r->key_extended && record_noise(9000, 1500) && keys_wanted == 2);
}

int main(void)
{
	log_open(-1, MSG_LOG_LINE, "capture"); /* nobody listens */
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
	RUN(what_a_dead_process_wrote_under_a_key_counts_against_its_limit,
	    "what a dead process wrote under a data key counts against the key's limit");
	free(r);
	return check_done();
}
