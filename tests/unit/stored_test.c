#include "check.h"
#include "noise.h"

#include "lib/zstd.h"
#include "record/stored.h"

#define RAW_MAX (3 * STORED_BLOCK_BYTES + 777)

static struct zstd_frame_decoder decoder;
static uint8_t raw[RAW_MAX], frame_bytes[STORED_BYTES(RAW_MAX)], back[RAW_MAX];

/* Published: xxHash's own specification and its sanity checks have these, seed 0. */
static void published_sums(void)
{
	static const struct {
		const char *text;
		uint64_t sum;
	} cases[] = {
		{"", 0xef46db3751d8e999},
		{"a", 0xd24ec4f1a98c6e5b},
		{"abc", 0x44bc2cf5ad770999},
	};
	struct xxh64 x;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		xxh64_init(&x);
		xxh64_update(&x, span_str(cases[i].text));
		CHECK(xxh64_value(&x) == cases[i].sum);
	}
}

static void sums_in_parts(void)
{
	struct xxh64 whole, parts;
	noise_fill(raw, 300);
	for (size_t len = 0; len < 300; len++) {
		xxh64_init(&whole);
		xxh64_init(&parts);
		xxh64_update(&whole, span_of(raw, len));
		for (size_t at = 0; at < len;) {
			struct span part = span_first(span_from(span_of(raw, len), at), noise_below(70));
			xxh64_update(&parts, part);
			at += part.len;
		}
		CHECK(xxh64_value(&whole) == xxh64_value(&parts));
	}
}

static struct span store(size_t len)
{
	struct buf out = BUF_OF(frame_bytes);
	struct stored s;
	struct span piece;
	stored_begin(&s, span_of(raw, len));
	while (stored_piece(&s, &piece))
		buf_put(&out, piece);
	CHECK(!out.overflow && out.len == STORED_BYTES(len));
	return buf_span(&out);
}

static void library_reads(void)
{
	static const size_t lens[] = {1,
				      31,
				      32,
				      16384,
				      16385,
				      STORED_BLOCK_BYTES - 1,
				      STORED_BLOCK_BYTES,
				      STORED_BLOCK_BYTES + 1,
				      RAW_MAX};
	noise_fill(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct buf out = BUF_OF(back);
		struct span f = store(lens[i]);
		CHECK(!zstd_decode_frame(&decoder, f, &out));
		CHECK_SPAN(buf_span(&out), span_of(raw, lens[i]));
		CHECK(zstd_decode_frame(&decoder, span_first(f, f.len - 1), &out) == ERR_SYNTAX);
	}
}

static void damage_is_seen(void)
{
	struct span f = store(5000);
	for (size_t at = STORED_HEAD_BYTES + 3; at < f.len; at += 41) {
		struct buf out = BUF_OF(back);
		frame_bytes[at] ^= 4;
		CHECK(zstd_decode_frame(&decoder, f, &out) == ERR_CHECKSUM);
		frame_bytes[at] ^= 4;
	}
}

int main(void)
{
	RUN(published_sums, "XXH64 gives the published sums");
	RUN(sums_in_parts, "it gives the same in parts of any size");
	RUN(library_reads, "zstd reads a stored frame of any size, with its content size");
	RUN(damage_is_seen, "and finds damage by the checksum");
	return check_done();
}
