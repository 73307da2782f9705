#include "check.h"
#include "noise.h"

#include "record/pcapng.h"
#include "record/pcapng_read.h"

static uint8_t bytes[65536];
static struct buf out;
static const uint8_t frame[] = "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0 what came over the wire";

static void write_packet(uint32_t interface, size_t captured, uint32_t len)
{
	struct ring_packet p = {.ts_ns = 1700000000123456789ull,
				.tail = span_of(frame, captured),
				.cap_len = (uint32_t)captured,
				.len = len};
	pcapng_packet(&out, &p, &(struct pcapng_packet_info){interface, 3, 77, 5});
}

static void write_all(void)
{
	out = BUF_OF(bytes);
	pcapng_section(&out, &(struct pcapng_section){.hardware = SPAN("x"), .comment = SPAN("a=b\nc=d\n")});
	pcapng_interface(&out, &(struct pcapng_interface){.name = SPAN("eth0"), .filter = SPAN("all")});
	pcapng_interface(&out, &(struct pcapng_interface){.name = SPAN("eth1"), .speed_bps = 10});
	for (size_t captured = 14; captured <= 20; captured++)
		write_packet(captured % 2, captured, 20);
	pcapng_statistics(&out, &(struct pcapng_statistics){.interface_id = 1, .now_ns = 9, .start_ns = 3});
}

static void reads_back(void)
{
	struct pcapng_block b;
	struct span value;
	write_all();
	struct span in = buf_span(&out);
	CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_SECTION);
	CHECK(!pcapng_option_find(b.options, 1, &value) && span_eq(value, SPAN("a=b\nc=d\n")));
	CHECK(pcapng_option_find(b.options, 4, &value) == ERR_NOT_FOUND);
	CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_INTERFACE);
	CHECK(!pcapng_option_find(b.options, 2, &value) && span_eq(value, SPAN("eth0")));
	CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_INTERFACE);
	for (size_t captured = 14; captured <= 20; captured++) {
		CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_PACKET);
		CHECK(b.interface_id == captured % 2 && b.ts_ns == 1700000000123456789ull && b.len == 20);
		CHECK(span_eq(b.frame, span_of(frame, captured)));
		CHECK(b.frame.p == b.bytes.p + PCAPNG_FRAME_AT);
		CHECK(load_le32(b.bytes.p + PCAPNG_CAPTURED_AT) == captured);
		CHECK(!pcapng_option_find(b.options, 6, &value) && load_le32(value.p) == 3);
		CHECK(pcapng_option_find(b.options, 7, &value) == (captured < 20 ? ERR_OK : ERR_NOT_FOUND));
	}
	CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_STATISTICS && b.interface_id == 1 && b.ts_ns == 9);
	CHECK(pcapng_next(&in, &b) == ERR_MORE);
}

static void cut_short(void)
{
	struct pcapng_block b;
	write_all();
	size_t ends = 0;
	for (size_t len = 0; len <= out.len; len++) {
		struct span in = span_first(buf_span(&out), len);
		enum err e;
		while (!(e = pcapng_next(&in, &b)))
			;
		CHECK(e == ERR_MORE ? in.len == 0 : e == ERR_SYNTAX && in.len);
		ends += e == ERR_MORE;
	}
	CHECK(ends == 1 + 3 + 7 + 1);
}

/* Each of these places gets a value that makes its block another one. */
static void contradictions(void)
{
	static const struct {
		unsigned block;
		size_t at;
		uint32_t value;
		enum err e;
	} cases[] = {
		{0, 4, 0, ERR_SYNTAX},        {0, 4, 13, ERR_SYNTAX},
		{0, 4, 1u << 31, ERR_SYNTAX}, {0, 8, 0x4d3c2b1a, ERR_UNSUPPORTED},
		{0, 12, 2, ERR_UNSUPPORTED},  {1, 8, 113, ERR_UNSUPPORTED},
		{3, 20, 21, ERR_SYNTAX},      {3, 20, UINT32_MAX, ERR_SYNTAX},
		{3, 24, 13, ERR_SYNTAX},      {2, 16, 0xffff0002, ERR_SYNTAX}, /* an option's length */
	};
	struct pcapng_block b;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_all();
		struct span in = buf_span(&out);
		for (unsigned k = 0; k < cases[i].block; k++)
			CHECK(!pcapng_next(&in, &b));
		store_le32(bytes + (in.p - bytes) + cases[i].at, cases[i].value);
		CHECK(pcapng_next(&in, &b) == cases[i].e);
	}
	/* microseconds */
	write_all();
	for (size_t i = 0; i + 5 < out.len; i++)
		if (!memcmp(bytes + i, "\x09\0\1\0\x09", 5))
			bytes[i + 4] = 6;
	struct span in = buf_span(&out);
	CHECK(!pcapng_next(&in, &b) && pcapng_next(&in, &b) == ERR_UNSUPPORTED);
}

static void others(void)
{
	static const uint8_t custom[] = "\xad\x0b\0\0\x10\0\0\0abcd\x10\0\0";
	struct span in = span_of(custom, sizeof(custom));
	struct pcapng_block b;
	CHECK(!pcapng_next(&in, &b) && b.kind == PCAPNG_OTHER && b.bytes.len == 16 && in.len == 0);
	CHECK(span_eq(b.options, SPAN("abcd")));
}

static void noise(void)
{
	struct pcapng_block b;
	for (unsigned i = 0; i < 20000; i++) {
		write_all();
		noise_damage(bytes, 0, out.len, 1 + i % 4);
		struct span in = buf_span(&out);
		enum err e;
		while (!(e = pcapng_next(&in, &b)))
			CHECK(b.frame.len <= b.bytes.len);
		CHECK(e == ERR_MORE || e == ERR_SYNTAX || e == ERR_UNSUPPORTED);
	}
}

int main(void)
{
	RUN(reads_back, "what the writer of recordings wrote is read back, block by block");
	RUN(cut_short, "at each length blocks are whole, or it is said that the last is not");
	RUN(contradictions, "a block that contradicts itself, or is none of a recording's, is refused");
	RUN(others, "a block of another type is handed on as such");
	RUN(noise, "damaged blocks end in an error, or read within their bytes");
	return check_done();
}
