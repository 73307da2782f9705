/* Layout: header and its tag as in esdk_header.c, frames as in esdk.c, and beyond these:
 *
 *   suite 0578   the context has aws-crypto-public-key, a compressed P-384 point in base64; after the body a
 *                footer: signature length u16 | DER ECDSA with SHA-384 over all before the footer
 *   unframed     content type 01, frame length 0; body: IV (12) | content length u64 | ciphertext | tag (16),
 *                sequence 1
 */
#include "record/esdk_read.h"

#include <string.h>

#include "base/text.h"
#include "lib/ecdsa.h"

#define VERSION 2
#define UNFRAMED 1
#define FRAMED 2
#define FINAL_MARK 0xffffffffu
#define PUBLIC_KEY SPAN("aws-crypto-public-key")
#define HEADER_START 37 /* up to the context's length */
#define REGULAR_HEAD (4 + AEAD_IV_BYTES)
#define FINAL_HEAD (4 + 4 + AEAD_IV_BYTES + 4)
#define SINGLE_HEAD (AEAD_IV_BYTES + 8)

/* ---- walks */

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

enum err esdk_read_edk(struct span edks, size_t *at, struct esdk_edk *edk)
{
	if (*at == edks.len)
		return ERR_NOT_FOUND;
	TRY(take_counted(edks, at, &edk->provider));
	TRY(take_counted(edks, at, &edk->info));
	return take_counted(edks, at, &edk->ciphertext);
}

enum err esdk_read_context(struct span aad, size_t *at, struct span *key, struct span *value)
{
	if (*at == 0 && aad.len >= 2)
		*at = 2; /* the count */
	if (*at == aad.len)
		return ERR_NOT_FOUND;
	TRY(take_counted(aad, at, key));
	return take_counted(aad, at, value);
}

/* ---- context */

static enum err find_in_context(struct span aad, struct span name, struct span *value)
{
	struct span key;
	size_t at = 0;
	for (;;) {
		TRY(esdk_read_context(aad, &at, &key, value));
		if (span_eq(key, name))
			return ERR_OK;
	}
}

/* The key that starts at `first` must not come again. */
static enum err check_unique(struct span aad, size_t first)
{
	struct span key, other, value;
	TRY(esdk_read_context(aad, &first, &key, &value));
	for (;;) {
		enum err e = esdk_read_context(aad, &first, &other, &value);
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
		enum err e = esdk_read_context(aad, &at, &key, &value);
		if (e == ERR_NOT_FOUND)
			break;
		if (e)
			return e;
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
		TRY(esdk_read_context(aad, &at, &key, &value));
	}
	return ERR_OK;
}

