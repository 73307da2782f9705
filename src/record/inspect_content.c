#include "record/inspect_content.h"

#include <string.h>

#include "base/json_walk.h"
#include "base/text.h"
#include "base/time.h"
#include "record/flowline.h"
#include "record/packet_keys.h"
#include "record/pcapng_read.h"

#define LINE_TIME SPAN("{\"time\":\"")
#define OPTION_COMMENT 1
/* of interface statistics */
#define OPTION_RECEIVED 4
#define OPTION_ACCEPTED 6
#define OPTION_DROPPED 7
#define OPTION_DELIVERED 8
#define ETHERTYPE_AT 12

static void record(struct inspect *in, struct inspect_frame *f, uint64_t ns, bool cut)
{
	f->records++;
	if (ns < f->first_ns)
		f->first_ns = ns;
	if (ns > f->last_ns)
		f->last_ns = ns;
	if (in->records++ == 0 && in->name.kind == OBJECT_PACKETS)
		in->first_ns = ns;
	if (ns > in->last_ns)
		in->last_ns = ns;
	in->cut += cut;
}

static bool to_text(struct span s, char *out, size_t cap)
{
	struct buf b = buf_over(out, cap);
	buf_put(&b, s);
	return buf_cstr(&b) != NULL;
}

/* What both kinds of objects say of themselves, as text. */
struct said {
	struct span boot, stream, prev, prev_sig, clock;
};

static enum err read_inside(struct inspect_inside *i, const struct said *s, uint64_t seq)
{
	uint8_t boot[8];
	struct buf b = BUF_OF(boot), prev = BUF_OF(i->prev);
	TRY(text_read_hex(s->boot, &b));
	TRY(text_read_hex(s->prev, &prev));
	if (b.len != sizeof(boot) || prev.len != sizeof(i->prev) || seq > UINT32_MAX)
		return ERR_SYNTAX;
	i->boot = load_be64(boot);
	i->seq = (uint32_t)seq;
	i->known = to_text(s->stream, i->stream, sizeof(i->stream)) &&
		   to_text(s->prev_sig, i->prev_sig, sizeof(i->prev_sig)) &&
		   to_text(s->clock, i->clock, sizeof(i->clock));
	return i->known ? ERR_OK : ERR_SYNTAX;
}

/* ---- packets */

static struct span value_of(struct span comment, const char *key)
{
	while (comment.len) {
		struct span line = span_cut(&comment, '\n'), name = span_cut(&line, '=');
		if (span_eq(name, span_str(key)))
			return line;
	}
	return span_of(NULL, 0);
}

static enum err take_section(struct inspect *in, const struct pcapng_block *b)
{
	struct span comment;
	uint64_t seq;
	if (in->inside.known)
		return ERR_SYNTAX; /* one section an object */
	TRY(pcapng_option_find(b->options, OPTION_COMMENT, &comment));
	struct said s = {value_of(comment, "boot"), value_of(comment, "stream"), value_of(comment, "prev"),
			 value_of(comment, "prev_sig"), value_of(comment, "clock")};
	TRY(text_read_u64(value_of(comment, "seq"), UINT32_MAX, &seq));
	return read_inside(&in->inside, &s, seq);
}

static enum err take_statistics(struct inspect *in, const struct pcapng_block *b)
{
	static const uint16_t codes[] = {OPTION_RECEIVED, OPTION_ACCEPTED, OPTION_DROPPED, OPTION_DELIVERED};
	uint64_t v[4];
	struct span value;
	if (b->interface_id > 1)
		return ERR_SYNTAX;
	for (int i = 0; i < 4; i++) {
		TRY(pcapng_option_find(b->options, codes[i], &value));
		if (value.len != 8)
			return ERR_SYNTAX;
		v[i] = load_le64(value.p);
	}
	if (v[1] > v[0])
		return ERR_SYNTAX;
	in->statistics[b->interface_id] = true;
	in->interface[b->interface_id] =
		(struct inspect_counts){.recorded = v[3], .lost = v[2], .filtered = v[0] - v[1]};
	return ERR_OK;
}

static enum err take_packets(struct inspect *in, struct inspect_frame *f, struct span raw)
{
	struct pcapng_block b;
	enum err e;
	while (!(e = pcapng_next(&raw, &b))) {
		if (b.kind == PCAPNG_OTHER || (b.kind != PCAPNG_SECTION && !in->inside.known))
			return ERR_SYNTAX;
		if (b.kind == PCAPNG_SECTION)
			TRY(take_section(in, &b));
		if (b.kind == PCAPNG_STATISTICS)
			TRY(take_statistics(in, &b));
		if (b.kind == PCAPNG_PACKET) {
			record(in, f, b.ts_ns, b.frame.len < b.len);
			packet_keys(&in->bloom, span_from(b.frame, ETHERTYPE_AT));
		}
	}
	return e == ERR_MORE ? ERR_OK : e;
}

