#include "check.h"
#include "noise.h"

#include "record/index.h"
#include "record/seek.h"

static void index_bytes(void)
{
	uint8_t text[INDEX_BYTES(1)];
	struct buf b = BUF_OF(text);
	index_put_head(&b, &(struct index_head){1, 0x0102, 0x0304, 16});
	index_put_entry(&b, &(struct index_entry){1, 2, 3, 4, 5, 6, 7, 8, 0, 16});
	CHECK(!b.overflow && b.len == sizeof(text));
	CHECK(span_eq(buf_span(&b),
		      unhex("532a4d1878000000"
			    "7365616c7461702d696e646578000000020040000100000002010000000000000403000000000000"
			    "0100000000000000020000000000000003000000000000000400000000000000"
			    "0500000000000000060000000000000007000000080000000000000010000000")));
}

/* What objects from before filters have. */
static void version_1(void)
{
	struct span content =
		unhex("7365616c7461702d696e646578000000010038000100000002010000000000000403000000000000"
		      "0100000000000000020000000000000003000000000000000400000000000000"
		      "050000000000000006000000000000000700000008000000");
	struct index_head h;
	struct index_entry e;
	CHECK(!index_read_head(content, &h) && h.frames == 1 && h.raw_bytes == 0x0102 && h.filter_bytes == 0);
	index_read_entry(content, 0, &e);
	CHECK(e.first_ns == 1 && e.zstd_offset == 6 && e.records == 7 && e.raw_bytes == 8 &&
	      e.filter_bytes == 0);
	CHECK(index_filter(content, &e).len == 0);
	uint8_t longer[128] = {0};
	memcpy(longer, content.p, content.len);
	CHECK(index_read_head(span_of(longer, content.len + 8), &h) == ERR_SYNTAX);
	longer[18] = 64;
	CHECK(index_read_head(span_of(longer, content.len), &h) == ERR_SYNTAX);
}

static void filters(void)
{
	uint8_t text[INDEX_BYTES(4) + 40];
	struct buf b = BUF_OF(text);
	struct index_head h;
	struct index_entry e = {.first_ns = 1};
	static const uint32_t lens[] = {8, 0, 32, 0}, offsets[] = {0, 8, 8, 40};
	index_put_head(&b, &(struct index_head){4, 100, 50, 40});
	for (uint32_t i = 0; i < 4; i++) {
		e.filter_offset = offsets[i];
		e.filter_bytes = lens[i];
		index_put_entry(&b, &e);
	}
	buf_fill(&b, 'a', 8);
	buf_fill(&b, 'b', 32);
	struct span content = span_from(buf_span(&b), 8);
	CHECK(!index_read_head(content, &h) && h.frames == 4 && h.filter_bytes == 40);
	for (uint32_t i = 0; i < 4; i++) {
		index_read_entry(content, i, &e);
		struct span filter = index_filter(content, &e);
		CHECK(filter.len == lens[i] && (lens[i] == 0 || filter.p[0] == (i ? 'b' : 'a')));
	}
	/* such as can't be are none */
	static const struct index_entry odd[] = {{.filter_offset = 33, .filter_bytes = 8},
						 {.filter_offset = UINT32_MAX, .filter_bytes = 8},
						 {.filter_offset = 32, .filter_bytes = 16},
						 {.filter_bytes = 24},
						 {.filter_bytes = 4},
						 {.filter_bytes = UINT32_MAX}};
	for (size_t i = 0; i < 6; i++)
		CHECK(index_filter(content, &odd[i]).len == 0);
}

static void index_back(void)
{
	uint8_t text[INDEX_BYTES(3)];
	struct buf b = BUF_OF(text);
	struct index_head h;
	struct index_entry e;
	index_put_head(&b, &(struct index_head){3, 100, 50, 0});
	for (uint32_t i = 0; i < 3; i++)
		index_put_entry(&b, &(struct index_entry){UINT64_MAX - i, i, 10 + i, 20 + i, 30 + i, 40 + i,
							  50 + i, 60 + i, 0, 0});
	struct span content = span_from(buf_span(&b), 8);
	CHECK(!index_read_head(content, &h) && h.frames == 3 && h.raw_bytes == 100 && h.zstd_bytes == 50);
	for (uint32_t i = 0; i < 3; i++) {
		index_read_entry(content, i, &e);
		CHECK(e.first_ns == UINT64_MAX - i && e.last_ns == i && e.first_seq == 10 + i &&
		      e.last_seq == 20 + i);
		CHECK(e.raw_offset == 30 + i && e.zstd_offset == 40 + i && e.records == 50 + i &&
		      e.raw_bytes == 60 + i);
	}
	for (size_t len = 0; len < content.len; len++)
		CHECK(index_read_head(span_first(content, len), &h) == ERR_SYNTAX);
	text[8] ^= 1;
	CHECK(index_read_head(content, &h) == ERR_SYNTAX);
	text[8] ^= 1;
	text[24] = 3;
	CHECK(index_read_head(content, &h) == ERR_UNSUPPORTED);
}

static void seek_bytes(void)
{
	uint8_t text[SEEK_BYTES(2)];
	struct buf b = BUF_OF(text);
	seek_put_head(&b, 2);
	seek_put_entry(&b, 0x11, 0x22);
	seek_put_entry(&b, 0x33, 0);
	seek_put_foot(&b, 2);
	CHECK(!b.overflow && b.len == sizeof(text));
	CHECK(span_eq(buf_span(&b), unhex("5e2a4d18190000001100000022000000330000000000000002000000"
					  "00b1ea928f")));
}

static void seek_back(void)
{
	uint32_t frames, zstd, raw;
	struct span plain = unhex("1100000022000000330000000000000002000000"
				  "00b1ea928f"),
		    checked = unhex("1100000022000000aaaaaaaa01000000"
				    "80b1ea928f");
	CHECK(!seek_read(plain, &frames) && frames == 2);
	seek_read_entry(plain, 1, &zstd, &raw);
	CHECK(zstd == 0x33 && raw == 0);
	CHECK(!seek_read(checked, &frames) && frames == 1);
	seek_read_entry(checked, 0, &zstd, &raw);
	CHECK(zstd == 0x11 && raw == 0x22);
	for (size_t len = 0; len < plain.len; len++) {
		CHECK(seek_read(span_first(plain, len), &frames) == ERR_SYNTAX);
		CHECK(len == 0 || seek_read(span_from(plain, len), &frames) == ERR_SYNTAX);
	}
	CHECK(seek_read(unhex("0000000004b1ea928f"), &frames) == ERR_SYNTAX);
	CHECK(!seek_read(unhex("0000000000b1ea928f"), &frames) && frames == 0);
}

int main(void)
{
	RUN(index_bytes, "the index has the bytes of version 2");
	RUN(version_1, "an index of version 1 reads back, and has no filters");
	RUN(filters, "each frame's filter is found; one that can't be is none");
	RUN(index_back,
	    "the index reads back; a cut one, a foreign one and one of another version are refused");
	RUN(seek_bytes, "the seek table has the bytes of zstd's seekable format");
	RUN(seek_back, "seek tables with and without checksums read back; damaged ones are refused");
	return check_done();
}
