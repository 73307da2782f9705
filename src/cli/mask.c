#include "cli/mask.h"

#include <string.h>

#include "base/ip.h"
#include "base/text.h"

#define MAC_CHARACTERS 17u

enum kind { KIND_IP, KIND_MAC, KIND_ACCOUNT, KINDS };

struct name {
	enum kind kind;
	uint8_t value[16];
};

static struct {
	bool addresses;
	uint32_t count, numbers[KINDS];
	struct name name[MASK_NAMES_MAX];
	uint32_t number[MASK_NAMES_MAX];
} g;

void mask_begin(bool addresses)
{
	memset(&g, 0, offsetof(__typeof__(g), name));
	g.addresses = addresses;
}

static void put_name(struct buf *b, enum kind kind, const void *value, size_t len)
{
	static const char *const words[KINDS] = {"ip-", "mac-", "account-"};
	struct name n;
	uint32_t i = 0;
	memset(&n, 0, sizeof(n));
	n.kind = kind;
	memcpy(n.value, value, len);
	while (i < g.count && memcmp(&g.name[i], &n, sizeof(n)) != 0)
		i++;
	buf_str(b, words[kind]);
	if (i == MASK_NAMES_MAX) {
		buf_str(b, "more");
		return;
	}
	if (i == g.count) {
		g.name[g.count++] = n;
		g.number[i] = ++g.numbers[kind];
	}
	text_u64(b, g.number[i]);
}

static bool put_ip(struct buf *b, struct span s)
{
	struct ip a;
	if (s.len < 3 || ip_read(s, &a))
		return false;
	put_name(b, KIND_IP, a.bytes, sizeof(a.bytes));
	return true;
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* Whole words: account numbers and access keys. True: it was one. */
static bool put_word(struct buf *b, struct span word)
{
	if (word.len == 12 && all_digits(word)) {
		put_name(b, KIND_ACCOUNT, word.p, word.len);
		return true;
	}
	if (word.len == 20 && (span_starts(word, SPAN("AKIA")) || span_starts(word, SPAN("ASIA")))) {
		buf_str(b, "access-key");
		return true;
	}
	return false;
}

/* Parts between colons: "ntp:169.254.169.123", "192.0.2.1:53", ":123456789012:" of an ARN. */
static void put_parts(struct buf *b, struct span run)
{
	for (bool first = true; run.len || first; first = false) {
		bool more = span_find(run, ':') < run.len;
		struct span part = span_cut(&run, ':'), dots = part;
		while (dots.len && dots.p[dots.len - 1] == '.')
			dots.len--; /* the end of a sentence */
		if (put_ip(b, dots) || put_word(b, dots))
			buf_put(b, span_from(part, dots.len));
		else
			buf_put(b, part);
		buf_str(b, more ? ":" : "");
	}
}

/* A run of hexadecimal digits, colons and dots. */
static void put_address_run(struct buf *b, struct span run)
{
	uint8_t mac[6];
	struct span inner = run;
	if (run.len >= MAC_CHARACTERS && !text_read_mac(span_first(run, MAC_CHARACTERS), mac)) {
		put_name(b, KIND_MAC, mac, sizeof(mac));
		put_parts(b, span_from(run, MAC_CHARACTERS));
		return;
	}
	if (put_ip(b, run))
		return;
	/* "at 2001:db8::1: why", "host:2001:db8::1" */
	while (inner.len && (inner.p[inner.len - 1] == ':' || inner.p[inner.len - 1] == '.'))
		inner.len--;
	struct span tail = span_from(run, inner.len);
	bool colon = inner.len && inner.p[0] == ':' && !(inner.len > 1 && inner.p[1] == ':');
	inner = span_from(inner, colon);
	if (span_find(inner, ':') < inner.len) {
		size_t before = b->len;
		buf_str(b, colon ? ":" : "");
		if (put_ip(b, inner)) {
			buf_put(b, tail);
			return;
		}
		b->len = before;
	}
	put_parts(b, run);
}

static bool in_address(uint8_t c)
{
	return text_hex_digit(c) >= 0 || c == ':' || c == '.';
}

static bool in_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t run_of(struct span s, bool (*in)(uint8_t c))
{
	size_t n = 0;
	while (n < s.len && in(s.p[n]))
		n++;
	return n;
}

/* What *s begins with, where a word may begin. */
static void put_run(struct buf *b, struct span *s)
{
	size_t word = run_of(*s, in_word), address = run_of(*s, in_address);
	struct span run = span_first(*s, address);
	bool may_be_address = g.addresses && address && address >= word &&
			      (span_find(run, ':') < run.len || span_find(run, '.') < run.len);
	if (may_be_address) {
		put_address_run(b, run);
		*s = span_from(*s, address);
		return;
	}
	if (word == 0) {
		buf_u8(b, s->p[0]);
		*s = span_from(*s, 1);
		return;
	}
	if (!put_word(b, span_first(*s, word)))
		buf_put(b, span_first(*s, word));
	*s = span_from(*s, word);
}

void mask_put(struct buf *b, struct span text, bool json)
{
	bool inside = !json;
	while (text.len) {
		uint8_t c = text.p[0];
		if (json && (c == '"' || c == '\\')) {
			size_t n = c == '\\' && text.len > 1 ? 2 : 1;
			inside ^= c == '"';
			buf_put(b, span_first(text, n));
			text = span_from(text, n);
		} else if (inside) {
			put_run(b, &text);
		} else {
			buf_u8(b, c);
			text = span_from(text, 1);
		}
	}
}
