#include "base/bytes.h"

#include <string.h>

void wipe(void *p, size_t len)
{
	if (len)
		memset(p, 0, len);
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

bool equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t d = 0;
	for (size_t i = 0; i < len; i++)
		d |= (uint8_t)(a[i] ^ b[i]);
	return d == 0;
}
