#include "check.h"
#include "noise.h"

#include "lib/zstd.h"
#include "record/esdk_open.h"
#include "record/sealed_tail.h"
#include "record/seek.h"
#include "record/segment.h"

#define SLOT_BYTES (4u << 20)

static struct segment segment;
static struct zstd_frame_decoder zstd;
static uint8_t slot[SLOT_BYTES], altered[SLOT_BYTES], raw[200000], inner[SLOT_BYTES], back[1u << 20];
static const uint8_t data_key[32] = {9}, message_id[32] = {8};
static struct span object;

static void make_object(uint32_t frames)
{
	struct segment_key key = {.data_key = data_key,
				  .aad = SPAN("\0\1\0\1k\0\1v"),
				  .provider_info = SPAN("arn"),
				  .edk = SPAN("blob")};
	struct segment_sum sum;
	CHECK(!segment_open(&segment, &key, message_id, 1, SLOT_BYTES, slot, sizeof(slot)));
	for (uint32_t i = 0; i < frames; i++) {
		size_t len = 1000 + noise_below(sizeof(raw) - 1000);
		noise_fill(raw, len);
		struct segment_frame_info info = {.first_ns = i, .last_ns = i + 1, .records = i};
		CHECK(!segment_frame(&segment, span_of(raw, len), &info, EFFORT_FULL));
	}
	CHECK(!segment_close(&segment, &sum));
	object = span_of(slot, (size_t)sum.size_bytes);
}

static enum err begin(struct span bytes, struct esdk_layout *l, struct esdk_opener *o)
{
	struct esdk_header h;
	size_t want;
	TRY(esdk_header_read(bytes, &h, &want));
	TRY(esdk_layout(&h, bytes.len, l));
	return esdk_open_begin(o, &h, bytes, data_key);
}

/* All content, by single frames, the last first. */
static enum err open_backwards(struct span bytes, struct buf *content)
{
	struct esdk_layout l;
	struct esdk_opener o;
	struct span one;
	TRY(begin(bytes, &l, &o));
	memcpy(altered, bytes.p, bytes.len);
	ASSERT(l.plain_bytes <= content->cap);
	content->len = (size_t)l.plain_bytes;
	for (uint32_t i = l.frames; i--;) {
		TRY(esdk_open_frame(&o, &l, i, altered + esdk_frame_at(&l, i), &one));
		memcpy(content->p + (size_t)i * ESDK_FRAME_BYTES, one.p, one.len);
	}
	return ERR_OK;
}

static void frames_alone(void)
{
	for (uint32_t frames = 1; frames < 9; frames++) {
		struct buf content = BUF_OF(inner);
		struct sealed_tail t;
		struct index_entry e;
		uint64_t want;
		make_object(frames);
		CHECK(!open_backwards(object, &content));
		CHECK(!sealed_tail_find(buf_span(&content), content.len, &t, &want) &&
		      t.head.frames == frames);
		for (uint32_t i = 0; i < frames; i++) {
			index_read_entry(t.index, i, &e);
			struct span frame = span_from(buf_span(&content), (size_t)e.zstd_offset);
			struct buf out = BUF_OF(back);
			size_t len;
			CHECK(!zstd_frame_find(frame, &len));
			CHECK(!zstd_decode_frame(&zstd, span_first(frame, len), &out));
			CHECK(out.len == e.raw_bytes);
		}
	}
}

static void each_byte_counts(void)
{
	struct buf content = BUF_OF(inner);
	make_object(2);
	size_t header = 0;
	for (size_t at = 0; at < object.len; at += at < 400 ? 1 : 1 + noise_below(3000)) {
		slot[at] ^= (uint8_t)(1u << at % 8);
		enum err e = open_backwards(object, &content);
		CHECK(e);
		header += e != ERR_AUTH;
		slot[at] ^= (uint8_t)(1u << at % 8);
	}
	CHECK(header && !open_backwards(object, &content));
}

static void moved(void)
{
	static uint8_t frame[ESDK_STRIDE_BYTES];
	struct buf content = BUF_OF(inner);
	struct esdk_layout l;
	struct esdk_opener o;
	make_object(4);
	CHECK(!begin(object, &l, &o) && l.frames > 3);
	size_t a = (size_t)esdk_frame_at(&l, 0), b = (size_t)esdk_frame_at(&l, 1);
	memcpy(frame, slot + a, sizeof(frame));
	memcpy(slot + a, slot + b, sizeof(frame));
	CHECK(open_backwards(object, &content)); /* one twice */
	memcpy(slot + b, frame, sizeof(frame));
	CHECK(open_backwards(object, &content)); /* the two in each other's place */
	store_be32(slot + a, 1);
	store_be32(slot + b, 2);
	CHECK(open_backwards(object, &content) == ERR_AUTH); /* and with the other's number */
}

static void cut(void)
{
	struct buf content = BUF_OF(inner);
	make_object(3);
	for (size_t len = 0; len < object.len; len += len < 400 ? 1 : 997)
		CHECK(open_backwards(span_first(object, len), &content));
	/* at a frame's end, too: the last one is no final one */
	struct esdk_layout l;
	struct esdk_opener o;
	CHECK(!begin(object, &l, &o));
	CHECK(open_backwards(span_first(object, (size_t)esdk_frame_at(&l, 2)), &content));
}

