/* Decrypt as JSON 1.1:
 *
 *   request   {"KeyId":"<ARN>","CiphertextBlob":"<base64>","EncryptionContext":{"<key>":"<value>",...}}
 *   answer    {"KeyId":"<ARN>","Plaintext":"<base64>","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}
 */
#include "aws/kms_decrypt.h"

#include "aws/json.h"
#include "base/text.h"
#include "record/esdk_header.h"

enum err kms_decrypt_body(struct span key_arn, struct span context, struct span edk, struct buf *body)
{
	struct span key, value;
	size_t at = 0;
	if (!text_is_utf8(key_arn))
		return ERR_SYNTAX;
	buf_str(body, "{\"KeyId\":");
	json_put_string(body, key_arn);
	buf_str(body, ",\"CiphertextBlob\":\"");
	text_base64(body, edk);
	buf_str(body, "\",\"EncryptionContext\":{");
	for (bool first = true;; first = false) {
		enum err e = esdk_header_context(context, &at, &key, &value);
		if (e == ERR_NOT_FOUND)
			break;
		TRY(e);
		if (!text_is_utf8(key) || !text_is_utf8(value))
			return ERR_SYNTAX;
		if (!first)
			buf_u8(body, ',');
		json_put_string(body, key);
		buf_u8(body, ':');
		json_put_string(body, value);
	}
	buf_str(body, "}}");
	return buf_err(body);
}

static enum err read_key(struct span body, struct span key_arn, struct buf *text, struct buf *key)
{
	char used[257];
	TRY(json_find_text(body, "KeyId", used, sizeof(used)));
	if (!span_eq(span_str(used), key_arn))
		return ERR_PROTOCOL;
	TRY(json_find_string(body, "Plaintext", text));
	enum err e = text_read_base64(buf_span(text), key);
	return e == ERR_FULL || key->overflow || (!e && key->len != key->cap) ? ERR_PROTOCOL : e;
}

enum err kms_decrypt_answer(struct span body, struct span key_arn, uint8_t key[KMS_KEY_BYTES])
{
	uint8_t base64[64];
	struct buf text = BUF_OF(base64), out = buf_over(key, KMS_KEY_BYTES);
	enum err e = read_key(body, key_arn, &text, &out);
	wipe(base64, sizeof(base64));
	if (e)
		wipe(key, KMS_KEY_BYTES);
	return e == ERR_FULL ? ERR_PROTOCOL : e; /* longer than any key */
}
