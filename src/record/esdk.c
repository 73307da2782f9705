/* A message as it is written here, big-endian:
 *
 *   header   0  version 02
 *            1  suite 0478
 *            3  message id (32)
 *           35  context length u16 | context
 *               number of encrypted data keys u16 = 1
 *               provider length u16 | provider | info length u16 | info | length u16 | ciphertext
 *               content type 02
 *               frame length u32 = 65504
 *               commitment (32)
 *               tag (16)
 *
 *   regular  0  sequence u32, from 1
 *   frame    4  IV (12)
 *           16  ciphertext, exactly the frame length
 *        65520  tag (16)
 *
 *   final    0  ffffffff
 *   frame    4  sequence u32
 *            8  IV (12)
 *           20  content length u32, 0 to the frame length
 *           24  ciphertext | tag (16)
 *
 *   IV       header: zeros. Frame n: eight zero bytes | n u32. A provisional final frame, which completes a
 *            torn object: 80000000 | counter u32 | n u32, and so never one of these
 *   AAD      header: the header without its tag. Frame: message id | label | sequence u32 | content length
 *            u64
 *   keys     HKDF-SHA512, salt message id, of the data key. Content key: info = suite | "DERIVEKEY".
 *            Commitment: info = "COMMITKEY"
 */
#include "record/esdk.h"

#include <string.h>

#include "base/copy.h"
#include "record/hkdf.h"

#define VERSION 2
#define CONTENT_FRAMED 2
#define PROVISIONAL_IV 0x80000000u /* the first word of their IVs; a regular frame's is 0 */
#define HEADER_FIXED \
	(1 + 2 + ESDK_ID_BYTES + 2 + 2 + 2 + 2 + 2 + 1 + 4 + ESDK_COMMITMENT_BYTES + AEAD_TAG_BYTES)

_Static_assert(ESDK_STRIDE_BYTES == 65536, "a regular frame takes 64 KiB of the message");

void esdk_derive(uint16_t suite, const uint8_t data_key[ESDK_KEY_BYTES], const uint8_t id[ESDK_ID_BYTES],
		 struct esdk_derived *out)
{
	uint8_t text[16];
	struct buf info = BUF_OF(text);
	struct span salt = span_of(id, ESDK_ID_BYTES), key = span_of(data_key, ESDK_KEY_BYTES);
	buf_be16(&info, suite);
	buf_str(&info, "DERIVEKEY");
	hkdf_sha512(salt, key, buf_span(&info), out->content_key, sizeof(out->content_key));
	hkdf_sha512(salt, key, SPAN("COMMITKEY"), out->commitment, sizeof(out->commitment));
}

void esdk_body_aad(const uint8_t id[ESDK_ID_BYTES], enum esdk_body kind, uint32_t sequence,
		   uint64_t content_bytes, struct buf *aad)
{
	static const char *const labels[] = {
		[ESDK_REGULAR] = "AWSKMSEncryptionClient Frame",
		[ESDK_FINAL] = "AWSKMSEncryptionClient Final Frame",
		[ESDK_SINGLE] = "AWSKMSEncryptionClient Single Block",
	};
	buf_put(aad, span_of(id, ESDK_ID_BYTES));
	buf_str(aad, labels[kind]);
	buf_be32(aad, sequence);
	buf_be64(aad, content_bytes);
	ASSERT(!aad->overflow);
}

/* The only source of IVs: the number of the frame to be sealed, 0 for the header. */
static void next_iv(struct esdk *m, uint8_t iv[AEAD_IV_BYTES])
{
	memset(iv, 0, AEAD_IV_BYTES - 4);
	store_be32(iv + AEAD_IV_BYTES - 4, m->sequence);
	m->sequence++;
}

size_t esdk_header_bytes(struct span aad, const struct esdk_edk *edk)
{
	return HEADER_FIXED + aad.len + edk->provider.len + edk->info.len + edk->ciphertext.len;
}

uint64_t esdk_message_bytes(size_t header_bytes, uint64_t content)
{
	uint64_t regular = content / ESDK_FRAME_BYTES;
	return header_bytes + regular * ESDK_STRIDE_BYTES + ESDK_FINAL_HEAD + content % ESDK_FRAME_BYTES +
	       AEAD_TAG_BYTES;
}

static void put_counted(struct buf *out, struct span s)
{
	buf_be16(out, (uint16_t)s.len);
	buf_put(out, s);
}

static void put_header(struct buf *out, const struct esdk *m, struct span aad, const struct esdk_edk *edk,
		       const uint8_t *commitment)
{
	buf_u8(out, VERSION);
	buf_be16(out, ESDK_SUITE_COMMIT);
	buf_put(out, span_of(m->id, sizeof(m->id)));
	put_counted(out, aad);
	buf_be16(out, 1);
	put_counted(out, edk->provider);
	put_counted(out, edk->info);
	put_counted(out, edk->ciphertext);
	buf_u8(out, CONTENT_FRAMED);
	buf_be32(out, ESDK_FRAME_BYTES);
	buf_put(out, span_of(commitment, ESDK_COMMITMENT_BYTES));
}

