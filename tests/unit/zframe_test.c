#include "check.h"
#include "noise.h"

#include "record/seek.h"
#include "record/zframe.h"

#define SPACE (1u << 20)

static struct zstd_encoder encoder;
static struct zframe_reader reader;
static uint8_t stream_bytes[SPACE], plain_bytes[SPACE], got_bytes[SPACE];
static struct buf stream, plain, got;
static struct zframe_size size[8];
static uint32_t frames;

static void begin(void)
{
	stream = BUF_OF(stream_bytes);
	plain = BUF_OF(plain_bytes);
	frames = 0;
}

static void add_data(size_t len)
{
	uint8_t text[5000];
	size_t before = stream.len;
	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)('a' + noise_below(3));
	CHECK(!zstd_encode(&encoder, 3, span_of(text, len), &stream));
	buf_put(&plain, span_of(text, len));
	size[frames++] = (struct zframe_size){(uint32_t)(stream.len - before), (uint32_t)len};
}

/* The second frame has no filter. */
static uint32_t filter_bytes(uint32_t frame)
{
	return frame == 1 ? 0 : 8;
}

static uint32_t all_filter_bytes(void)
{
	return frames ? (frames - (frames > 1)) * 8 : 0;
}

static void add_index(void)
{
	struct index_entry e = {.first_ns = 5, .last_ns = 5};
	index_put_head(&stream, &(struct index_head){frames, plain.len, stream.len, all_filter_bytes()});
	for (uint32_t i = 0; i < frames; i++) {
		e.raw_bytes = size[i].raw_bytes;
		e.filter_bytes = filter_bytes(i);
		index_put_entry(&stream, &e);
		e.raw_offset += size[i].raw_bytes;
		e.zstd_offset += size[i].zstd_bytes;
		e.filter_offset += e.filter_bytes;
	}
	buf_fill(&stream, 0x55, all_filter_bytes());
}

static void add_seek(void)
{
	seek_put_head(&stream, frames + 1);
	for (uint32_t i = 0; i < frames; i++)
		seek_put_entry(&stream, size[i].zstd_bytes, size[i].raw_bytes);
	seek_put_entry(&stream, (uint32_t)INDEX_BYTES(frames) + all_filter_bytes(), 0);
	seek_put_foot(&stream, frames + 1);
}

static void make(void)
{
	begin();
	add_data(4000);
	add_data(1);
	add_data(700);
	add_index();
	add_seek();
}

static enum err feed(struct span in)
{
	for (;;) {
		enum err e = zframe_read(&reader, &in);
		if (e)
			return e == ERR_MORE && in.len == 0 ? ERR_OK : e;
		buf_put(&got, reader.content);
	}
}

static enum err read_parts(struct span in, size_t part)
{
	zframe_begin(&reader);
	got = BUF_OF(got_bytes);
	while (in.len) {
		TRY(feed(span_first(in, part)));
		in = span_from(in, part);
	}
	return zframe_end(&reader);
}

static void whole(void)
{
	make();
	for (size_t part = 1; part < stream.len + 100; part += part < 50 ? 1 : 97) {
		CHECK(!read_parts(buf_span(&stream), part));
		CHECK(span_eq(buf_span(&got), buf_span(&plain)));
		CHECK(reader.has_index && reader.has_seek && reader.frames == 3 && reader.raw_bytes == 4701);
		CHECK(reader.index.frames == 3);
	}
}

static void torn(void)
{
	begin();
	add_data(4000);
	add_data(9);
	CHECK(!read_parts(buf_span(&stream), 7));
	CHECK(!reader.has_index && !reader.has_seek && got.len == 4009);
}

static void cut(void)
{
	make();
	size_t first = size[0].zstd_bytes, second = first + size[1].zstd_bytes,
	       third = second + size[2].zstd_bytes;
	for (size_t len = 0; len < stream.len; len++) {
		enum err e = read_parts(span_first(buf_span(&stream), len), 50);
		CHECK(e == (len == first || len == second || len == third ? ERR_OK : ERR_TRUNCATED));
	}
	buf_u8(&stream, 0);
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
}

