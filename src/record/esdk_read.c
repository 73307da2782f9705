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

#define SINGLE_HEAD (AEAD_IV_BYTES + 8)

/* ---- header */

/* Fills to[] up to r->want bytes; ERR_MORE when *in ends before. */
static enum err collect(struct esdk_reader *r, struct span *in, uint8_t *to)
{
	return span_collect(in, r->want, to, &r->got) ? ERR_OK : ERR_MORE;
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
		enum err e = esdk_header_read(span_of(r->bytes, r->got), &r->header, &r->want);
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
	r->kind = !r->header.framed                 ? ESDK_SINGLE
		  : load_be32(p) == ESDK_FINAL_MARK ? ESDK_FINAL
						    : ESDK_REGULAR;
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
		r->want = load_be32(r->part) == ESDK_FINAL_MARK ? ESDK_FINAL_HEAD : ESDK_REGULAR_HEAD;
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
	TRY(esdk_header_find(r->header.aad, SPAN(ESDK_PUBLIC_KEY), &value));
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
