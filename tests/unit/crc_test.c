#include "check.h"

#include "base/crc.h"

/* RFC 3720, appendix B.4: as the CRC's value; the RFC lists its bytes in the order in which they are sent. */
static void published_values(void)
{
	uint8_t b[48];
	memset(b, 0, 32);
	CHECK(crc32c(span_of(b, 32)) == 0x8a9136aa);
	memset(b, 0xff, 32);
	CHECK(crc32c(span_of(b, 32)) == 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		b[i] = i;
	CHECK(crc32c(span_of(b, 32)) == 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		b[i] = (uint8_t)(31 - i);
	CHECK(crc32c(span_of(b, 32)) == 0x113fdb5c);
	CHECK(crc32c(SPAN("123456789")) == 0xe3069283);
	CHECK(crc32c(span_of(NULL, 0)) == 0);
}

/* The definition, a bit at a time. */
static uint32_t plain(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < len * 8; i++) {
		uint32_t bit = (crc ^ (uint32_t)p[i / 8] >> i % 8) & 1;
		crc = crc >> 1 ^ (bit ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void fill(uint8_t *p, size_t len)
{
	uint32_t lcg = 7;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((lcg = lcg * 1664525 + 1013904223) >> 24);
}

static void as_the_definition_wherever_it_begins_and_ends(void)
{
	_Alignas(8) uint8_t b[8 + 64];
	fill(b, sizeof(b));
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; len <= 64; len++)
			CHECK(crc32c(span_of(b + at, len)) == plain(b + at, len));
	for (uint32_t v = 0; v < 8 * 256; v++) { /* every entry of the tables */
		memset(b, 0, 8);
		b[v / 256] = (uint8_t)v;
		CHECK(crc32c(span_of(b, 8)) == plain(b, 8));
	}
}

static void goes_on_at_any_place(void)
{
	uint8_t b[100];
	fill(b, sizeof(b));
	struct span all = span_of(b, sizeof(b));
	uint32_t whole = plain(b, sizeof(b)), by_bytes = 0;
	for (size_t i = 0; i <= all.len; i++) {
		CHECK(crc32c_more(crc32c(span_first(all, i)), span_from(all, i)) == whole);
		for (size_t k = i; k <= all.len; k++) {
			uint32_t crc = crc32c_more(0, span_first(all, i));
			crc = crc32c_more(crc, span_of(b + i, k - i));
			CHECK(crc32c_more(crc, span_from(all, k)) == whole);
		}
	}
	for (size_t i = 0; i < all.len; i++)
		by_bytes = crc32c_more(by_bytes, span_of(b + i, 1));
	CHECK(by_bytes == whole);
}

int main(void)
{
	RUN(published_values, "CRC32C gives the values that RFC 3720 publishes");
	RUN(as_the_definition_wherever_it_begins_and_ends,
	    "CRC32C agrees with its definition for every length up to 64 at every alignment");
	RUN(goes_on_at_any_place, "a CRC32C goes on at any place, once or twice, or at each byte");
	return check_done();
}
