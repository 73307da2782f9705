#include "check.h"
#include "noise.h"

#include <stdlib.h>

#include "esdk_open.h"

#define SPACE (8u << 20)

static struct esdk writer;
static struct esdk_reader reader;
static uint8_t message_bytes[SPACE], opened_bytes[SPACE], content_bytes[SPACE], frame_bytes[1 << 17];
static struct buf message, opened;

static const uint8_t data_key[32] = {1, 2, 3}, other_key[32] = {4};
/* Two pairs: a = 1, b = 2. */
static const char pairs[] = "\0\2\0\1a\0\1"
			    "1\0\1b\0\1"
			    "2";
static const struct esdk_edk edk = {
	{(const uint8_t *)"aws-kms", 7}, {(const uint8_t *)"arn", 3}, {(const uint8_t *)"blob", 4}};

static struct span context(void)
{
	return span_of(pairs, sizeof(pairs) - 1);
}

/* Writes content in parts of `part` bytes. */
static void seal(struct span content, size_t part)
{
	uint8_t id[32];
	message = BUF_OF(message_bytes);
	memset(id, 0x1d, sizeof(id));
	CHECK(!esdk_begin(&writer, data_key, id, context(), &edk, &message));
	while (content.len) {
		CHECK(!esdk_write(&writer, span_first(content, part), &message));
		content = span_from(content, part);
	}
	CHECK(!esdk_end(&writer, &message));
}

static enum err give_key(struct esdk_reader *r, const void *key)
{
	return esdk_read_key(r, key);
}

static enum err feed(struct span in, const uint8_t *key)
{
	return esdk_open_part(&reader, in, give_key, key, &opened);
}

static enum err open_parts(struct span m, size_t part, const uint8_t *key)
{
	opened = BUF_OF(opened_bytes);
	esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
	return esdk_open(&reader, m, part, give_key, key, &opened);
}

static void header_bytes(void)
{
	struct esdk_derived keys;
	uint8_t id[32];
	memset(id, 0x1d, sizeof(id));
	seal(span_of(NULL, 0), 1);
	esdk_derive(ESDK_SUITE_COMMIT, data_key, id, &keys);
	struct span m = buf_span(&message);
	CHECK(span_starts(m, unhex("0204781d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d"
				   "000e0002000161000131000162000132000100076177732d6b6d73"
				   "000361726e0004626c6f62020000ffe0")));
	size_t body = esdk_header_bytes(context(), &edk) - 16;
	CHECK(span_eq(span_of(m.p + body - 32, 32), span_of(keys.commitment, 32)));
	/* the final frame: mark, sequence 1, IV 1, no content, tag */
	CHECK(span_eq(span_from(span_first(m, m.len - 16), body + 16),
		      unhex("ffffffff0000000100000000000000000000000100000000")));
	CHECK(m.len == esdk_message_bytes(body + 16, 0));
}

/* Official: case 4 of the known answers: data key and message id of zeros. */
static void derived_keys(void)
{
	uint8_t zeros[32] = {0};
	struct esdk_derived keys;
	esdk_derive(ESDK_SUITE_COMMIT, zeros, zeros, &keys);
	uint8_t text[96];
	struct buf b = BUF_OF(text);
	text_base64(&b, span_of(keys.content_key, 32));
	CHECK_SPAN(buf_span(&b), SPAN("qSmd3ox7r+cIeGmJhuguY3i5S/LMKVUYJGgWR7rhE6M="));
	buf_reset(&b);
	text_base64(&b, span_of(keys.commitment, 32));
	CHECK_SPAN(buf_span(&b), SPAN("Qz2Df1nLfpvGM00VSv+DEQnGNy2Y+LWshYi/9++rplE="));
}