/* ---- lines */

static struct span text_of(struct span line, const char *key)
{
	struct json_member m;
	return json_walk_find(line, key, &m) || m.kind != JSON_STRING ? span_of(NULL, 0) : m.value;
}

static enum err take_head(struct inspect *in, struct span line)
{
	uint64_t seq;
	struct said s = {text_of(line, "boot"), text_of(line, "stream"), text_of(line, "prev"),
			 text_of(line, "prev_sig"), text_of(line, "clock")};
	if (!span_eq(text_of(line, "event"), SPAN("object")))
		return ERR_SYNTAX;
	TRY(json_find_u64(line, "seq", &seq));
	return read_inside(&in->inside, &s, seq);
}

static void side_keys(struct bloom *b, const struct flowline_side *side, bool ports)
{
	if (side->has_src)
		bloom_add(b, bloom_ip(&side->src));
	if (side->has_dst)
		bloom_add(b, bloom_ip(&side->dst));
	if (side->has_src && ports)
		bloom_add(b, bloom_port(side->sport));
	if (side->has_dst && ports)
		bloom_add(b, bloom_port(side->dport));
}

static void flow_keys(struct bloom *b, struct span line)
{
	struct flowline f;
	struct ip source;
	if (flowline_read(line, &f))
		return;
	side_keys(b, &f.orig, !flowline_is_icmp(&f));
	side_keys(b, &f.reply, !flowline_is_icmp(&f));
	for (unsigned i = 0; f.kind == FLOWLINE_CROWD && flowline_source(&f, i, &source); i++)
		bloom_add(b, bloom_ip(&source));
}

static enum err take_line(struct inspect *in, struct inspect_frame *f, struct span line)
{
	uint64_t ns;
	struct span time = span_from(line, LINE_TIME.len);
	if (!span_starts(line, LINE_TIME))
		return ERR_SYNTAX;
	TRY(time_read_rfc3339(span_first(time, span_find(time, '"')), &ns));
	if (!in->inside.known) {
		in->first_ns = in->last_ns = ns;
		return take_head(in, line);
	}
	record(in, f, ns, false);
	if (in->name.kind == OBJECT_FLOWS)
		flow_keys(&in->bloom, line);
	else if (in->line)
		in->line(in->arg, line);
	return ERR_OK;
}

static enum err take_lines(struct inspect *in, struct inspect_frame *f, struct span raw)
{
	if (raw.len == 0 || raw.p[raw.len - 1] != '\n')
		return ERR_SYNTAX;
	while (raw.len)
		TRY(take_line(in, f, span_cut(&raw, '\n')));
	return ERR_OK;
}

/* ---- a frame */

static void keep_filter(struct inspect *in, struct inspect_frame *f)
{
	struct span filter = bloom_fold(&in->bloom);
	if (filter.len > sizeof(in->filters) - in->filters_len)
		return;
	f->filter_at = (uint32_t)in->filters_len;
	f->filter_bytes = (uint32_t)filter.len;
	if (filter.len)
		memcpy(in->filters + in->filters_len, filter.p, filter.len);
	in->filters_len += filter.len;
}

enum err inspect_content(struct inspect *in, struct span raw)
{
	struct inspect_frame *f = &in->by_frame[in->frames++];
	*f = (struct inspect_frame){.first_ns = UINT64_MAX};
	bloom_reset(&in->bloom);
	TRY(in->name.kind == OBJECT_PACKETS ? take_packets(in, f, raw) : take_lines(in, f, raw));
	keep_filter(in, f);
	return ERR_OK;
}

/* Byte i of a filter folded to `len` bytes: its parts laid over each other. */
static uint8_t folded(struct span filter, size_t i, size_t len)
{
	uint8_t byte = 0;
	for (; i < filter.len; i += len)
		byte |= filter.p[i];
	return byte;
}

bool inspect_filter_covers(struct span all, struct span some)
{
	size_t len = all.len < some.len ? all.len : some.len;
	for (size_t i = 0; i < len; i++)
		if (folded(some, i, len) & ~folded(all, i, len))
			return false;
	return true;
}