enum err esdk_begin(struct esdk *m, const uint8_t data_key[ESDK_KEY_BYTES],
		    const uint8_t message_id[ESDK_ID_BYTES], struct span aad, const struct esdk_edk *edk,
		    struct buf *out)
{
	struct esdk_derived keys;
	uint8_t iv[AEAD_IV_BYTES];
	ASSERT(!m->open);
	if (aad.len > UINT16_MAX || edk->provider.len > UINT16_MAX || edk->info.len > UINT16_MAX ||
	    edk->ciphertext.len > UINT16_MAX)
		return ERR_TOO_LONG;
	if (out->overflow || buf_room(out) < esdk_header_bytes(aad, edk))
		return ERR_FULL;
	memcpy(m->id, message_id, sizeof(m->id));
	m->sequence = m->provisional = 0;
	m->filled = 0;
	m->open = true;
	esdk_derive(ESDK_SUITE_COMMIT, data_key, m->id, &keys);
	aead_init(&m->key, span_of(keys.content_key, sizeof(keys.content_key)));
	size_t start = out->len;
	put_header(out, m, aad, edk, keys.commitment);
	struct span body = span_from(buf_span(out), start);
	next_iv(m, iv);
	aead_seal(&m->key, iv, body, span_of(NULL, 0), NULL, buf_take(out, AEAD_TAG_BYTES));
	wipe(&keys, sizeof(keys));
	return buf_err(out);
}

/* Seals the frame into out, which never sees plaintext (aead_seal). */
static enum err put_frame(struct esdk *m, enum esdk_body kind, struct span content, struct buf *out)
{
	uint8_t iv[AEAD_IV_BYTES], text[ESDK_BODY_AAD_MAX];
	struct buf aad = BUF_OF(text);
	uint32_t sequence = m->sequence;
	size_t head = kind == ESDK_FINAL ? ESDK_FINAL_HEAD : ESDK_REGULAR_HEAD;
	/* ffffffff is the mark of the final frame, and may be its number, but no regular one's; after it the
	 * counter is used up */
	if (sequence == 0 || (sequence == ESDK_FINAL_MARK && kind != ESDK_FINAL))
		return ERR_RANGE;
	if (out->overflow || buf_room(out) < head + content.len + AEAD_TAG_BYTES) {
		out->overflow = true;
		return ERR_FULL;
	}
	esdk_body_aad(m->id, kind, sequence, content.len, &aad);
	next_iv(m, iv);
	if (kind == ESDK_FINAL)
		buf_be32(out, ESDK_FINAL_MARK);
	buf_be32(out, sequence);
	buf_put(out, span_of(iv, sizeof(iv)));
	if (kind == ESDK_FINAL)
		buf_be32(out, (uint32_t)content.len);
	uint8_t *sealed = buf_take(out, content.len), *tag = buf_take(out, AEAD_TAG_BYTES);
	aead_seal(&m->key, iv, buf_span(&aad), content, sealed, tag);
	return buf_err(out);
}

size_t esdk_room(const struct esdk *m)
{
	return sizeof(m->frame) - m->filled;
}

/* A whole frame of the caller's own bytes need not be gathered. */
static enum err write_part(struct esdk *m, struct span part, struct buf *out)
{
	if (part.len == sizeof(m->frame))
		return put_frame(m, ESDK_REGULAR, part, out);
	copy_bytes(m->frame + m->filled, part.p, part.len);
	m->filled += part.len;
	if (m->filled < sizeof(m->frame))
		return ERR_OK;
	m->filled = 0;
	return put_frame(m, ESDK_REGULAR, span_of(m->frame, sizeof(m->frame)), out);
}

enum err esdk_write(struct esdk *m, struct span content, struct buf *out)
{
	ASSERT(m->open);
	while (content.len) {
		struct span part = span_first(content, esdk_room(m));
		TRY(write_part(m, part, out));
		content = span_from(content, part.len);
	}
	return buf_err(out);
}

enum err esdk_provisional(struct esdk *m, struct buf *out)
{
	uint8_t iv[AEAD_IV_BYTES], text[ESDK_BODY_AAD_MAX];
	struct buf aad = BUF_OF(text);
	ASSERT(m->open && m->sequence);
	if (m->provisional == UINT32_MAX)
		return ERR_RANGE;
	store_be32(iv, PROVISIONAL_IV);
	store_be32(iv + 4, ++m->provisional);
	store_be32(iv + 8, m->sequence);
	esdk_body_aad(m->id, ESDK_FINAL, m->sequence, m->filled, &aad);
	buf_be32(out, ESDK_FINAL_MARK);
	buf_be32(out, m->sequence);
	buf_put(out, span_of(iv, sizeof(iv)));
	buf_be32(out, (uint32_t)m->filled);
	uint8_t *sealed = buf_take(out, m->filled), *tag = buf_take(out, AEAD_TAG_BYTES);
	TRY(buf_err(out));
	aead_seal(&m->key, iv, buf_span(&aad), span_of(m->frame, m->filled), sealed, tag);
	return ERR_OK;
}

enum err esdk_end(struct esdk *m, struct buf *out)
{
	ASSERT(m->open);
	enum err e = put_frame(m, ESDK_FINAL, span_of(m->frame, m->filled), out);
	esdk_abort(m);
	return e;
}

void esdk_abort(struct esdk *m)
{
	wipe(m, sizeof(*m));
}
