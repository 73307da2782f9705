#include "record/pcapng_read.h"

#include "base/bytes.h"

#define BLOCK_MIN 12
#define OPTION_TSRESOL 9
#define NANOSECONDS 9
#define LINKTYPE_ETHERNET 1
#define MAGIC 0x1a2b3c4du

/* Of each kind: block type, bytes of its fields. */
static const struct {
	uint32_t type;
	size_t fields;
} kinds[] = {
	[PCAPNG_SECTION] = {0x0a0d0d0a, 16},
	[PCAPNG_INTERFACE] = {1, 8},
	[PCAPNG_PACKET] = {6, 20},
	[PCAPNG_STATISTICS] = {5, 12},
};

enum err pcapng_option_next(struct span options, size_t *at, uint16_t *code, struct span *value)
{
	if (*at == options.len)
		return ERR_NOT_FOUND;
	if (options.len - *at < 4)
		return ERR_SYNTAX;
	const uint8_t *p = options.p + *at;
	size_t len = load_le16(p + 2), padded = (len + 3) / 4 * 4;
	*code = load_le16(p);
	if (*code == 0)
		return len || options.len - *at != 4 ? ERR_SYNTAX : ERR_NOT_FOUND;
	if (options.len - *at - 4 < padded)
		return ERR_SYNTAX;
	*value = span_of(p + 4, len);
	*at += 4 + padded;
	return ERR_OK;
}

enum err pcapng_option_find(struct span options, uint16_t code, struct span *value)
{
	size_t at = 0;
	uint16_t found;
	do
		TRY(pcapng_option_next(options, &at, &found, value));
	while (found != code);
	return ERR_OK;
}

static enum err read_section(const uint8_t *p)
{
	if (load_le32(p) != MAGIC || load_le16(p + 4) != 1 || load_le16(p + 6) != 0)
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

static enum err read_interface(const struct pcapng_block *b, const uint8_t *p)
{
	struct span value;
	enum err e = pcapng_option_find(b->options, OPTION_TSRESOL, &value);
	if (e == ERR_SYNTAX)
		return e;
	if (e || value.len != 1 || value.p[0] != NANOSECONDS || load_le16(p) != LINKTYPE_ETHERNET)
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

static uint64_t time_of(const uint8_t *p)
{
	return (uint64_t)load_le32(p) << 32 | load_le32(p + 4);
}

/* The frame stands between fields and options. */
static enum err read_packet(struct pcapng_block *b, const uint8_t *p)
{
	size_t captured = load_le32(p + 12), padded = (captured + 3) / 4 * 4;
	b->len = load_le32(p + 16);
	if (captured > b->options.len || padded > b->options.len || captured > b->len)
		return ERR_SYNTAX;
	b->frame = span_of(b->options.p, captured);
	b->options = span_from(b->options, padded);
	return ERR_OK;
}

static enum err read_fields(struct pcapng_block *b)
{
	const uint8_t *p = b->bytes.p + 8;
	switch (b->kind) {
	case PCAPNG_SECTION:
		return read_section(p);
	case PCAPNG_INTERFACE:
		return read_interface(b, p);
	case PCAPNG_PACKET:
		b->interface_id = load_le32(p);
		b->ts_ns = time_of(p + 4);
		return read_packet(b, p);
	case PCAPNG_STATISTICS:
		b->interface_id = load_le32(p);
		b->ts_ns = time_of(p + 4);
		break;
	case PCAPNG_OTHER:
		break;
	}
	return ERR_OK;
}

enum err pcapng_next(struct span *in, struct pcapng_block *b)
{
	if (in->len == 0)
		return ERR_MORE;
	if (in->len < BLOCK_MIN)
		return ERR_SYNTAX;
	uint32_t type = load_le32(in->p), total = load_le32(in->p + 4);
	if (total < BLOCK_MIN || total % 4 || total > in->len || load_le32(in->p + total - 4) != total)
		return ERR_SYNTAX;
	*b = (struct pcapng_block){.kind = PCAPNG_OTHER, .bytes = span_first(*in, total)};
	for (unsigned k = 0; k < PCAPNG_OTHER; k++)
		if (kinds[k].type == type)
			b->kind = (enum pcapng_kind)k;
	size_t fields = b->kind == PCAPNG_OTHER ? 0 : kinds[b->kind].fields;
	if (total < BLOCK_MIN + fields)
		return ERR_SYNTAX;
	b->options = span_of(in->p + 8 + fields, total - BLOCK_MIN - fields);
	TRY(read_fields(b));
	*in = span_from(*in, total);
	return ERR_OK;
}
