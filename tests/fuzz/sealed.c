/* sealed: the end of an object's content, as it is read from its end, in the lengths that are asked
 * for; and single frames of a message. Input: how; the bytes. */
#include "record/esdk_open.h"
#include "record/sealed_tail.h"

#include "fuzz.h"

static void find_tail(struct span in, size_t first)
{
	struct sealed_tail t;
	struct index_entry entry;
	uint64_t want = first < in.len ? first : in.len, before = 0;
	enum err e;
	/* more is asked for until it is enough: never more than there is, never the same again */
	while ((e = sealed_tail_find(span_from(in, in.len - (size_t)want), in.len, &t, &want)) == ERR_MORE) {
		MUST(want > before && want <= in.len);
		before = want;
	}
	struct sealed_tail whole;
	MUST(sealed_tail_find(in, in.len, &whole, &want) == e);
	if (e)
		return;
	MUST(fuzz_within(t.index, in) && fuzz_within(t.seek, in) && t.head.frames);
	for (uint32_t i = 0; i < t.head.frames; i++) {
		index_read_entry(t.index, i, &entry);
		MUST(entry.zstd_offset < t.head.zstd_bytes && t.head.zstd_bytes < in.len);
		MUST(fuzz_within(index_filter(t.index, &entry), in));
	}
}

static void open_frames(struct span in)
{
	static uint8_t frame[ESDK_STRIDE_BYTES + 64];
	static const uint8_t data_key[ESDK_KEY_BYTES] = {1, 2, 3};
	struct esdk_header h;
	struct esdk_layout l;
	struct esdk_opener o;
	struct span content;
	size_t want;
	if (esdk_header_read(in, &h, &want) || esdk_layout(&h, in.len, &l))
		return;
	MUST(l.frames && esdk_frame_at(&l, l.frames - 1) + esdk_frame_bytes(&l, l.frames - 1) == in.len);
	if (esdk_open_begin(&o, &h, in, data_key))
		return;
	for (uint32_t i = 0; i < l.frames; i++) {
		size_t len = esdk_frame_bytes(&l, i);
		MUST(len <= sizeof(frame));
		memcpy(frame, in.p + esdk_frame_at(&l, i), len);
		if (!esdk_open_frame(&o, &l, i, frame, &content))
			MUST(content.len <= ESDK_FRAME_BYTES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	size_t first = fuzz_byte(&in);
	find_tail(in, first);
	open_frames(in);
	return 0;
}
