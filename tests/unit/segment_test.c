#include "check.h"
#include "noise.h"

#include <stdlib.h>

#include "record/bloom.h"
#include "record/esdk_read.h"
#include "record/seek.h"
#include "record/segment.h"
#include "record/zframe.h"

#define SLOT_BYTES (6u << 20)

static struct segment segment;
static struct esdk_reader reader;
static struct zframe_reader zframe;
static uint8_t slot[SLOT_BYTES], raw[SEGMENT_RAW_MAX], all[16u << 20], inner_bytes[SLOT_BYTES],
	frame_bytes[1 << 17];
static struct buf plain, inner;

static const uint8_t data_key[32] = {9}, message_id[32] = {8};
static const struct segment_key key = {
	.data_key = data_key,
	.aad = {(const uint8_t *)"\0\1\0\1k\0\1v", 8},
	.provider_info = {(const uint8_t *)"arn", 3},
	.edk = {(const uint8_t *)"blob", 4},
};

/* Packets-like: a text that compresses, with noise in it. */
static struct span make(size_t len, unsigned ease)
{
	for (size_t i = 0; i < len; i++)
		raw[i] = noise_below(256) < ease && i > 16 ? raw[i - 1 - noise_below(16)]
							   : (uint8_t)noise_u64();
	return span_of(raw, len);
}

static struct segment_frame_info info_of(uint32_t i)
{
	return (struct segment_frame_info){.first_ns = 1000 + i,
					   .last_ns = 1001 + i,
					   .first_seq = i,
					   .last_seq = i + 2,
					   .records = 7 + i};
}

/* Opens the slot's object: its plaintext to `plain`, the zstd stream to `inner`. */
static enum err open_object(struct span object)
{
	enum esdk_read_event event;
	plain = BUF_OF(all);
	inner = BUF_OF(inner_bytes);
	esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
	zframe_begin(&zframe);
	for (;;) {
		enum err e = esdk_read(&reader, &object, &event);
		if (e == ERR_MORE || (!e && event == ESDK_READ_DONE))
			break;
		if (e)
			return e;
		if (event == ESDK_READ_HEADER)
			TRY(esdk_read_key(&reader, data_key));
		buf_put(&inner, reader.content);
		struct span content = reader.content;
		while (!(e = zframe_read(&zframe, &content)))
			buf_put(&plain, zframe.content);
		if (e != ERR_MORE)
			return e;
	}
	TRY(esdk_read_end(&reader));
	return zframe_end(&zframe);
}

static int level = 1;

static struct segment_sum write_object(uint32_t frames, size_t frame_len)
{
	struct segment_sum sum = {0};
	static uint8_t kept[16u << 20];
	struct buf want = BUF_OF(kept);
	CHECK(!segment_open(&segment, &key, message_id, level, UINT64_MAX, slot, sizeof(slot)));
	for (uint32_t i = 0; i < frames; i++) {
		struct segment_frame_info info = info_of(i);
		struct span s = make(frame_len, 220);
		buf_put(&want, s);
		CHECK(segment_fits(&segment, frame_len));
		CHECK(!segment_frame(&segment, s, &info, EFFORT_FULL));
	}
	CHECK(!segment_close(&segment, &sum));
	CHECK(!open_object(span_of(slot, sum.size_bytes)));
	CHECK(span_eq(buf_span(&plain), buf_span(&want)));
	return sum;
}

static void round_trip(void)
{
	static const size_t lens[] = {1, 100, 65536, SEGMENT_RAW_MAX};
	static const int levels[] = {1, 0, -5};
	for (size_t i = 0; i < 12; i++) {
		level = levels[i / 4];
		for (uint32_t frames = 1; frames < 4; frames++) {
			uint8_t hash[32];
			struct segment_sum sum = write_object(frames, lens[i % 4]);
			CHECK(sum.frames == frames && sum.raw_bytes == frames * lens[i % 4] &&
			      sum.zstd_bytes == inner.len);
			sha256_of(span_of(slot, sum.size_bytes), hash);
			CHECK(memcmp(hash, sum.sha256, 32) == 0);
			CHECK(zframe.has_index && zframe.has_seek && zframe.frames == frames);
		}
	}
	level = 1;
}

