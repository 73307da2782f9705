#include "base/crc.h"

#include "base/bytes.h"

/* Four bits at a time: for what is left of a word, and for machines without an instruction. */
static uint32_t nibble(uint32_t crc)
{
	/* the polynomial's remainders, reflected */
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	return crc >> 4 ^ table[crc & 15];
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t words(uint32_t crc, struct span *bytes)
{
	for (; bytes->len >= 8; *bytes = span_from(*bytes, 8))
		crc = (uint32_t)__builtin_ia32_crc32di(crc, load_le64(bytes->p));
	return crc;
}
#endif

uint32_t crc32c_more(uint32_t crc, struct span bytes)
{
	crc = ~crc;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		crc = words(crc, &bytes);
#endif
	for (size_t i = 0; i < bytes.len; i++)
		crc = nibble(nibble(crc ^ bytes.p[i]));
	return ~crc;
}

uint32_t crc32c(struct span bytes)
{
	return crc32c_more(0, bytes);
}