static void round_trips(void)
{
	static const size_t lens[] = {0,
				      1,
				      100,
				      ESDK_FRAME_BYTES - 1,
				      ESDK_FRAME_BYTES,
				      ESDK_FRAME_BYTES + 1,
				      2 * ESDK_FRAME_BYTES,
				      5 * ESDK_FRAME_BYTES + 777};
	noise_fill(content_bytes, 6 * ESDK_FRAME_BYTES);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		static const size_t write_parts[] = {SIZE_MAX, 1000, 65504, 70001};
		for (size_t j = 0; j < 4; j++) {
			struct span content = span_of(content_bytes, lens[i]);
			seal(content, write_parts[j]);
			CHECK(message.len == esdk_message_bytes(esdk_header_bytes(context(), &edk), lens[i]));
			CHECK(!open_parts(buf_span(&message), j == 1 ? 1 : 30011, data_key));
			CHECK(span_eq(buf_span(&opened), content));
			CHECK(reader.frames == lens[i] / ESDK_FRAME_BYTES + 1);
		}
	}
}

static void every_split(void)
{
	noise_fill(content_bytes, 300);
	seal(span_of(content_bytes, 300), 300);
	struct span m = buf_span(&message);
	for (size_t at = 0; at <= m.len; at++) {
		opened = BUF_OF(opened_bytes);
		esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
		CHECK(!feed(span_first(m, at), data_key) && !feed(span_from(m, at), data_key) &&
		      !esdk_read_end(&reader));
		CHECK(span_eq(buf_span(&opened), span_of(content_bytes, 300)));
	}
}

/* Every frame's IV, by walking the message. */
static void ivs(void)
{
	seal(span_of(content_bytes, 4 * ESDK_FRAME_BYTES), 12345);
	size_t at = esdk_header_bytes(context(), &edk);
	for (uint32_t n = 1; n <= 5; n++) {
		size_t head = n == 5 ? 8 : 4;
		const uint8_t *p = message.p + at;
		CHECK(load_be32(p + head - 4) == n);
		CHECK(load_be64(p + head) == 0 && load_be32(p + head + 8) == n);
		at += ESDK_STRIDE_BYTES;
	}
}