static void index_tells(void)
{
	struct index_head h;
	struct index_entry e;
	write_object(5, 3000);
	size_t end = inner.len - SEEK_BYTES(6), at = end - INDEX_BYTES(5);
	CHECK(load_le32(inner.p + at) == INDEX_MAGIC && load_le32(inner.p + end) == SEEK_MAGIC);
	struct span content = span_first(span_from(buf_span(&inner), at + 8), INDEX_BYTES(5) - 8);
	CHECK(!index_read_head(content, &h) && h.zstd_bytes == at && h.raw_bytes == 15000);
	for (uint32_t i = 0; i < 5; i++) {
		struct segment_frame_info want = info_of(i);
		index_read_entry(content, i, &e);
		CHECK(e.first_ns == want.first_ns && e.last_ns == want.last_ns && e.records == want.records);
		CHECK(e.first_seq == want.first_seq && e.last_seq == want.last_seq);
		CHECK(e.raw_offset == 3000 * i && e.raw_bytes == 3000);
		CHECK(load_le32(inner.p + e.zstd_offset) == 0xfd2fb528);
	}
}

/* A filter of `len` bytes that says which frame's it is. */
static struct span filter_of(uint32_t i, size_t len)
{
	static uint8_t bytes[BLOOM_MAX_BYTES];
	memset(bytes, (int)(i % 251 + 1), len);
	return span_of(bytes, len);
}

static struct span index_content(uint32_t count)
{
	size_t end = inner.len - SEEK_BYTES(count + 1), at = (size_t)zframe.index.zstd_bytes;
	return span_first(span_from(buf_span(&inner), at + 8), end - at - 8);
}

static void filters_follow(void)
{
	static const size_t lens[] = {8, 0, 64, BLOOM_MAX_BYTES, 0, 16};
	struct segment_sum sum = {0};
	struct index_entry e;
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, sizeof(slot)));
	for (uint32_t i = 0; i < 6; i++) {
		struct segment_frame_info info = info_of(i);
		info.filter = filter_of(i, lens[i]);
		CHECK(!segment_frame(&segment, make(3000, 200), &info, EFFORT_FULL));
	}
	CHECK(!segment_close(&segment, &sum) && !open_object(span_of(slot, sum.size_bytes)));
	CHECK(sum.zstd_bytes == inner.len && zframe.has_seek);
	for (uint32_t i = 0; i < 6; i++) {
		index_read_entry(index_content(6), i, &e);
		CHECK_SPAN(index_filter(index_content(6), &e), filter_of(i, lens[i]));
	}
}

/* What is left out is left out whole: a frame without a filter may hold anything. */
static void filters_full(void)
{
	struct segment_sum sum = {0};
	struct index_entry e;
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, sizeof(slot)));
	for (uint32_t i = 0; i < 40; i++) {
		struct segment_frame_info info = info_of(i);
		info.filter = filter_of(i, BLOOM_MAX_BYTES);
		CHECK(!segment_frame(&segment, make(300, 200), &info, EFFORT_FULL));
	}
	CHECK(!segment_close(&segment, &sum) && !open_object(span_of(slot, sum.size_bytes)));
	CHECK(zframe.index.filter_bytes == INDEX_FILTERS_MAX && zframe.frames == 40);
	for (uint32_t i = 0; i < 40; i++) {
		index_read_entry(index_content(40), i, &e);
		CHECK_SPAN(index_filter(index_content(40), &e), filter_of(i, i < 32 ? BLOOM_MAX_BYTES : 0));
	}
}

