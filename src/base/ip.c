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

/* Two bytes without leading zeros. */
static void put_group(struct buf *b, const uint8_t *p)
{
	uint8_t digits[4];
	struct buf hex = BUF_OF(digits);
	size_t zero = 0;
	text_hex(&hex, span_of(p, 2));
	while (zero < 3 && digits[zero] == '0')
		zero++;
	buf_put(b, span_from(buf_span(&hex), zero));
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
		put_group(b, a->bytes + 2 * i);
		i++;
	}
}

/* One group of hexadecimal digits. */
static enum err read_group(struct span s, uint16_t *v)
{
	uint32_t sum = 0;
	if (s.len == 0 || s.len > 4)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		int digit = text_hex_digit(s.p[i]);
		if (digit < 0)
			return ERR_SYNTAX;
		sum = sum << 4 | (uint32_t)digit;
	}
	*v = (uint16_t)sum;
	return ERR_OK;
}

/* Groups with single colons between them; an empty text has none. */
static enum err read_groups(struct span s, uint16_t groups[8], unsigned *count)
{
	*count = 0;
	if (s.len && s.p[s.len - 1] == ':')
		return ERR_SYNTAX;
	while (s.len) {
		if (*count == 8)
			return ERR_SYNTAX;
		TRY(read_group(span_cut(&s, ':'), &groups[(*count)++]));
	}
	return ERR_OK;
}

static size_t find_gap(struct span s)
{
	size_t i = 0;
	while (i + 1 < s.len && (s.p[i] != ':' || s.p[i + 1] != ':'))
		i++;
	return i + 1 < s.len ? i : s.len;
}

static enum err read_v6(struct span s, struct ip *a)
{
	uint16_t head[8], tail[8];
	unsigned heads, tails = 0;
	size_t gap = find_gap(s);
	TRY(read_groups(span_first(s, gap), head, &heads));
	if (gap < s.len)
		TRY(read_groups(span_from(s, gap + 2), tail, &tails));
	if (gap < s.len ? heads + tails > 7 : heads != 8)
		return ERR_SYNTAX;
	memset(a, 0, sizeof(*a));
	for (unsigned i = 0; i < heads; i++)
		store_be16(a->bytes + 2 * i, head[i]);
	for (unsigned i = 0; i < tails; i++)
		store_be16(a->bytes + 16 - 2 * (tails - i), tail[i]);
	return ERR_OK;
}

enum err ip_read(struct span s, struct ip *a)
{
	uint32_t v4;
	if (span_find(s, ':') < s.len)
		return read_v6(s, a);
	TRY(text_read_ipv4(s, &v4));
	*a = ip_from_v4(v4);
	return ERR_OK;
}

static bool same_bits(const struct ip *a, const struct ip *b, uint32_t bits)
{
	uint32_t rest = bits % 8;
	if (memcmp(a->bytes, b->bytes, bits / 8) != 0)
		return false;
	return rest == 0 || (a->bytes[bits / 8] ^ b->bytes[bits / 8]) >> (8 - rest) == 0;
}

enum err ip_net_read(struct span s, struct ip_net *n)
{
	bool has_len = span_find(s, '/') < s.len;
	struct span addr = span_cut(&s, '/');
	struct ip front = {{0}};
	uint64_t len;
	TRY(ip_read(addr, &n->addr));
	uint32_t max = span_find(addr, ':') < addr.len ? 128 : 32;
	len = max;
	if (has_len)
		TRY(text_read_u64(s, max, &len));
	n->prefix_len = 128 - max + (uint32_t)len;
	for (uint32_t i = 0; i < n->prefix_len; i++)
		front.bytes[i / 8] |= (uint8_t)(n->addr.bytes[i / 8] & 0x80 >> i % 8);
	return ip_eq(&front, &n->addr) ? ERR_OK : ERR_RANGE;
}

bool ip_net_is_v4(const struct ip_net *n)
{
	return n->prefix_len >= 96 && ip_is_v4(&n->addr);
}

void ip_net_text(struct buf *b, const struct ip_net *n)
{
	ip_text(b, &n->addr);
	buf_u8(b, '/');
	text_u64(b, ip_net_is_v4(n) ? n->prefix_len - 96 : n->prefix_len);
}

bool ip_net_has(const struct ip_net *n, const struct ip *a)
{
	return same_bits(&n->addr, a, n->prefix_len);
}
