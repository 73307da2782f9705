#include "base/crc.h"

#include "base/buf.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* table[k][b]: what byte b, followed by k zero bytes, leaves. Made at the first use: the same each time. */
static uint32_t table[8][256];

static void make_table(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][b] = crc;
	}
	for (uint32_t b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++)
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

static uint32_t eight(uint32_t crc, const uint8_t *p)
{
	uint32_t low = crc ^ load_le32(p), high = load_le32(p + 4);
	return table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
	       table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
	       table[1][high >> 16 & 255] ^ table[0][high >> 24];
}

uint32_t crc32c_more(uint32_t crc, struct span bytes)
{
	if (!table[0][1])
		make_table();
	crc = ~crc;
	for (; bytes.len >= 8; bytes = span_from(bytes, 8))
		crc = eight(crc, bytes.p);
	for (size_t i = 0; i < bytes.len; i++)
		crc = crc >> 8 ^ table[0][(crc ^ bytes.p[i]) & 255];
	return ~crc;
}

uint32_t crc32c(struct span bytes)
{
	return crc32c_more(0, bytes);
}