static enum err check_suite_and_context(const struct esdk_header *h)
{
	struct span value;
	TRY(check_context(h->aad));
	enum err e = find_in_context(h->aad, PUBLIC_KEY, &value);
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

static enum err parse_header(struct span bytes, struct esdk_header *h, size_t *want)
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

/* ---- collecting bytes */

/* Fills to[] up to r->want bytes; ERR_MORE when *in ends before. */
static enum err collect(struct esdk_reader *r, struct span *in, uint8_t *to)
{
	struct span part = span_first(*in, r->want - r->got);
	if (part.len)
		memcpy(to + r->got, part.p, part.len);
	r->got += part.len;
	*in = span_from(*in, part.len);
	return r->got == r->want ? ERR_OK : ERR_MORE;
}

static void expect(struct esdk_reader *r, enum esdk_read_phase phase, size_t want)
{
	r->phase = phase;
	r->want = want;
	r->got = 0;
}

static void sign_over(struct esdk_reader *r, const void *p, size_t len)
{
	if (r->header.suite == ESDK_SUITE_COMMIT_SIGNED)
		sha384_update(&r->signed_hash, span_of(p, len));
}

static enum err read_header(struct esdk_reader *r, struct span *in, enum esdk_read_event *event)
{
	for (;;) {
		TRY(collect(r, in, r->bytes));
		enum err e = parse_header(span_of(r->bytes, r->got), &r->header, &r->want);
		if (e == ERR_OK)
			break;
		if (e != ERR_MORE)
			return e;
		if (r->want > sizeof(r->bytes))
			return ERR_TOO_LONG;
	}
	sha384_init(&r->signed_hash);
	sign_over(r, r->bytes, r->header.body_bytes);
	expect(r, ESDK_PHASE_KEY, 0);
	*event = ESDK_READ_HEADER;
	return ERR_OK;
}

enum err esdk_read_key(struct esdk_reader *r, const uint8_t data_key[ESDK_KEY_BYTES])
{
	struct esdk_derived keys;
	ASSERT(r->phase == ESDK_PHASE_KEY && !r->error);
	esdk_derive(r->header.suite, data_key, r->header.id, &keys);
	bool same = equal_ct(keys.commitment, r->header.commitment, sizeof(keys.commitment));
	if (same) {
		aead_init(&r->key, span_of(keys.content_key, sizeof(keys.content_key)));
		expect(r, ESDK_PHASE_TAG, AEAD_TAG_BYTES);
	}
	wipe(&keys, sizeof(keys));
	return same ? ERR_OK : ERR_COMMITMENT;
}

/* ---- body */

static void expect_frame(struct esdk_reader *r)
{
	expect(r, ESDK_PHASE_FRAME, r->header.framed ? 4 : SINGLE_HEAD);
}

static enum err read_header_tag(struct esdk_reader *r, struct span *in)
{
	static const uint8_t zeros[AEAD_IV_BYTES];
	TRY(collect(r, in, r->part));
	TRY(aead_open(&r->key, zeros, span_of(r->bytes, r->header.body_bytes), span_of(NULL, 0), r->part,
		      NULL));
	sign_over(r, r->part, AEAD_TAG_BYTES);
	r->sequence = 1;
	expect_frame(r);
	return ERR_OK;
}

static enum err parse_frame_head(struct esdk_reader *r)
{
	const uint8_t *p = r->part;
	uint32_t sequence = 1;
	r->kind = !r->header.framed ? ESDK_SINGLE : load_be32(p) == FINAL_MARK ? ESDK_FINAL : ESDK_REGULAR;
	if (r->kind == ESDK_SINGLE) {
		memcpy(r->iv, p, sizeof(r->iv));
		r->content_bytes = load_be64(p + AEAD_IV_BYTES);
		if (r->content_bytes > AEAD_MAX_BYTES)
			return ERR_SYNTAX;
	} else if (r->kind == ESDK_FINAL) {
		sequence = load_be32(p + 4);
		memcpy(r->iv, p + 8, sizeof(r->iv));
		r->content_bytes = load_be32(p + 8 + AEAD_IV_BYTES);
		if (r->content_bytes > r->header.frame_bytes)
			return ERR_SYNTAX;
	} else {
		sequence = load_be32(p);
		memcpy(r->iv, p + 4, sizeof(r->iv));
		r->content_bytes = r->header.frame_bytes;
	}
	return sequence == r->sequence ? ERR_OK : ERR_SYNTAX;
}

static enum err read_frame_head(struct esdk_reader *r, struct span *in)
{
	TRY(collect(r, in, r->part));
	if (r->want == 4) {
		r->want = load_be32(r->part) == FINAL_MARK ? FINAL_HEAD : REGULAR_HEAD;
		TRY(collect(r, in, r->part));
	}
	sign_over(r, r->part, r->want);
	TRY(parse_frame_head(r));
	if (r->frame_cap < AEAD_TAG_BYTES || r->content_bytes > r->frame_cap - AEAD_TAG_BYTES)
		return ERR_TOO_LONG;
	expect(r, ESDK_PHASE_CONTENT, (size_t)r->content_bytes + AEAD_TAG_BYTES);
	return ERR_OK;
}

static enum err read_content(struct esdk_reader *r, struct span *in, enum esdk_read_event *event)
{
	uint8_t text[ESDK_BODY_AAD_MAX];
	struct buf aad = BUF_OF(text);
	size_t len = (size_t)r->content_bytes;
	TRY(collect(r, in, r->frame));
	sign_over(r, r->frame, r->want);
	esdk_body_aad(r->header.id, r->kind, r->sequence, len, &aad);
	TRY(aead_open(&r->key, r->iv, buf_span(&aad), span_of(r->frame, len), r->frame + len, r->frame));
	r->content = span_of(r->frame, len);
	r->frames++;
	r->sequence++;
	*event = ESDK_READ_CONTENT;
	if (r->kind == ESDK_REGULAR)
		expect_frame(r);
	else
		expect(r, ESDK_PHASE_FOOTER, r->header.suite == ESDK_SUITE_COMMIT_SIGNED ? 2 : 0);
	return ERR_OK;
}

/* ---- footer */

static enum err read_footer(struct esdk_reader *r, struct span *in, enum esdk_read_event *event)
{
	TRY(collect(r, in, r->part));
	if (r->want == 0) {
		r->phase = ESDK_PHASE_DONE;
		*event = ESDK_READ_DONE;
		return ERR_OK;
	}
	size_t len = load_be16(r->part);
	if (len == 0 || len > sizeof(r->part))
		return ERR_SYNTAX;
	expect(r, ESDK_PHASE_SIGNATURE, len);
	return ERR_OK;
}

static enum err read_signature(struct esdk_reader *r, struct span *in, enum esdk_read_event *event)
{
	uint8_t pub[ECDSA_P384_PUB_BYTES], hash[SHA384_BYTES];
	struct buf b = BUF_OF(pub);
	struct span value;
	TRY(collect(r, in, r->part));
	TRY(find_in_context(r->header.aad, PUBLIC_KEY, &value));
	if (text_read_base64(value, &b) || b.len != sizeof(pub))
		return ERR_SYNTAX;
	sha384_final(&r->signed_hash, hash);
	TRY(ecdsa_p384_verify(pub, hash, span_of(r->part, r->want)));
	r->phase = ESDK_PHASE_DONE;
	*event = ESDK_READ_DONE;
	return ERR_OK;
}

/* ---- the whole */

void esdk_read_begin(struct esdk_reader *r, uint8_t *frame, size_t cap)
{
	memset(r, 0, sizeof(*r));
	r->frame = frame;
	r->frame_cap = cap;
	expect(r, ESDK_PHASE_HEADER, 3);
}

static enum err step(struct esdk_reader *r, struct span *in, enum esdk_read_event *event, bool *happened)
{
	*happened = true;
	switch (r->phase) {
	case ESDK_PHASE_HEADER:
		return read_header(r, in, event);
	case ESDK_PHASE_CONTENT:
		return read_content(r, in, event);
	case ESDK_PHASE_SIGNATURE:
		return read_signature(r, in, event);
	case ESDK_PHASE_FOOTER:
		*happened = r->want == 0;
		return read_footer(r, in, event);
	case ESDK_PHASE_DONE:
		return in->len ? ERR_SYNTAX : ERR_MORE;
	case ESDK_PHASE_TAG:
		*happened = false;
		return read_header_tag(r, in);
	case ESDK_PHASE_FRAME:
		*happened = false;
		return read_frame_head(r, in);
	case ESDK_PHASE_KEY:
		break;
	}
	trap(); /* esdk_read_key() comes first */
}

enum err esdk_read(struct esdk_reader *r, struct span *in, enum esdk_read_event *event)
{
	bool happened = false;
	r->content = span_of(NULL, 0);
	while (!r->error && !happened) {
		enum err e = step(r, in, event, &happened);
		if (e == ERR_MORE)
			return e;
		r->error = e;
	}
	return r->error;
}

enum err esdk_read_end(struct esdk_reader *r)
{
	if (!r->error && r->phase != ESDK_PHASE_DONE)
		r->error = ERR_TRUNCATED;
	return r->error;
}

void esdk_read_wipe(struct esdk_reader *r)
{
	if (r->frame_cap)
		wipe(r->frame, r->frame_cap);
	wipe(r, sizeof(*r));
}

/* ---- raw AES keyring */

enum err esdk_unwrap_aes(const struct esdk_edk *edk, struct span wrapping_key, struct span aad,
			 uint8_t data_key[ESDK_KEY_BYTES])
{
	const size_t tail = 4 + 4 + AEAD_IV_BYTES;
	if (wrapping_key.len != 16 && wrapping_key.len != 24 && wrapping_key.len != 32)
		return ERR_UNSUPPORTED;
	if (edk->info.len < tail || edk->ciphertext.len != ESDK_KEY_BYTES + AEAD_TAG_BYTES)
		return ERR_UNSUPPORTED;
	const uint8_t *p = edk->info.p + edk->info.len - tail;
	if (load_be32(p) != 8 * AEAD_TAG_BYTES || load_be32(p + 4) != AEAD_IV_BYTES)
		return ERR_UNSUPPORTED;
	struct aead_key k;
	aead_init(&k, wrapping_key);
	enum err e = aead_open(&k, p + 8, aad, span_first(edk->ciphertext, ESDK_KEY_BYTES),
			       edk->ciphertext.p + ESDK_KEY_BYTES, data_key);
	aead_wipe(&k);
	return e;
}
