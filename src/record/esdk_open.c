/* Layout: as in esdk.c. */
#include "record/esdk_open.h"

#include <string.h>

#define FINAL_MIN (ESDK_FINAL_HEAD + AEAD_TAG_BYTES)

enum err esdk_layout(const struct esdk_header *h, uint64_t object_bytes, struct esdk_layout *l)
{
	if (h->suite != ESDK_SUITE_COMMIT || !h->framed || h->frame_bytes != ESDK_FRAME_BYTES)
		return ERR_UNSUPPORTED;
	l->object_bytes = object_bytes;
	l->body_at = h->body_bytes + AEAD_TAG_BYTES;
	if (object_bytes < l->body_at + FINAL_MIN)
		return ERR_TRUNCATED;
	/* the final frame has 40 to 65,544 bytes, so its length follows from what is left of strides */
	uint64_t body = object_bytes - l->body_at, regular = body / ESDK_STRIDE_BYTES;
	uint64_t last = body % ESDK_STRIDE_BYTES;
	if (last < FINAL_MIN && regular) {
		regular--;
		last += ESDK_STRIDE_BYTES;
	}
	if (last < FINAL_MIN || last > FINAL_MIN + ESDK_FRAME_BYTES || regular >= UINT32_MAX)
		return ERR_TRUNCATED;
	l->frames = (uint32_t)regular + 1;
	l->plain_bytes = regular * ESDK_FRAME_BYTES + last - FINAL_MIN;
	return ERR_OK;
}

uint64_t esdk_frame_at(const struct esdk_layout *l, uint32_t i)
{
	return l->body_at + (uint64_t)i * ESDK_STRIDE_BYTES;
}

size_t esdk_frame_bytes(const struct esdk_layout *l, uint32_t i)
{
	ASSERT(i < l->frames);
	return i + 1 < l->frames ? ESDK_STRIDE_BYTES : (size_t)(l->object_bytes - esdk_frame_at(l, i));
}

enum err esdk_open_begin(struct esdk_opener *o, const struct esdk_header *h, struct span bytes,
			 const uint8_t data_key[ESDK_KEY_BYTES])
{
	static const uint8_t zeros[AEAD_IV_BYTES];
	struct esdk_derived keys;
	if (bytes.len < h->body_bytes + AEAD_TAG_BYTES)
		return ERR_TRUNCATED;
	esdk_derive(h->suite, data_key, h->id, &keys);
	bool same = equal_ct(keys.commitment, h->commitment, sizeof(keys.commitment));
	aead_init(&o->key, span_of(keys.content_key, sizeof(keys.content_key)));
	wipe(&keys, sizeof(keys));
	memcpy(o->id, h->id, sizeof(o->id));
	enum err e = same ? aead_open(&o->key, zeros, span_first(bytes, h->body_bytes), span_of(NULL, 0),
				      bytes.p + h->body_bytes, NULL)
			  : ERR_COMMITMENT;
	if (e)
		esdk_open_wipe(o);
	return e;
}

enum err esdk_open_frame(const struct esdk_opener *o, const struct esdk_layout *l, uint32_t i, uint8_t *bytes,
			 struct span *content)
{
	uint8_t iv[AEAD_IV_BYTES], text[ESDK_BODY_AAD_MAX];
	struct buf aad = BUF_OF(text);
	bool last = i + 1 == l->frames;
	size_t head = last ? ESDK_FINAL_HEAD : ESDK_REGULAR_HEAD;
	size_t len = esdk_frame_bytes(l, i) - head - AEAD_TAG_BYTES;
	*content = span_of(NULL, 0);
	if (load_be32(bytes + (last ? 4 : 0)) != i + 1)
		return ERR_SYNTAX;
	if (last && (load_be32(bytes) != ESDK_FINAL_MARK || load_be32(bytes + head - 4) != len))
		return ERR_SYNTAX;
	memcpy(iv, bytes + (last ? 8 : 4), sizeof(iv));
	esdk_body_aad(o->id, last ? ESDK_FINAL : ESDK_REGULAR, i + 1, len, &aad);
	TRY(aead_open(&o->key, iv, buf_span(&aad), span_of(bytes + head, len), bytes + head + len,
		      bytes + head));
	*content = span_of(bytes + head, len);
	return ERR_OK;
}

void esdk_open_wipe(struct esdk_opener *o)
{
	wipe(o, sizeof(*o));
}
