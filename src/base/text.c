#include "base/text.h"

void text_u64_pad(struct buf *b, uint64_t v, unsigned digits)
{
	uint8_t rev[20];
	unsigned n = 0;
	do {
		rev[n++] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v);
	for (unsigned i = n; i < digits; i++)
		buf_u8(b, '0');
	while (n)
		buf_u8(b, rev[--n]);
}

void text_u64(struct buf *b, uint64_t v)
{
	text_u64_pad(b, v, 1);
}

static const char hex_digits[16] = "0123456789abcdef";

static void put_hex(struct buf *b, uint8_t v)
{
	buf_u8(b, (uint8_t)hex_digits[v >> 4]);
	buf_u8(b, (uint8_t)hex_digits[v & 15]);
}

void text_hex(struct buf *b, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		put_hex(b, bytes.p[i]);
}

void text_hex64(struct buf *b, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		put_hex(b, (uint8_t)(v >> shift));
}

static const char base64_digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_base64(struct buf *b, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? bytes.p[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			buf_u8(b, k <= n ? (uint8_t)base64_digits[v >> (18 - 6 * k) & 63] : (uint8_t)'=');
	}
}

void text_percent(struct buf *b, struct span s)
{
	static const char digits[16] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		if (text_is_unreserved(span_of(s.p + i, 1))) {
			buf_u8(b, s.p[i]);
			continue;
		}
		buf_u8(b, '%');
		buf_u8(b, (uint8_t)digits[s.p[i] >> 4]);
		buf_u8(b, (uint8_t)digits[s.p[i] & 15]);
	}
}

void text_ipv4(struct buf *b, uint32_t addr)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		text_u64(b, addr >> shift & 255);
		if (shift)
			buf_u8(b, '.');
	}
}

void text_mac(struct buf *b, const uint8_t mac[6])
{
	for (int i = 0; i < 6; i++) {
		if (i)
			buf_u8(b, ':');
		put_hex(b, mac[i]);
	}
}

enum err text_read_u64(struct span s, uint64_t max, uint64_t *v)
{
	if (s.len == 0)
		return ERR_SYNTAX;
	uint64_t n = 0;
	bool big = false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		big = big || n > (UINT64_MAX - digit) / 10;
		n = n * 10 + digit;
	}
	if (big || n > max)
		return ERR_RANGE;
	*v = n;
	return ERR_OK;
}

int text_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err text_read_hex(struct span s, struct buf *out)
{
	if (s.len % 2)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i += 2) {
		int hi = text_hex_digit(s.p[i]), lo = text_hex_digit(s.p[i + 1]);
		if (hi < 0 || lo < 0)
			return ERR_SYNTAX;
		buf_u8(out, (uint8_t)(hi << 4 | lo));
	}
	return buf_err(out);
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four digits, `used` of them before the padding. */
static enum err read_base64_group(const uint8_t *p, size_t used, struct buf *out)
{
	uint32_t v = 0;
	for (size_t k = 0; k < 4; k++) {
		int digit = k < used ? base64_value(p[k]) : 0;
		if (digit < 0)
			return ERR_SYNTAX;
		v = v << 6 | (uint32_t)digit;
	}
	/* Bits that no byte takes must be zero, else two texts would mean the same bytes. */
	if ((used == 2 && v & 0xffff) || (used == 3 && v & 0xff))
		return ERR_SYNTAX;
	for (size_t k = 0; k + 1 < used; k++)
		buf_u8(out, (uint8_t)(v >> (16 - 8 * k)));
	return ERR_OK;
}

enum err text_read_base64(struct span s, struct buf *out)
{
	if (s.len % 4)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i += 4) {
		size_t used = 4;
		if (i + 4 == s.len)
			while (used > 2 && s.p[i + used - 1] == '=')
				used--;
		TRY(read_base64_group(s.p + i, used, out));
	}
	return buf_err(out);
}

enum err text_read_ipv4(struct span s, uint32_t *addr)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t octet;
		if (i < 3 && span_find(s, '.') == s.len)
			return ERR_SYNTAX;
		struct span part = i < 3 ? span_cut(&s, '.') : s;
		/* A leading zero would be octal elsewhere. */
		if (part.len > 1 && part.p[0] == '0')
			return ERR_SYNTAX;
		TRY(text_read_u64(part, 255, &octet));
		v = v << 8 | (uint32_t)octet;
	}
	*addr = v;
	return ERR_OK;
}

enum err text_read_cidr4(struct span s, uint32_t *addr, unsigned *prefix_len)
{
	uint64_t len;
	uint32_t a;
	struct span head = span_cut(&s, '/');
	TRY(text_read_ipv4(head, &a));
	TRY(text_read_u64(s, 32, &len));
	*addr = a;
	*prefix_len = (unsigned)len;
	return ERR_OK;
}

enum err text_read_mac(struct span s, uint8_t mac[6])
{
	if (s.len != 17)
		return ERR_SYNTAX;
	uint8_t octets[6];
	for (size_t i = 0; i < 6; i++) {
		int hi = text_hex_digit(s.p[3 * i]), lo = text_hex_digit(s.p[3 * i + 1]);
		if (hi < 0 || lo < 0 || (i < 5 && s.p[3 * i + 2] != ':'))
			return ERR_SYNTAX;
		octets[i] = (uint8_t)(hi << 4 | lo);
	}
	for (size_t i = 0; i < 6; i++)
		mac[i] = octets[i];
	return ERR_OK;
}

/* RFC 3629, section 4: a lead byte narrows its first continuation byte so that there is one form for each
 * character and none for surrogates. */
bool text_utf8_feed(struct text_utf8 *u, uint8_t c)
{
	if (u->more) {
		bool good = c >= u->low && c <= u->high;
		u->code = u->code << 6 | (c & 0x3f);
		u->more--;
		u->low = 0x80;
		u->high = 0xbf;
		return good;
	}
	if (c >= 0x80 && (c < 0xc2 || c > 0xf4))
		return false;
	u->more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	u->code = u->more ? c & (0x3fu >> u->more) : c;
	u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

bool text_is_utf8(struct span s)
{
	struct text_utf8 u = {0};
	for (size_t i = 0; i < s.len; i++)
		if (!text_utf8_feed(&u, s.p[i]))
			return false;
	return u.more == 0;
}

void text_utf8(struct buf *b, uint32_t code)
{
	ASSERT(code < 0xd800 || (code > 0xdfff && code <= 0x10ffff));
	if (code < 0x80) {
		buf_u8(b, (uint8_t)code);
		return;
	}
	unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	uint32_t lead = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
	buf_u8(b, (uint8_t)(lead | code >> (6 * more)));
	while (more--)
		buf_u8(b, (uint8_t)(0x80 | (code >> (6 * more) & 0x3f)));
}

static bool unreserved(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

bool text_is_unreserved(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!unreserved(s.p[i]))
			return false;
	return true;
}

bool text_has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool printable(uint8_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

bool text_is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!printable(s.p[i]))
			return false;
	return true;
}

void text_printable(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_u8(b, printable(s.p[i]) ? s.p[i] : '?');
}

void text_printable_str(struct span s, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap - 1);
	text_printable(&b, span_first(s, cap - 1));
	out[b.len] = 0;
}
