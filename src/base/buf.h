/* buf: a writer over memory of fixed size that the caller owns. Overflow is sticky.
 *
 * When something does not fit, nothing of it is written, `overflow` is set and every later write does
 * nothing: a chain of writes needs one check at its end, buf_err(). len <= cap always. Integers are
 * written as their names say (le, be).
 */
#ifndef SEALTAP_BASE_BUF_H
#define SEALTAP_BASE_BUF_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/span.h"

struct buf {
	uint8_t *p; /* borrowed; cap bytes */
	size_t cap; /* bytes */
	size_t len; /* bytes written */
	bool overflow;
};

#define BUF_OF(array) ((struct buf){(uint8_t *)(array), sizeof(array), 0, false})

struct buf buf_over(void *p, size_t cap);
/* Empties it and forgets an overflow. */
void buf_reset(struct buf *b);
static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->len;
}
/* What was written so far; valid until the next write or reset. */
static inline struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
}
/* ERR_FULL after an overflow. */
enum err buf_err(const struct buf *b) MUST_USE;

void buf_put(struct buf *b, struct span s);
void buf_str(struct buf *b, const char *s);
void buf_u8(struct buf *b, uint8_t v);
void buf_fill(struct buf *b, uint8_t v, size_t n);
void buf_le16(struct buf *b, uint16_t v);
void buf_le32(struct buf *b, uint32_t v);
void buf_le64(struct buf *b, uint64_t v);
void buf_be16(struct buf *b, uint16_t v);
void buf_be32(struct buf *b, uint32_t v);
void buf_be64(struct buf *b, uint64_t v);
/* n bytes to be filled by the caller, or NULL on overflow. */
uint8_t *buf_take(struct buf *b, size_t n);
/* Terminates with a NUL that is not counted in len; for handing to system calls. NULL on overflow. */
const char *buf_cstr(struct buf *b);

#endif
