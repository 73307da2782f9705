#include "lib/zstd.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

_Static_assert(ZSTD_BOUND(ZSTD_SOURCE_MAX) >= ZSTD_COMPRESSBOUND(ZSTD_SOURCE_MAX), "our bound is no smaller");
_Static_assert(ZSTD_BOUND(1) >= ZSTD_COMPRESSBOUND(1), "our bound is no smaller");

enum err zstd_encode(struct zstd_encoder *enc, int level, struct span raw, struct buf *out)
{
	ASSERT(level && level >= ZSTD_LEVEL_MIN && level <= ZSTD_LEVEL_MAX && raw.len <= ZSTD_SOURCE_MAX);
	if (out->overflow)
		return ERR_FULL;
	ZSTD_compressionParameters p = ZSTD_getCParams(level, raw.len ? raw.len : 1, 0);
	ZSTD_frameParameters f = {.contentSizeFlag = 1, .checksumFlag = 1};
	ZSTD_CCtx *c = ZSTD_initStaticCCtx(enc->workspace, sizeof(enc->workspace));
	ASSERT(c && ZSTD_estimateCCtxSize_usingCParams(p) <= sizeof(enc->workspace));
	size_t e = ZSTD_CCtx_setCParams(c, p);
	ASSERT(!ZSTD_isError(e));
	e = ZSTD_CCtx_setFParams(c, f);
	ASSERT(!ZSTD_isError(e));
	size_t n = ZSTD_compress2(c, out->p + out->len, buf_room(out), raw.p, raw.len);
	if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
		return ERR_FULL;
	ASSERT(!ZSTD_isError(n));
	out->len += n;
	return ERR_OK;
}

void zstd_decode_begin(struct zstd_decoder *dec)
{
	ZSTD_DStream *d = ZSTD_initStaticDStream(dec->workspace, sizeof(dec->workspace));
	ASSERT(d);
	size_t e = ZSTD_DCtx_setMaxWindowSize(d, ZSTD_WINDOW_MAX);
	ASSERT(!ZSTD_isError(e));
	dec->stream = d;
	dec->taken = 0;
}

#define FRAME_HEADER_MAX 18 /* RFC 8878: magic, descriptor, window, dictionary, content size */

static enum err error_of(size_t result)
{
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_checksum_wrong:
		return ERR_CHECKSUM;
	case ZSTD_error_frameParameter_windowTooLarge:
	case ZSTD_error_memory_allocation:
	case ZSTD_error_dictionary_wrong:
		return ERR_UNSUPPORTED;
	default:
		return ERR_SYNTAX;
	}
}

/* The header goes in byte by byte: zstd has a shortcut for a frame that is there as a whole, which takes no
 * notice of the window's limit, and looks for the frame where this call's bytes begin, even when it began
 * earlier. */
static size_t decode_some(struct zstd_decoder *dec, struct span *in, struct buf *out)
{
	ZSTD_inBuffer i = {in->p, in->len && dec->taken < FRAME_HEADER_MAX ? 1 : in->len, 0};
	ZSTD_outBuffer o = {out->p, out->cap, out->len};
	size_t n = ZSTD_decompressStream(dec->stream, &o, &i);
	*in = span_from(*in, i.pos);
	dec->taken += i.pos;
	out->len = o.pos;
	return n;
}

enum err zstd_decode(struct zstd_decoder *dec, struct span *in, struct buf *out, bool *frame_end)
{
	size_t left, had;
	*frame_end = false;
	do {
		left = in->len;
		had = out->len;
		size_t n = decode_some(dec, in, out);
		if (ZSTD_isError(n))
			return error_of(n);
		*frame_end = n == 0;
	} while (!*frame_end && in->len && (in->len < left || out->len > had));
	if (*frame_end)
		dec->taken = 0;
	return ERR_OK;
}

enum err zstd_frame_find(struct span bytes, size_t *frame_bytes)
{
	*frame_bytes = 0;
	if (bytes.len < 4)
		return ERR_MORE;
	if (load_le32(bytes.p) != ZSTD_MAGICNUMBER)
		return ERR_SYNTAX;
	size_t n = ZSTD_findFrameCompressedSize(bytes.p, bytes.len);
	if (ZSTD_getErrorCode(n) == ZSTD_error_srcSize_wrong)
		return ERR_MORE;
	if (ZSTD_isError(n))
		return ERR_SYNTAX;
	*frame_bytes = n;
	return ERR_OK;
}

enum err zstd_decode_frame(struct zstd_frame_decoder *dec, struct span frame, struct buf *out)
{
	size_t bytes;
	enum err e = zstd_frame_find(frame, &bytes);
	if (e || bytes != frame.len)
		return ERR_SYNTAX;
	ZSTD_DCtx *d = ZSTD_initStaticDCtx(dec->workspace, sizeof(dec->workspace));
	ASSERT(d);
	size_t n = ZSTD_decompressDCtx(d, out->p + out->len, buf_room(out), frame.p, frame.len);
	if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
		return ERR_FULL;
	if (ZSTD_isError(n))
		return error_of(n);
	out->len += n;
	return ERR_OK;
}
