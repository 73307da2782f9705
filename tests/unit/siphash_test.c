#include "base/siphash.h"

#include "base/buf.h"
#include "check.h"

/* The paper's appendix A, and further rows of its authors' vectors.h (siphash24, 64 bits). */
static void vectors(void)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} row[] = {
		{0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462},  {15, 0xa129ca6149be45e5}, {16, 0x3f2acc7f57c29bdb},
		{63, 0x958a324ceb064572},
	};
	uint8_t key[16], bytes[64];
	for (uint8_t i = 0; i < 64; i++) {
		key[i % 16] = i % 16;
		bytes[i] = i;
	}
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		CHECK(siphash(key, span_of(bytes, row[i].len)) == row[i].hash);
	key[0] ^= 1;
	CHECK(siphash(key, span_of(bytes, 15)) != 0xa129ca6149be45e5);
}

int main(void)
{
	RUN(vectors, "SipHash-2-4 agrees with its authors' vectors");
	return check_done();
}