static void order(void)
{
	begin();
	add_index();
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
	begin();
	add_data(10);
	add_seek();
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
	begin();
	add_data(10);
	add_index();
	add_data(10);
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
	begin();
	add_data(10);
	add_index();
	add_index();
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
	make();
	add_data(10);
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
	begin();
	add_data(10);
	buf_put(&stream, unhex("502a4d1800000000")); /* a skippable frame that is not ours */
	CHECK(read_parts(buf_span(&stream), 50) == ERR_SYNTAX);
}

/* Every byte of index and seek table, but those that only an analyst reads: times, blocks, records,
 * filters. */
static void lies(void)
{
	make();
	size_t at = stream.len - SEEK_BYTES(4) - all_filter_bytes() - INDEX_BYTES(3);
	CHECK(!read_parts(buf_span(&stream), 50));
	for (size_t i = at; i < stream.len; i++) {
		size_t in_entry =
			i - at >= INDEX_HEAD_BYTES ? (i - at - INDEX_HEAD_BYTES) % INDEX_ENTRY_BYTES : 32;
		bool free_field =
			i < at + INDEX_BYTES(3) && (in_entry < 32 || (in_entry >= 48 && in_entry < 52));
		free_field |= i >= at + INDEX_BYTES(3) && i < stream.len - SEEK_BYTES(4);
		if (free_field)
			continue;
		stream.p[i] ^= 0x40;
		CHECK(read_parts(buf_span(&stream), SIZE_MAX) != ERR_OK);
		stream.p[i] ^= 0x40;
	}
}

/* An index of version 1, as objects from before filters have it. */
static void older(void)
{
	make();
	size_t at = stream.len - SEEK_BYTES(4) - all_filter_bytes() - INDEX_BYTES(3),
	       to = at + INDEX_HEAD_BYTES;
	stream.p[at + 4] = INDEX_HEAD_BYTES - 8 + 3 * 56;
	stream.p[at + 24] = 1;
	stream.p[at + 26] = 56;
	for (size_t i = 0; i < 3; i++, to += 56)
		memmove(stream.p + to, stream.p + at + INDEX_HEAD_BYTES + i * INDEX_ENTRY_BYTES, 56);
	stream.len = to;
	seek_put_head(&stream, 4);
	for (uint32_t i = 0; i < 3; i++)
		seek_put_entry(&stream, size[i].zstd_bytes, size[i].raw_bytes);
	seek_put_entry(&stream, INDEX_HEAD_BYTES + 3 * 56, 0);
	seek_put_foot(&stream, 4);
	CHECK(!read_parts(buf_span(&stream), 50) && reader.has_seek && reader.index.filter_bytes == 0);
}

static void checksum(void)
{
	make();
	stream.p[size[0].zstd_bytes - 1] ^= 1;
	CHECK(read_parts(buf_span(&stream), 50) == ERR_CHECKSUM);
	CHECK(feed(SPAN("x")) == ERR_CHECKSUM); /* the first error stays */
}

static void garbage(void)
{
	make();
	for (int i = 0; i < 20000; i++) {
		static uint8_t copy[SPACE];
		memcpy(copy, stream.p, stream.len);
		for (size_t hits = 1 + noise_below(4); hits; hits--)
			copy[noise_below(stream.len)] = (uint8_t)noise_u64();
		enum err e = read_parts(span_of(copy, stream.len), 1 + noise_below(3000));
		CHECK(e || span_eq(buf_span(&got), buf_span(&plain)));
	}
}

int main(void)
{
	RUN(whole, "an object's content is read in parts of any size, and index and seek table found right");
	RUN(torn, "a torn object is read to its last frame");
	RUN(cut, "content that ends inside a frame, or has something behind it, is refused");
	RUN(order, "data frames, index, seek table: another order or a foreign frame is refused");
	RUN(lies, "an index or seek table that does not agree with the frames is refused");
	RUN(older, "an object whose index is of version 1 is read");
	RUN(checksum, "a frame whose checksum differs is refused");
	RUN(garbage, "20000 damaged streams are refused or mean the same");
	return check_done();
}
