#include "base/ip.h"

#include <string.h>

#include "base/text.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct ip ip_from_v4(uint32_t addr)
{
	struct ip a;
	memcpy(a.bytes, mapped, sizeof(mapped));
	store_be32(a.bytes + sizeof(mapped), addr);
	return a;
}

bool ip_is_v4(const struct ip *a)
{
	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

uint32_t ip_to_v4(const struct ip *a)
{
	ASSERT(ip_is_v4(a));
	return load_be32(a->bytes + sizeof(mapped));
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Groups of zeros from this one on. */
static unsigned zeros(const struct ip *a, unsigned group)
{
	unsigned n = 0;
	while (group + n < 8 && load_be16(a->bytes + 2 * (group + n)) == 0)
		n++;
	return n;
}

static void put_group(struct buf *b, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 12;
	while (shift && v >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		buf_u8(b, (uint8_t)digits[v >> shift & 15]);
}

void ip_text(struct buf *b, const struct ip *a)
{
	if (ip_is_v4(a)) {
		text_ipv4(b, ip_to_v4(a));
		return;
	}
	/* the longest run of two zeros or more is left out, the first of equals */
	unsigned gap = 8, gap_len = 1;
	for (unsigned i = 0; i < 8; i++) {
		if (zeros(a, i) <= gap_len)
			continue;
		gap = i;
		gap_len = zeros(a, i);
	}
	for (unsigned i = 0; i < 8;) {
		if (i == gap) {
			buf_str(b, "::");
			i += gap_len;
			continue;
		}
		if (i && i != gap + gap_len)
			buf_u8(b, ':');
		put_group(b, load_be16(a->bytes + 2 * i));
		i++;
	}
}
