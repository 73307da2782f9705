#include "check.h"
#include "noise.h"

#include "lib/zstd.h"

static struct zstd_encoder encoder;
static struct zstd_decoder decoder;
static uint8_t raw[ZSTD_SOURCE_MAX], packed[ZSTD_BOUND(ZSTD_SOURCE_MAX)], back[ZSTD_SOURCE_MAX];

/* Text that compresses by `ease` in 256. */
static void fill(size_t len, unsigned ease)
{
	for (size_t i = 0; i < len; i++)
		raw[i] = noise_below(256) < ease && i > 16 ? raw[i - 1 - noise_below(16)]
							   : (uint8_t)noise_u64();
}

/* Decodes in parts of `in_part`, with so much room at a time. */
static enum err decode(struct span in, size_t in_part, size_t room, struct buf *out)
{
	bool end = false;
	zstd_decode_begin(&decoder);
	*out = BUF_OF(back);
	while (!end) {
		struct span part = span_first(in, in_part);
		struct buf window = buf_over(out->p + out->len, buf_room(out) < room ? buf_room(out) : room);
		size_t before = part.len;
		TRY(zstd_decode(&decoder, &part, &window, &end));
		in = span_from(in, before - part.len);
		out->len += window.len;
		if (!end && before == part.len && window.len == 0)
			return ERR_MORE;
	}
	return in.len ? ERR_SYNTAX : ERR_OK;
}

static void every_level(void)
{
	static const size_t lens[] = {0, 1, 100, 65536, 300000, ZSTD_SOURCE_MAX};
	for (int level = ZSTD_LEVEL_MIN; level <= ZSTD_LEVEL_MAX; level++) {
		for (size_t i = 0; level && i < sizeof(lens) / sizeof(lens[0]) - (level > 3 && level < 19);
		     i++) {
			struct buf p = BUF_OF(packed), out;
			fill(lens[i], 200);
			CHECK(!zstd_encode(&encoder, level, span_of(raw, lens[i]), &p));
			CHECK(!decode(buf_span(&p), SIZE_MAX, SIZE_MAX, &out));
			CHECK(span_eq(buf_span(&out), span_of(raw, lens[i])));
		}
	}
}

static void bound(void)
{
	for (size_t len = 0; len < 3000; len += 1 + len / 10) {
		struct buf p = buf_over(packed, ZSTD_BOUND(len));
		fill(len, 0);
		CHECK(!zstd_encode(&encoder, 1, span_of(raw, len), &p));
	}
	struct buf p = buf_over(packed, ZSTD_BOUND(ZSTD_SOURCE_MAX));
	fill(ZSTD_SOURCE_MAX, 0);
	CHECK(!zstd_encode(&encoder, 1, span_of(raw, ZSTD_SOURCE_MAX), &p) && p.len > ZSTD_SOURCE_MAX);
	p = buf_over(packed, 1000);
	CHECK(zstd_encode(&encoder, 1, span_of(raw, 5000), &p) == ERR_FULL && p.len == 0);
}

static void parts(void)
{
	struct buf p = BUF_OF(packed), out;
	fill(3000, 180);
	CHECK(!zstd_encode(&encoder, 3, span_of(raw, 3000), &p));
	for (size_t in = 1; in < 40; in += 3) {
		for (size_t room = 1; room < 60; room += 7) {
			CHECK(!decode(buf_span(&p), in, room, &out));
			CHECK(span_eq(buf_span(&out), span_of(raw, 3000)));
		}
	}
}

static void damaged(void)
{
	struct buf p = BUF_OF(packed), out;
	fill(2000, 180);
	CHECK(!zstd_encode(&encoder, 3, span_of(raw, 2000), &p));
	for (size_t len = 0; len < p.len; len++)
		CHECK(decode(span_first(buf_span(&p), len), SIZE_MAX, SIZE_MAX, &out) == ERR_MORE);
	p.p[p.len - 1] ^= 1;
	CHECK(decode(buf_span(&p), SIZE_MAX, SIZE_MAX, &out) == ERR_CHECKSUM);
	p.p[p.len - 1] ^= 1;
	for (size_t bit = 32; bit < p.len * 8; bit++) {
		p.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum err e = decode(buf_span(&p), SIZE_MAX, SIZE_MAX, &out);
		CHECK(e || span_eq(buf_span(&out), span_of(raw, 2000)));
		p.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Frame header with a window of 16 MiB (RFC 8878 3.1.1.1.2: exponent 14) and one raw block. */
static void large_window(void)
{
	struct buf out;
	CHECK(decode(unhex("28b52ffd0070090000ff"), SIZE_MAX, SIZE_MAX, &out) == ERR_UNSUPPORTED);
	CHECK(!decode(unhex("28b52ffd0068090000ff"), SIZE_MAX, SIZE_MAX, &out) && out.len == 1);
}

int main(void)
{
	RUN(every_level,
	    "every level from -5 to 19 compresses within its memory, and what it made decompresses");
	RUN(bound, "what does not compress stays within the bound; less room is an error");
	RUN(parts, "a frame decompresses in parts of any size");
	RUN(damaged, "a frame that is cut or damaged is never taken for whole");
	RUN(large_window, "a window of 8 MiB is accepted, a larger one refused");
	return check_done();
}
