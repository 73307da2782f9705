/* Layout: pcapng.c. */
#include "record/pcapng_read.h"

#include <string.h>

#define HEAD 8
#define FOOT 4
#define SECTION_FIELDS 16
#define PACKET_FIELDS 20
#define STATISTICS_FIELDS 12
#define OPTION_COMMENT 1
#define OPTION_RECEIVED 4

void pcapng_read_begin(struct pcapng_reader *r)
{
	r->error = ERR_OK;
	r->blocks = 0;
	r->total = 0;
	r->got = 0;
	r->body = span_of(NULL, 0);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static enum err read_head(struct pcapng_reader *r, struct span *in)
{
	if (!span_collect(in, HEAD, r->bytes, &r->got))
		return ERR_MORE;
	r->type = load_le32(r->bytes);
	r->total = load_le32(r->bytes + 4);
	if (r->total % 4 || r->total < HEAD + FOOT || r->total > PCAPNG_READ_BLOCK_MAX)
		return ERR_SYNTAX;
	return r->blocks || r->type == PCAPNG_SECTION ? ERR_OK : ERR_SYNTAX;
}

static enum err read_rest(struct pcapng_reader *r, struct span *in)
{
	size_t body_end = r->total - FOOT, kept_end = smaller(body_end, sizeof(r->bytes));
	if (r->got < kept_end && !span_collect(in, kept_end, r->bytes, &r->got))
		return ERR_MORE;
	if (r->got < body_end) {
		size_t n = smaller(in->len, body_end - r->got);
		r->got += n;
		*in = span_from(*in, n);
	}
	if (r->got < body_end)
		return ERR_MORE;
	size_t foot = r->got - body_end;
	bool all = span_collect(in, FOOT, r->foot, &foot);
	r->got = body_end + foot;
	if (!all)
		return ERR_MORE;
	return load_le32(r->foot) == r->total ? ERR_OK : ERR_SYNTAX;
}

enum err pcapng_read(struct pcapng_reader *r, struct span *in)
{
	if (r->error)
		return r->error;
	enum err e = r->got < HEAD ? read_head(r, in) : ERR_OK;
	if (!e)
		e = read_rest(r, in);
	if (e) {
		r->error = e == ERR_MORE ? ERR_OK : e;
		return e;
	}
	r->body = span_of(r->bytes + HEAD, smaller(r->total - FOOT, sizeof(r->bytes)) - HEAD);
	r->blocks++;
	r->got = 0;
	return ERR_OK;
}

bool pcapng_read_whole(const struct pcapng_reader *r)
{
	return !r->error && r->got == 0;
}

enum err pcapng_read_packet(struct span body, struct pcapng_packet_head *p)
{
	if (body.len < PACKET_FIELDS)
		return ERR_SYNTAX;
	*p = (struct pcapng_packet_head){
		.interface_id = load_le32(body.p),
		.ts_ns = (uint64_t)load_le32(body.p + 4) << 32 | load_le32(body.p + 8),
		.cap_len = load_le32(body.p + 12),
		.len = load_le32(body.p + 16),
	};
	p->data = span_first(span_from(body, PACKET_FIELDS), p->cap_len);
	return ERR_OK;
}

/* The next option's value; *options is what follows it. */
static enum err next_option(struct span *options, uint16_t *code, struct span *value)
{
	if (options->len < 4)
		return ERR_NOT_FOUND;
	size_t len = load_le16(options->p + 2);
	*code = load_le16(options->p);
	*value = span_first(span_from(*options, 4), len);
	if (*code == 0)
		return ERR_NOT_FOUND;
	if (value->len != len)
		return ERR_SYNTAX;
	*options = span_from(*options, 4 + (len + 3) / 4 * 4);
	return ERR_OK;
}

enum err pcapng_read_statistics(struct span body, struct pcapng_counts *c)
{
	uint64_t unused = 0;
	*c = (struct pcapng_counts){0, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	uint64_t *const counts[] = {&c->received, &unused, &c->filtered_in, &c->dropped_by_os, &c->delivered};
	struct span options = span_from(body, STATISTICS_FIELDS), value;
	uint16_t code;
	enum err e;
	if (body.len < STATISTICS_FIELDS)
		return ERR_SYNTAX;
	c->interface_id = load_le32(body.p);
	while (!(e = next_option(&options, &code, &value))) {
		unsigned i = (unsigned)code - OPTION_RECEIVED;
		if (i >= sizeof(counts) / sizeof(counts[0]))
			continue;
		if (value.len != 8)
			return ERR_SYNTAX;
		*counts[i] = load_le64(value.p);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err pcapng_read_comment(struct span body, struct span *comment)
{
	struct span options = span_from(body, SECTION_FIELDS);
	uint16_t code;
	enum err e;
	while (!(e = next_option(&options, &code, comment)))
		if (code == OPTION_COMMENT)
			return ERR_OK;
	return e;
}