/* A frame that shrinks by less than a tenth. */
static enum segment_made made_of_dense(int zstd_level, enum effort_step effort)
{
	struct segment_sum sum;
	struct segment_frame_info info = info_of(0);
	make(300000, 0);
	for (size_t i = 0; i + 100 < 300000; i += 1000)
		memset(raw + i, 0, 100);
	CHECK(!segment_open(&segment, &key, message_id, zstd_level, UINT64_MAX, slot, sizeof(slot)));
	CHECK(!segment_frame(&segment, span_of(raw, 300000), &info, effort));
	CHECK(!segment_close(&segment, &sum) && !open_object(span_of(slot, sum.size_bytes)));
	return segment.made;
}

static void dense_by_the_level_used(void)
{
	CHECK(made_of_dense(3, EFFORT_FULL) == SEGMENT_COMPRESSED);
	CHECK(made_of_dense(3, EFFORT_FAST) == SEGMENT_DENSE);
	CHECK(made_of_dense(3, EFFORT_STORED) == SEGMENT_STORED);
	CHECK(made_of_dense(1, EFFORT_FULL) == SEGMENT_DENSE);
}

/* No run of 16 plaintext bytes, raw or compressed, may ever stand in the slot. */
static void no_plaintext(void)
{
	struct segment_sum sum = {0};
	struct segment_frame_info info = info_of(0);
	memset(slot, 0, sizeof(slot));
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, sizeof(slot)));
	CHECK(!segment_frame(&segment, make(200000, 0), &info, EFFORT_FULL));
	for (size_t i = 0; i + 16 < 200000; i += 5001) {
		bool found = false;
		for (size_t j = 0; j + 16 < 300000; j++)
			found = found || memcmp(slot + j, raw + i, 16) == 0;
		CHECK(!found);
	}
	CHECK(!segment_close(&segment, &sum));
	static const uint8_t zeros[sizeof(segment.esdk.key)];
	CHECK(memcmp(&segment.esdk.key, zeros, sizeof(segment.esdk.key)) == 0);
}

/* As the recorder does it: frames while they fit, then one last small frame, then the end. */
static void fill_slot(size_t cap, size_t frame_len, unsigned ease)
{
	uint8_t *exact = malloc(cap); /* so that sanitizers see a byte too far */
	struct segment_frame_info info = info_of(0);
	struct segment_sum sum;
	uint32_t i = 0;
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, exact, cap));
	while (segment_fits(&segment, frame_len)) {
		info.filter = filter_of(i, BLOOM_MAX_BYTES);
		CHECK(!segment_frame(&segment, make(frame_len, ease), &info, EFFORT_FULL));
		i++;
		CHECK(segment.filter_bytes == i * BLOOM_MAX_BYTES);
	}
	CHECK(i > 0);
	CHECK(!segment_frame(&segment, make(SEGMENT_LAST_MAX, 0), &info, EFFORT_FULL));
	CHECK(!segment_close(&segment, &sum) && sum.size_bytes <= cap && sum.frames == i + 1);
	CHECK(!open_object(span_of(exact, sum.size_bytes)));
	free(exact);
}

static void no_room(void)
{
	for (size_t cap = 350000; cap < 550000; cap += 4999)
		fill_slot(cap, 100000, 0);
	for (size_t cap = 500000; cap < 3500000; cap += 299999)
		fill_slot(cap, 300000, 150);
}

static void frame_refused(void)
{
	struct segment_sum sum;
	struct segment_frame_info info = info_of(0);
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, 100000));
	CHECK(!segment_fits(&segment, 200000));
	CHECK(segment_frame(&segment, make(200000, 0), &info, EFFORT_FULL) == ERR_FULL);
	CHECK(!segment_frame(&segment, make(1000, 0), &info, EFFORT_FULL));
	CHECK(!segment_close(&segment, &sum) && sum.frames == 1);
	CHECK(!open_object(span_of(slot, sum.size_bytes)) && plain.len == 1000);
}

