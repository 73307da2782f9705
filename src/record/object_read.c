#include "record/object_read.h"

#include "base/text.h"

enum field { FORMAT, FIRST, LAST, RECORDS, BYTES, LOST, CUT, FILTERED, PREV, SHA256, SIG, FIELDS };

_Static_assert((1u << FIELDS) - 1 == OBJECT_READ_ALL, "a bit each");

static const char *const names[FIELDS] = {
	"sealtap-format", "sealtap-first",  "sealtap-last", "sealtap-records",
	"sealtap-bytes",  "sealtap-lost",   "sealtap-cut",  "sealtap-filtered",
	"sealtap-prev",   "sealtap-sha256", "sealtap-sig",
};

/* As text_u64 writes it. */
static enum err read_number(struct span s, uint64_t *v)
{
	if (s.len > 1 && s.p[0] == '0')
		return ERR_SYNTAX;
	return text_read_u64(s, UINT64_MAX, v) ? ERR_SYNTAX : ERR_OK;
}

/* As text_hex writes it. */
static enum err read_hash(struct span s, uint8_t hash[32])
{
	struct buf b = buf_over(hash, 32);
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'F')
			return ERR_SYNTAX;
	return text_read_hex(s, &b) || b.overflow || b.len != 32 ? ERR_SYNTAX : ERR_OK;
}

static enum err read_sig(struct object_meta *m, struct span s)
{
	struct buf b = BUF_OF(m->sig);
	m->sig_len = 0;
	if (span_eq(s, SPAN("none")))
		return ERR_OK;
	if (text_read_base64(s, &b) || b.overflow || b.len == 0)
		return ERR_SYNTAX;
	m->sig_len = (uint32_t)b.len;
	return ERR_OK;
}

static enum err read_value(struct object_meta *m, enum field field, struct span value)
{
	uint64_t format;
	uint64_t *const numbers[FIELDS] = {
		[FORMAT] = &format,      [FIRST] = &m->first_ns,    [LAST] = &m->last_ns,
		[RECORDS] = &m->records, [BYTES] = &m->raw_bytes,   [LOST] = &m->lost,
		[CUT] = &m->cut,         [FILTERED] = &m->filtered,
	};
	switch (field) {
	case PREV:
		return read_hash(value, m->prev);
	case SHA256:
		return read_hash(value, m->sha256);
	case SIG:
		return read_sig(m, value);
	default:
		TRY(read_number(value, numbers[field]));
		return field == FORMAT && format != OBJECT_FORMAT ? ERR_UNSUPPORTED : ERR_OK;
	}
}

enum err object_read_field(struct object_meta *m, uint32_t *seen, struct span name, struct span value)
{
	unsigned i = 0;
	while (i < FIELDS && !span_ieq(name, span_str(names[i])))
		i++;
	if (i == FIELDS)
		return ERR_NOT_FOUND;
	if (*seen & 1u << i)
		return ERR_DUPLICATE;
	TRY(read_value(m, (enum field)i, value));
	*seen |= 1u << i;
	return ERR_OK;
}
