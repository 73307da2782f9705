/* text: numbers, hexadecimal, base64 and addresses as text, and back.
 *
 * Writers append to a buf (sticky overflow). Readers take the whole span or fail with ERR_SYNTAX / ERR_RANGE:
 * no leading blanks, no sign, nothing left over. Base64 is RFC 4648 section 4 with padding, strict.
 */
#ifndef SEALTAP_BASE_TEXT_H
#define SEALTAP_BASE_TEXT_H

#include "base/buf.h"

void text_u64(struct buf *b, uint64_t v);
/* At least `digits` digits, zero-padded on the left. */
void text_u64_pad(struct buf *b, uint64_t v, unsigned digits);
void text_hex(struct buf *b, struct span bytes);
/* 16 lower-case digits. */
void text_hex64(struct buf *b, uint64_t v);
void text_base64(struct buf *b, struct span bytes);
/* Unreserved characters as they are, all others as %XX (RFC 3986 section 2.1, upper case). */
void text_percent(struct buf *b, struct span s);
/* Dotted decimal; addr in host byte order. */
void text_ipv4(struct buf *b, uint32_t addr);

/* Printable ASCII as it is, all else as '?'. */
void text_printable(struct buf *b, struct span s);
/* The same into an array of cap bytes, terminated; what does not fit is cut off. */
void text_printable_str(struct span s, char *out, size_t cap);

/* 0..15, or -1: no hexadecimal digit, of either case. */
int text_hex_digit(uint8_t c);
enum err text_read_u64(struct span s, uint64_t max, uint64_t *v) MUST_USE;
/* Appends the decoded bytes. */
enum err text_read_hex(struct span s, struct buf *out) MUST_USE;
enum err text_read_base64(struct span s, struct buf *out) MUST_USE;
enum err text_read_ipv4(struct span s, uint32_t *addr) MUST_USE;
/* a.b.c.d/len; host bits may be set. */
enum err text_read_cidr4(struct span s, uint32_t *addr, unsigned *prefix_len) MUST_USE;
/* Six octets in hexadecimal with colons. */
enum err text_read_mac(struct span s, uint8_t mac[6]) MUST_USE;
void text_mac(struct buf *b, const uint8_t mac[6]);

/* Well-formed UTF-8: shortest forms only, no surrogates, up to U+10FFFF. */
bool text_is_utf8(struct span s);
/* The same byte by byte; zeroed before the first. False: ill-formed. A character is complete while more is 0:
 * code then is the one that the last byte ended. */
struct text_utf8 {
	uint32_t code;
	uint8_t more, low, high; /* continuation bytes to come, and the bounds of the next one */
};
bool text_utf8_feed(struct text_utf8 *u, uint8_t c);
/* code: up to U+10FFFF, no surrogate. */
void text_utf8(struct buf *b, uint32_t code);
/* Only RFC 3986's unreserved characters: letters, digits, "-._~". */
bool text_is_unreserved(struct span s);
/* A control character of ASCII is among them, other than the tab. */
bool text_has_control(struct span s);
/* Only visible ASCII characters and spaces. */
bool text_is_printable(struct span s);

#endif