static void too_small(void)
{
	struct segment_sum sum;
	CHECK(segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, 1000) == ERR_FULL);
	CHECK(!segment.open && !segment.esdk.open);
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, sizeof(slot)));
	CHECK(!segment_close(&segment, &sum));
}

static void by_size(void)
{
	struct segment_sum sum;
	struct segment_frame_info info = info_of(0);
	const uint64_t max = 1500000;
	CHECK(!segment_open(&segment, &key, message_id, 1, max, slot, sizeof(slot)));
	while (segment_fits(&segment, 100000))
		CHECK(!segment_frame(&segment, make(100000, 0), &info, EFFORT_FULL));
	CHECK(!segment_frame(&segment, make(SEGMENT_LAST_MAX, 0), &info, EFFORT_FULL));
	CHECK(!segment_close(&segment, &sum));
	CHECK(sum.size_bytes <= max && sum.size_bytes > max - 250000);
}

static void many_frames(void)
{
	struct segment_sum sum;
	struct segment_frame_info info = info_of(0);
	uint32_t n = 0;
	CHECK(!segment_open(&segment, &key, message_id, 1, UINT64_MAX, slot, sizeof(slot)));
	while (segment_fits(&segment, 40)) {
		CHECK(!segment_frame(&segment, make(40, 0), &info, EFFORT_FULL));
		n++;
	}
	CHECK(n == SEGMENT_FRAMES_MAX - 1);
	CHECK(!segment_frame(&segment, make(40, 0), &info, EFFORT_FULL));
	CHECK(segment_frame(&segment, make(40, 0), &info, EFFORT_FULL) == ERR_FULL);
	CHECK(!segment_close(&segment, &sum) && sum.frames == SEGMENT_FRAMES_MAX);
	CHECK(!open_object(span_of(slot, sum.size_bytes)) && plain.len == 40 * SEGMENT_FRAMES_MAX);
}

/* The zstd command, which knows nothing of us. */
static void zstd_reads_at(int at)
{
	level = at;
	if (system("command -v zstd >/dev/null 2>&1")) {
		printf("skip the zstd command opens it: zstd is not installed\n");
		return;
	}
	write_object(3, 70000);
	FILE *f = fopen("build/segment_test.zst", "wb");
	CHECK(f && fwrite(inner.p, 1, inner.len, f) == inner.len);
	if (f)
		fclose(f);
	CHECK(system("zstd -q -d -f build/segment_test.zst -o build/segment_test.raw") == 0);
	f = fopen("build/segment_test.raw", "rb");
	size_t n = f ? fread(inner_bytes, 1, sizeof(inner_bytes), f) : 0;
	if (f)
		fclose(f);
	CHECK(span_eq(span_of(inner_bytes, n), buf_span(&plain)));
	level = 1;
}

static void zstd_reads(void)
{
	zstd_reads_at(1);
	zstd_reads_at(0);
}

int main(void)
{
	RUN(round_trip,
	    "objects of one to three frames of any size, stored or not, come back, and the sum tells");
	RUN(index_tells, "the index says what stands where; index and seek table come last");
	RUN(filters_follow, "each frame's filter stands in the index, or that it has none");
	RUN(filters_full, "when the room for filters is full, further frames have none");
	RUN(dense_by_the_level_used,
	    "what shrinks a little is compressed above level 1, and stored when a lower one would be used");
	RUN(no_plaintext, "no plaintext stands in the slot, and the keys are wiped at the end");
	RUN(no_room, "while frames fit, the last words and the end of the object fit, too");
	RUN(frame_refused, "a frame that does not fit is refused and leaves the object whole");
	RUN(too_small, "a slot that can't hold an object is refused at once");
	RUN(by_size, "an object stays below its size, and comes near it");
	RUN(many_frames, "the index has room for 8192 frames, and no more are taken");
	RUN(zstd_reads, "the zstd command decompresses what is inside");
	return check_done();
}
