#include "record/hkdf.h"

#include <string.h>

#include "base/buf.h"
#include "lib/hmac.h"

void hkdf_sha512(struct span salt, struct span key, struct span info, uint8_t *out, size_t out_bytes)
{
	uint8_t secret[SHA512_BYTES], block[SHA512_BYTES], text[SHA512_BYTES + HKDF_INFO_MAX + 1];
	ASSERT(info.len <= HKDF_INFO_MAX && out_bytes <= HKDF_OUT_MAX);
	hmac_sha512(salt, key, secret);
	for (uint8_t i = 1; out_bytes; i++) {
		/* T(i) = HMAC(secret, T(i-1) | info | i) */
		struct buf b = BUF_OF(text);
		if (i > 1)
			buf_put(&b, span_of(block, sizeof(block)));
		buf_put(&b, info);
		buf_u8(&b, i);
		hmac_sha512(span_of(secret, sizeof(secret)), buf_span(&b), block);
		size_t n = out_bytes < sizeof(block) ? out_bytes : sizeof(block);
		memcpy(out, block, n);
		out += n;
		out_bytes -= n;
	}
	wipe(secret, sizeof(secret));
	wipe(block, sizeof(block));
	wipe(text, sizeof(text));
}