static void altered(void)
{
	static uint8_t good[1024];
	noise_fill(content_bytes, 200);
	seal(span_of(content_bytes, 200), 200);
	size_t len = message.len, header = esdk_header_bytes(context(), &edk);
	memcpy(good, message.p, len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		message.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum err e = open_parts(buf_span(&message), SIZE_MAX, data_key);
		CHECK(e != ERR_OK && opened.len == 0);
		if (bit / 8 >= 3 && bit / 8 < 35)
			CHECK(e == ERR_COMMITMENT); /* the message id */
		if (bit / 8 >= header + 8 && bit / 8 < header + 20)
			CHECK(e == ERR_AUTH); /* the frame's IV */
		if (bit / 8 >= header + 24)
			CHECK(e == ERR_AUTH); /* its content and tag */
		message.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(!open_parts(span_of(good, len), SIZE_MAX, data_key));
}

static void wrong_key(void)
{
	seal(SPAN("x"), 1);
	CHECK(open_parts(buf_span(&message), 1, other_key) == ERR_COMMITMENT);
	/* another may be tried */
	struct span in = buf_span(&message);
	enum esdk_read_event event;
	esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
	CHECK(!esdk_read(&reader, &in, &event) && event == ESDK_READ_HEADER);
	CHECK(esdk_read_key(&reader, other_key) == ERR_COMMITMENT && !esdk_read_key(&reader, data_key));
	CHECK(!esdk_read(&reader, &in, &event) && event == ESDK_READ_CONTENT);
	CHECK_SPAN(reader.content, SPAN("x"));
	CHECK(!esdk_read(&reader, &in, &event) && event == ESDK_READ_DONE);
}

static void cut_and_longer(void)
{
	noise_fill(content_bytes, 100);
	seal(span_of(content_bytes, 100), 100);
	for (size_t len = 0; len < message.len; len++)
		CHECK(open_parts(span_first(buf_span(&message), len), 61, data_key) == ERR_TRUNCATED &&
		      opened.len == 0);
	buf_u8(&message, 0);
	CHECK(open_parts(buf_span(&message), SIZE_MAX, data_key) == ERR_SYNTAX);
	/* cut exactly between two frames */
	seal(span_of(content_bytes, 2 * ESDK_FRAME_BYTES), SIZE_MAX);
	size_t cut = esdk_header_bytes(context(), &edk) + 2 * ESDK_STRIDE_BYTES;
	CHECK(open_parts(span_first(buf_span(&message), cut), SIZE_MAX, data_key) == ERR_TRUNCATED);
}

/* Two regular frames exchanged, one left out, one repeated. */
static void frames_in_order(void)
{
	static uint8_t other[SPACE];
	noise_fill(content_bytes, 3 * ESDK_FRAME_BYTES);
	seal(span_of(content_bytes, 3 * ESDK_FRAME_BYTES), SIZE_MAX);
	size_t h = esdk_header_bytes(context(), &edk), s = ESDK_STRIDE_BYTES, rest = message.len - h;
	memcpy(other, message.p, message.len);
	memcpy(other + h, message.p + h + s, s);
	memcpy(other + h + s, message.p + h, s);
	CHECK(open_parts(span_of(other, message.len), SIZE_MAX, data_key) == ERR_SYNTAX);
	memcpy(other + h, message.p + h + s, rest - s);
	CHECK(open_parts(span_of(other, message.len - s), SIZE_MAX, data_key) == ERR_SYNTAX);
	memcpy(other + h, message.p + h, s);
	memcpy(other + h + s, message.p + h, rest);
	CHECK(open_parts(span_of(other, message.len + s), SIZE_MAX, data_key) == ERR_SYNTAX);
}

/* A header of our own making: only what the reader checks before it asks for a key. */
static enum err try_header(struct span start, struct span aad, struct span edks, struct span end)
{
	static uint8_t text[1 << 17];
	struct buf b = BUF_OF(text);
	enum esdk_read_event event;
	buf_put(&b, start);
	buf_fill(&b, 7, 32);
	buf_be16(&b, (uint16_t)aad.len);
	buf_put(&b, aad);
	buf_put(&b, edks);
	buf_put(&b, end);
	buf_fill(&b, 0, 32);
	struct span in = buf_span(&b);
	esdk_read_begin(&reader, frame_bytes, sizeof(frame_bytes));
	return esdk_read(&reader, &in, &event);
}

#define START SPAN("\x02\x04\x78")
#define ONE_EDK SPAN("\0\1\0\1p\0\1i\0\1c")
#define FRAMED SPAN("\2\0\0\x10\0")

static void bad_headers(void)
{
	struct span none = {NULL, 0}, edk1 = ONE_EDK, framed = FRAMED;
	CHECK(!try_header(START, none, edk1, framed));
	CHECK(!try_header(START, SPAN("\0\1\0\1k\0\0"), edk1, framed));
	CHECK(try_header(SPAN("\1\x80\0"), none, edk1, framed) == ERR_UNSUPPORTED);
	CHECK(try_header(SPAN("\3\4\x78"), none, edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(SPAN("\2\3\x78"), none, edk1, framed) == ERR_UNSUPPORTED);
	CHECK(try_header(START, none, SPAN("\0\0"), framed) == ERR_SYNTAX);
	CHECK(try_header(START, none, edk1, SPAN("\3\0\0\x10\0")) == ERR_SYNTAX);
	CHECK(try_header(START, none, edk1, SPAN("\2\0\0\0\0")) == ERR_SYNTAX);
	CHECK(try_header(START, none, edk1, SPAN("\1\0\0\0\1")) == ERR_SYNTAX);
	CHECK(!try_header(START, none, edk1, SPAN("\1\0\0\0\0")));
	CHECK(try_header(START, SPAN("\0\1\0\1k\0\1v\0"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0\2\0\1k\0\1v"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0\0"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0\1\0\1k\0\2v"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0\1\0\1\xff\0\1v"), edk1, framed) == ERR_SYNTAX);
	CHECK(try_header(START, SPAN("\0\2\0\1k\0\1v\0\1k\0\1w"), edk1, framed) == ERR_DUPLICATE);
	CHECK(try_header(START, SPAN("\0\3\0\1k\0\1v\0\1a\0\1w\0\1k\0\1w"), edk1, framed) == ERR_DUPLICATE);
	CHECK(!try_header(START, SPAN("\0\2\0\1k\0\1v\0\1a\0\1w"), edk1,
			  framed)); /* unsorted: official messages are */
	CHECK(try_header(SPAN("\x02\x05\x78"), none, edk1, framed) == ERR_MISSING);
	CHECK(try_header(START,
			 SPAN("\0\1\0\x15"
			      "aws-crypto-public-key\0\1v"),
			 edk1, framed) == ERR_SYNTAX);
}

static void long_frames(void)
{
	seal(span_of(content_bytes, ESDK_FRAME_BYTES), SIZE_MAX);
	opened = BUF_OF(opened_bytes);
	esdk_read_begin(&reader, frame_bytes, ESDK_FRAME_BYTES + 15);
	CHECK(feed(buf_span(&message), data_key) == ERR_TOO_LONG);
	esdk_read_begin(&reader, frame_bytes, ESDK_FRAME_BYTES + 16);
	CHECK(!feed(buf_span(&message), data_key));
}

static void many_edks(void)
{
	static uint8_t text[1 << 17];
	struct buf b = BUF_OF(text);
	struct esdk_edk e;
	size_t at = 0;
	buf_be16(&b, 5000);
	for (int i = 0; i < 5000; i++)
		buf_put(&b, SPAN("\0\1p\0\2in\0\3key"));
	CHECK(!try_header(START, span_of(NULL, 0), buf_span(&b), FRAMED));
	CHECK(reader.header.edk_count == 5000);
	for (int i = 0; i < 5000; i++)
		CHECK(!esdk_header_edk(reader.header.edks, &at, &e));
	CHECK_SPAN(e.ciphertext, SPAN("key"));
	CHECK(esdk_header_edk(reader.header.edks, &at, &e) == ERR_NOT_FOUND);
}

static void full(void)
{
	uint8_t id[32] = {0};
	size_t header = esdk_header_bytes(context(), &edk);
	size_t whole = (size_t)esdk_message_bytes(header, ESDK_FRAME_BYTES + 5);
	for (size_t cap = 0; cap < whole; cap += cap < 200 || whole - cap < 100 ? 1 : 1009) {
		struct buf out = buf_over(message_bytes, cap);
		enum err e = esdk_begin(&writer, data_key, id, context(), &edk, &out);
		if (!e)
			e = esdk_write(&writer, span_of(content_bytes, ESDK_FRAME_BYTES + 5), &out);
		if (!e)
			e = esdk_end(&writer, &out);
		CHECK(e == ERR_FULL && out.len <= cap);
		CHECK(out.len == 0 || out.len == header ||
		      out.len == header + ESDK_STRIDE_BYTES); /* whole frames */
		esdk_abort(&writer);
	}
}

static void garbage(void)
{
	noise_fill(content_bytes, 100);
	seal(span_of(content_bytes, 100), 100);
	for (int i = 0; i < 20000; i++) {
		static uint8_t copy[2048];
		memcpy(copy, message.p, message.len);
		for (size_t hits = 1 + noise_below(4); hits; hits--)
			copy[noise_below(message.len)] = (uint8_t)noise_u64();
		enum err e = open_parts(span_of(copy, message.len), 1 + noise_below(300), data_key);
		CHECK(e || memcmp(copy, message.p, message.len) == 0);
	}
}

int main(void)
{
	RUN(header_bytes, "a message has the bytes of format 2, suite 0x0478, frame length 65504");
	RUN(derived_keys, "content key and commitment are those of the official known answer");
	RUN(round_trips,
	    "messages of all kinds of length, written and read in all kinds of parts, come back");
	RUN(every_split, "a message split anywhere opens the same");
	RUN(ivs, "frame n has IV n, each once, and stands at a multiple of 64 KiB behind the header");
	RUN(altered, "a message with any one bit changed is refused, and nothing of it comes out");
	RUN(wrong_key, "another data key fails at the commitment, and the right one may follow");
	RUN(cut_and_longer,
	    "a message cut anywhere, at a frame's end too, or with something behind it is refused");
	RUN(frames_in_order, "frames exchanged, left out or repeated are refused");
	RUN(bad_headers, "a header that breaks the format is refused before a key is asked for");
	RUN(long_frames, "a frame longer than the reader's memory is refused");
	RUN(many_edks, "five thousand encrypted data keys are read");
	RUN(full, "memory that does not suffice is an error, never a message with something missing");
	RUN(garbage, "20000 damaged messages are refused");
	return check_done();
}
