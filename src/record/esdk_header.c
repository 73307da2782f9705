/* Layout, all big-endian:
 *
 *   header    02 | suite u16: 0478 or 0578 | message id (32) | context length u16 | context
 *             | count of encrypted keys u16, not 0
 *             | {provider length u16 | provider | info length u16 | info | length u16 | ciphertext}
 *             | content type u8: 01 unframed, 02 framed | frame length u32, unframed: 0 | commitment (32)
 *             | tag (16), which is not read here
 *   context   pair count u16 | {key length u16 | key | value length u16 | value}; empty for none. With suite
 *             0578 it has aws-crypto-public-key: a compressed P-384 point in base64
 */
#include "record/esdk_header.h"

#include <string.h>

#include "base/text.h"

#define VERSION 2
#define UNFRAMED 1
#define FRAMED 2
#define HEADER_START 37 /* up to the context's length, itself included */

static enum err take_counted(struct span bytes, size_t *at, struct span *out)
{
	if (*at > bytes.len || bytes.len - *at < 2)
		return ERR_SYNTAX;
	size_t len = load_be16(bytes.p + *at);
	if (bytes.len - *at - 2 < len)
		return ERR_SYNTAX;
	*out = span_of(bytes.p + *at + 2, len);
	*at += 2 + len;
	return ERR_OK;
}

enum err esdk_header_edk(struct span edks, size_t *at, struct esdk_edk *edk)
{
	if (*at == edks.len)
		return ERR_NOT_FOUND;
	TRY(take_counted(edks, at, &edk->provider));
	TRY(take_counted(edks, at, &edk->info));
	return take_counted(edks, at, &edk->ciphertext);
}

enum err esdk_header_context(struct span aad, size_t *at, struct span *key, struct span *value)
{
	if (*at == 0 && aad.len >= 2)
		*at = 2; /* the count */
	if (*at == aad.len)
		return ERR_NOT_FOUND;
	TRY(take_counted(aad, at, key));
	return take_counted(aad, at, value);
}

/* ---- context */

enum err esdk_header_find(struct span aad, struct span name, struct span *value)
{
	struct span key;
	size_t at = 0;
	for (;;) {
		TRY(esdk_header_context(aad, &at, &key, value));
		if (span_eq(key, name))
			return ERR_OK;
	}
}

/* The key that starts at `first` must not come again. */
static enum err check_unique(struct span aad, size_t first)
{
	struct span key, other, value;
	TRY(esdk_header_context(aad, &first, &key, &value));
	for (;;) {
		enum err e = esdk_header_context(aad, &first, &other, &value);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (span_eq(key, other))
			return ERR_DUPLICATE;
	}
}

static enum err check_context(struct span aad)
{
	struct span key, value, last = {NULL, 0};
	size_t at = 0, pairs = 0;
	bool sorted = true;
	if (aad.len == 0)
		return ERR_OK;
	if (aad.len < 2)
		return ERR_SYNTAX;
	for (;;) {
		enum err e = esdk_header_context(aad, &at, &key, &value);
		if (e == ERR_NOT_FOUND)
			break;
		TRY(e);
		if (!text_is_utf8(key) || !text_is_utf8(value))
			return ERR_SYNTAX;
		sorted = sorted && (pairs == 0 || span_cmp(last, key) < 0);
		last = key;
		pairs++;
	}
	if (pairs == 0 || pairs != load_be16(aad.p))
		return ERR_SYNTAX;
	/* writers sort, but official messages exist that are not */
	for (at = 0; !sorted && at < aad.len;) {
		TRY(check_unique(aad, at));
		TRY(esdk_header_context(aad, &at, &key, &value));
	}
	return ERR_OK;
}

static enum err check_suite_and_context(const struct esdk_header *h)
{
	struct span value;
	TRY(check_context(h->aad));
	enum err e = esdk_header_find(h->aad, SPAN(ESDK_PUBLIC_KEY), &value);
	if (h->suite == ESDK_SUITE_COMMIT_SIGNED)
		return e == ERR_NOT_FOUND ? ERR_MISSING : e;
	/* a suite without signature and yet a key to check one: somebody removed the signature */
	return e == ERR_NOT_FOUND ? ERR_OK : ERR_SYNTAX;
}

/* ---- header */

/* Skips `fields` counted fields from *at. ERR_MORE: the header has at least *want bytes. What is left has two
 * bytes a field at least: asking for these, too, keeps the number of attempts small. */
static enum err skip_counted(struct span bytes, size_t fields, size_t *at, size_t *want)
{
	for (; fields; fields--) {
		*want = *at + 2 * fields;
		if (bytes.len < *want)
			return ERR_MORE;
		*want += load_be16(bytes.p + *at);
		if (bytes.len < *want)
			return ERR_MORE;
		*at += 2u + load_be16(bytes.p + *at);
	}
	return ERR_OK;
}

static enum err check_start(const uint8_t *p)
{
	uint16_t suite = load_be16(p + 1);
	if (p[0] == 1)
		return ERR_UNSUPPORTED;
	if (p[0] != VERSION)
		return ERR_SYNTAX;
	return suite == ESDK_SUITE_COMMIT || suite == ESDK_SUITE_COMMIT_SIGNED ? ERR_OK : ERR_UNSUPPORTED;
}

enum err esdk_header_read(struct span bytes, struct esdk_header *h, size_t *want)
{
	size_t at = HEADER_START - 2, edks;
	*want = 3;
	if (bytes.len < *want)
		return ERR_MORE;
	TRY(check_start(bytes.p));
	*want = HEADER_START;
	if (bytes.len < *want)
		return ERR_MORE;
	h->suite = load_be16(bytes.p + 1);
	memcpy(h->id, bytes.p + 3, sizeof(h->id));
	TRY(skip_counted(bytes, 1, &at, want));
	h->aad = span_of(bytes.p + HEADER_START, at - HEADER_START);
	*want = at + 2;
	if (bytes.len < *want)
		return ERR_MORE;
	h->edk_count = load_be16(bytes.p + at);
	at += 2;
	edks = at;
	if (h->edk_count == 0)
		return ERR_SYNTAX;
	TRY(skip_counted(bytes, 3 * (size_t)h->edk_count, &at, want));
	h->edks = span_of(bytes.p + edks, at - edks);
	*want = at + 1 + 4 + ESDK_COMMITMENT_BYTES;
	if (bytes.len < *want)
		return ERR_MORE;
	h->framed = bytes.p[at] == FRAMED;
	h->frame_bytes = load_be32(bytes.p + at + 1);
	memcpy(h->commitment, bytes.p + at + 5, sizeof(h->commitment));
	h->body_bytes = *want;
	if ((bytes.p[at] != FRAMED && bytes.p[at] != UNFRAMED) || h->framed != (h->frame_bytes != 0))
		return ERR_SYNTAX;
	return check_suite_and_context(h);
}
