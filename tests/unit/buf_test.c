#include "base/buf.h"

#include "check.h"

static void writes_integers(void)
{
	uint8_t mem[64];
	struct buf b = BUF_OF(mem);
	buf_u8(&b, 0xfe);
	buf_le16(&b, 0x0102);
	buf_le32(&b, 0x01020304);
	buf_le64(&b, 0x0102030405060708);
	buf_be16(&b, 0x0102);
	buf_be32(&b, 0x01020304);
	buf_be64(&b, 0x0102030405060708);
	CHECK(!buf_err(&b));
	CHECK_SPAN(buf_span(&b), SPAN("\xfe\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01"
				      "\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08"));
	CHECK(load_le16(mem + 1) == 0x0102 && load_le32(mem + 3) == 0x01020304);
	CHECK(load_le64(mem + 7) == 0x0102030405060708);
	CHECK(load_be16(mem + 15) == 0x0102 && load_be32(mem + 17) == 0x01020304);
	CHECK(load_be64(mem + 21) == 0x0102030405060708);
	store_le32(mem, 0xa1b2c3d4);
	CHECK_SPAN(span_of(mem, 4), SPAN("\xd4\xc3\xb2\xa1"));
	store_be32(mem, 0xa1b2c3d4);
	CHECK_SPAN(span_of(mem, 4), SPAN("\xa1\xb2\xc3\xd4"));
	memset(mem, 0xff, 8);
	CHECK(load_le16(mem) == 0xffff && load_le32(mem) == 0xffffffff && load_le64(mem) == UINT64_MAX);
	CHECK(load_be16(mem) == 0xffff && load_be32(mem) == 0xffffffff && load_be64(mem) == UINT64_MAX);
}

static void overflow_sticks(void)
{
	uint8_t mem[5] = {0, 0, 0, 0, 0x77};
	struct buf b = buf_over(mem, 4);
	buf_str(&b, "abc");
	CHECK(buf_room(&b) == 1);
	buf_be16(&b, 0x6465);
	CHECK(buf_err(&b) == ERR_FULL);
	CHECK_SPAN(buf_span(&b), SPAN("abc"));
	buf_u8(&b, 'd'); /* would fit, but something before it is missing */
	CHECK_SPAN(buf_span(&b), SPAN("abc"));
	CHECK(!buf_take(&b, 0));
	CHECK(mem[4] == 0x77);
	buf_reset(&b);
	CHECK(buf_err(&b) == ERR_OK && b.len == 0);
	buf_fill(&b, 'x', 4);
	CHECK_SPAN(buf_span(&b), SPAN("xxxx"));
	CHECK(!b.overflow);
	buf_put(&b, span_of(NULL, 0));
	CHECK(!b.overflow);
	CHECK(!buf_cstr(&b) && b.overflow);
	CHECK(mem[4] == 0x77);
	buf_reset(&b);
	CHECK(!buf_take(&b, SIZE_MAX));
}

static void terminates_for_system_calls(void)
{
	char mem[4] = "zzz";
	struct buf b = BUF_OF(mem);
	buf_str(&b, "ab");
	const char *s = buf_cstr(&b);
	CHECK(s && strcmp(s, "ab") == 0);
	CHECK(b.len == 2);
	buf_str(&b, "c");
	CHECK_SPAN(buf_span(&b), SPAN("abc"));
}

static void wipes_and_compares_secrets(void)
{
	uint8_t a[32], z[32] = {0};
	memset(a, 0xaa, sizeof(a));
	wipe(a, 31);
	CHECK(memcmp(a, z, 31) == 0 && a[31] == 0xaa);
	wipe(NULL, 0);
	CHECK(!equal_ct(a, z, 32));
	CHECK(equal_ct(a, z, 31));
	CHECK(equal_ct(a, z, 0));
	for (size_t i = 0; i < 32; i++) {
		uint8_t b[32] = {0};
		b[i] = 1;
		CHECK(!equal_ct(b, z, 32));
	}
}

int main(void)
{
	RUN(writes_integers, "integers are written and read as their names say");
	RUN(overflow_sticks, "what does not fit is not written and is not forgotten");
	RUN(terminates_for_system_calls, "a terminator is added without being counted");
	RUN(wipes_and_compares_secrets, "secrets are wiped and compared whole");
	return check_done();
}