static void layouts(void)
{
	struct esdk_header h = {.suite = ESDK_SUITE_COMMIT,
				.framed = true,
				.frame_bytes = ESDK_FRAME_BYTES,
				.body_bytes = 300};
	struct esdk_layout l;
	for (uint64_t content = 0; content < 4 * ESDK_FRAME_BYTES; content += 1 + content % 7) {
		uint64_t bytes = esdk_message_bytes(300 + AEAD_TAG_BYTES, content);
		CHECK(!esdk_layout(&h, bytes, &l) && l.plain_bytes == content);
		CHECK(l.frames == content / ESDK_FRAME_BYTES + 1);
	}
	/* a last frame that is full, as others may write it */
	uint64_t full = 316 + ESDK_STRIDE_BYTES + ESDK_FINAL_HEAD + ESDK_FRAME_BYTES + AEAD_TAG_BYTES;
	CHECK(!esdk_layout(&h, full, &l) && l.frames == 2 && l.plain_bytes == 2 * ESDK_FRAME_BYTES);
	CHECK(esdk_layout(&h, full + 1, &l) == ERR_TRUNCATED);
	CHECK(esdk_layout(&h, 316 + 39, &l) == ERR_TRUNCATED);
	CHECK(esdk_layout(&h, 0, &l) == ERR_TRUNCATED);
	h.frame_bytes = 4096;
	CHECK(esdk_layout(&h, full, &l) == ERR_UNSUPPORTED);
	h.frame_bytes = ESDK_FRAME_BYTES;
	h.suite = ESDK_SUITE_COMMIT_SIGNED;
	CHECK(esdk_layout(&h, full, &l) == ERR_UNSUPPORTED);
}

static void tails(void)
{
	struct buf content = BUF_OF(inner);
	struct sealed_tail whole, t;
	uint64_t want;
	make_object(6);
	CHECK(!open_backwards(object, &content));
	CHECK(!sealed_tail_find(buf_span(&content), content.len, &whole, &want));
	uint64_t least = content.len - whole.head.zstd_bytes;
	for (size_t len = 0; len < least + 20; len++) {
		enum err e = sealed_tail_find(span_from(buf_span(&content), content.len - len), content.len,
					      &t, &want);
		CHECK(len < least ? e == ERR_MORE && want > len && want <= least : !e);
		CHECK(e || t.head.zstd_bytes == whole.head.zstd_bytes);
	}
	/* without its end it is a torn one; with less before it, another's */
	CHECK(sealed_tail_find(span_first(buf_span(&content), (size_t)whole.head.zstd_bytes),
			       whole.head.zstd_bytes, &t, &want) == ERR_NOT_FOUND);
	CHECK(sealed_tail_find(span_from(buf_span(&content), 1), content.len - 1, &t, &want) == ERR_SYNTAX);
	CHECK(sealed_tail_find(SPAN(""), 0, &t, &want) == ERR_NOT_FOUND);
}

static void tails_altered(void)
{
	struct buf content = BUF_OF(inner);
	struct sealed_tail t;
	uint64_t want;
	make_object(3);
	CHECK(!open_backwards(object, &content) &&
	      !sealed_tail_find(buf_span(&content), content.len, &t, &want));
	unsigned refused = 0, all = 0;
	for (size_t at = (size_t)t.head.zstd_bytes; at < content.len; at++, all++) {
		inner[at] ^= 4;
		enum err e = sealed_tail_find(buf_span(&content), content.len, &t, &want);
		CHECK(e == ERR_OK || e == ERR_SYNTAX || e == ERR_NOT_FOUND || e == ERR_UNSUPPORTED ||
		      e == ERR_MORE);
		refused += e != ERR_OK;
		inner[at] ^= 4;
	}
	/* times, blocks and records have no second copy: 5 of an entry's 8 words */
	CHECK(refused >= all - 3 * 48 && refused < all);
}

static void one_shot(void)
{
	static struct zstd_encoder encoder;
	struct buf packed = BUF_OF(inner), out = BUF_OF(back);
	size_t len;
	memset(raw, 'a', sizeof(raw));
	CHECK(!zstd_encode(&encoder, 1, span_of(raw, sizeof(raw)), &packed));
	struct span frame = buf_span(&packed);
	CHECK(!zstd_frame_find(frame, &len) && len == frame.len);
	CHECK(!zstd_decode_frame(&zstd, frame, &out) && out.len == sizeof(raw) && back[77] == 'a');
	for (size_t n = 0; n < frame.len; n++) {
		CHECK(zstd_frame_find(span_first(frame, n), &len) == ERR_MORE);
		CHECK(zstd_decode_frame(&zstd, span_first(frame, n), &out) == ERR_SYNTAX);
	}
	out = buf_over(back, sizeof(raw) - 1);
	CHECK(zstd_decode_frame(&zstd, frame, &out) == ERR_FULL);
	out = BUF_OF(back);
	inner[frame.len - 1] ^= 1;
	CHECK(zstd_decode_frame(&zstd, frame, &out) == ERR_CHECKSUM);
	CHECK(zstd_frame_find(SPAN("\x50\x2a\x4d\x18\0\0\0\0"), &len) == ERR_SYNTAX);
}

int main(void)
{
	RUN(frames_alone, "each frame of an object is found by its index, and opens alone");
	RUN(each_byte_counts, "an object with any bit flipped does not open");
	RUN(moved, "a frame in another's place does not open");
	RUN(cut, "an object that was cut does not open, wherever");
	RUN(layouts, "where frames stand follows from the length of a message");
	RUN(tails, "the index is found in an object's last bytes, and says how many it needs");
	RUN(tails_altered, "an index that does not agree with the seek table is refused");
	RUN(one_shot, "a zstd frame is measured and decompressed at once, or refused");
	return check_done();
}
