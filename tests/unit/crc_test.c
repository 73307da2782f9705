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

int main(void)
{
	RUN(published_values, "CRC32C gives the values that RFC 3720 publishes");
	return check_done();
}
