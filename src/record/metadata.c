#include "record/metadata.h"

#include <string.h>

#include "base/text.h"

#define FIELDS 11
#define PREV 8
#define SHA256 9
#define SIG 10
#define VALUE_MAX 128

static enum err read_hash(struct span value, uint8_t hash[32])
{
	struct buf b = buf_over(hash, 32);
	TRY(text_read_hex(value, &b));
	return b.len == 32 ? ERR_OK : ERR_SYNTAX;
}

static enum err read_sig(struct span value, struct object_meta *m)
{
	struct buf b = BUF_OF(m->sig);
	m->sig_len = 0;
	if (span_eq(value, SPAN("none")))
		return ERR_OK;
	TRY(text_read_base64(value, &b));
	TRY(buf_err(&b));
	m->sig_len = (uint32_t)b.len;
	return ERR_OK;
}

static enum err read_value(struct object_meta *m, unsigned i, struct span value)
{
	uint64_t format;
	uint64_t *const numbers[] = {&format,       &m->first_ns, &m->last_ns, &m->records,
				     &m->raw_bytes, &m->lost,     &m->cut,     &m->filtered};
	if (i < PREV)
		return text_read_u64(value, UINT64_MAX, numbers[i]);
	return i == SIG ? read_sig(value, m) : read_hash(value, i == PREV ? m->prev : m->sha256);
}

/* The value as it is written must be the value as it was read. */
static bool is_canonical(const struct object_meta *m, unsigned i, struct span value)
{
	uint8_t text[VALUE_MAX];
	struct buf b = BUF_OF(text);
	const char *name;
	return object_meta_field(m, i, true, &name, &b) && !b.overflow && span_eq(buf_span(&b), value);
}

void metadata_read(struct metadata *m, struct span name, struct span value)
{
	uint8_t text[VALUE_MAX];
	struct buf b = BUF_OF(text);
	const char *field;
	for (unsigned i = 0; object_meta_field(&m->meta, i, true, &field, &b); i++) {
		buf_reset(&b);
		if (!span_ieq(name, span_str(field)))
			continue;
		if (m->seen & 1u << i || read_value(&m->meta, i, value) || !is_canonical(&m->meta, i, value))
			m->malformed = true;
		m->seen |= 1u << i;
	}
}

bool metadata_complete(const struct metadata *m)
{
	return !m->malformed && m->seen == (1u << FIELDS) - 1;
}
