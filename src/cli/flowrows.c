#include "cli/flowrows.h"

#include "base/text.h"
#include "base/time.h"
#include "cli/columns.h"

static const struct columns_head table_heads[] = {
	{"START", false},  {"LASTS", true},       {"PROTO", false},   {"FROM", false},
	{"TO", false},     {"TRANSLATED", false}, {"PKTS OUT", true}, {"BYTES OUT", true},
	{"PKTS IN", true}, {"BYTES IN", true},    {"STATE", false},
};

static const struct columns_head csv_heads[] = {
	{"start", false},       {"end", false},       {"kind", false},         {"proto", false},
	{"src", false},         {"sport", false},     {"dst", false},          {"dport", false},
	{"nat_src", false},     {"nat_sport", false}, {"nat_dst", false},      {"nat_dport", false},
	{"packets_out", false}, {"bytes_out", false}, {"packets_in", false},   {"bytes_in", false},
	{"flows", false},       {"state", false},     {"community_id", false}, {"community_id_nat", false},
};

#define HEADS(h) h, sizeof(h) / sizeof((h)[0])

static bool csv_wanted;

void flowrows_begin(bool csv)
{
	csv_wanted = csv;
	if (csv)
		columns_begin(HEADS(csv_heads), true);
	else
		columns_begin(HEADS(table_heads), false);
}

void flowrows_proto(struct buf *b, uint8_t proto)
{
	const char *name = flowline_proto_name(proto);
	if (name)
		buf_str(b, name);
	else
		text_u64(b, proto);
}

void flowrows_state(struct buf *b, const struct flowline *f)
{
	switch (f->kind) {
	case FLOWLINE_LIVE:
		buf_str(b, f->answered ? "goes on" : "unanswered: goes on");
		break;
	case FLOWLINE_CROWD:
		buf_str(b, "unanswered: ");
		text_u64(b, f->flows);
		buf_str(b, " flows");
		break;
	case FLOWLINE_VERDICT:
		buf_str(b, "not forwarded: ");
		text_printable(b, span_first(f->reason, 64));
		break;
	default:
		buf_str(b, f->answered ? "" : "unanswered: ");
		text_printable(b, span_first(f->reason, 64));
	}
}

/* ---- cells */

static void cell_state(const struct flowline *f)
{
	uint8_t text[128];
	struct buf b = BUF_OF(text);
	flowrows_state(&b, f);
	columns_cell(buf_span(&b));
}

static void cell_proto(const struct flowline *f)
{
	uint8_t text[8];
	struct buf b = BUF_OF(text);
	if (f->proto)
		flowrows_proto(&b, f->proto);
	columns_cell(buf_span(&b));
}

static void put_end(struct buf *b, const struct ip *a, bool portless, uint16_t port)
{
	bool brackets = !portless && !ip_is_v4(a);
	buf_str(b, brackets ? "[" : "");
	ip_text(b, a);
	buf_str(b, brackets ? "]" : "");
	if (portless)
		return;
	buf_u8(b, ':');
	text_u64(b, port);
}

static void cell_end(const struct flowline *f, bool known, const struct ip *a, uint16_t port)
{
	uint8_t text[64];
	struct buf b = BUF_OF(text);
	if (known)
		put_end(&b, a, !flowline_has_ports(f), port);
	else
		buf_u8(&b, '-');
	columns_cell(buf_span(&b));
}

/* What the far side sees instead of FROM; behind ">" what stands for TO. */
static void cell_translated(const struct flowline *f)
{
	uint8_t text[128];
	struct buf b = BUF_OF(text);
	bool portless = !flowline_has_ports(f);
	const struct flowline_side *o = &f->orig, *r = &f->reply;
	if (flowline_is_translated(f)) {
		if (!ip_eq(&o->src, &r->dst) || o->sport != r->dport)
			put_end(&b, &r->dst, portless, r->dport);
		if (!ip_eq(&o->dst, &r->src) || o->dport != r->sport) {
			buf_str(&b, b.len ? " > " : "> ");
			put_end(&b, &r->src, portless, r->sport);
		}
	}
	columns_cell(b.len ? buf_span(&b) : SPAN("-"));
}

static void cell_lasts(uint64_t ns)
{
	uint8_t text[32];
	struct buf b = BUF_OF(text);
	uint64_t ms = ns / NS_PER_MS;
	if (ms >= 60000) {
		text_u64(&b, ms / 60000);
		buf_str(&b, "m ");
		ms %= 60000;
	}
	text_u64(&b, ms / 1000);
	buf_u8(&b, '.');
	text_u64(&b, ms / 100 % 10);
	buf_u8(&b, 's');
	columns_cell(buf_span(&b));
}

static void put_table_row(const struct flowline *f)
{
	columns_time(f->from_ns);
	cell_lasts(f->to_ns > f->from_ns ? f->to_ns - f->from_ns : 0);
	cell_proto(f);
	cell_end(f, f->orig.has_src, &f->orig.src, f->orig.sport);
	cell_end(f, f->orig.has_dst, &f->orig.dst, f->orig.dport);
	cell_translated(f);
	columns_u64(f->packets_out);
	columns_bytes(f->bytes_out);
	columns_u64(f->packets_in);
	columns_bytes(f->bytes_in);
	cell_state(f);
	columns_row();
}

static void cell_ip(bool known, const struct ip *a)
{
	uint8_t text[48];
	struct buf b = BUF_OF(text);
	if (known)
		ip_text(&b, a);
	columns_cell(buf_span(&b));
}

static void cell_port(bool known, uint16_t port)
{
	if (known)
		columns_u64(port);
	else
		columns_cell(SPAN(""));
}

static void put_csv_row(const struct flowline *f)
{
	static const char *const kinds[] = {"end", "live", "unanswered", "verdict", "note"};
	const struct flowline_side *o = &f->orig, *r = &f->reply;
	bool ports = flowline_has_ports(f);
	columns_time(f->from_ns);
	columns_time(f->to_ns);
	columns_cell(span_str(kinds[f->kind]));
	cell_proto(f);
	cell_ip(o->has_src, &o->src);
	cell_port(ports && o->has_src, o->sport);
	cell_ip(o->has_dst, &o->dst);
	cell_port(ports && o->has_dst, o->dport);
	cell_ip(r->has_dst, &r->dst);
	cell_port(ports && r->has_dst, r->dport);
	cell_ip(r->has_src, &r->src);
	cell_port(ports && r->has_src, r->sport);
	columns_u64(f->packets_out);
	columns_u64(f->bytes_out);
	columns_u64(f->packets_in);
	columns_u64(f->bytes_in);
	columns_u64(f->kind == FLOWLINE_CROWD ? f->flows : 1);
	cell_state(f);
	columns_cell(f->community_id);
	columns_cell(f->community_id_nat);
	columns_row();
}

void flowrows_put(const struct flowline *f)
{
	if (csv_wanted)
		put_csv_row(f);
	else
		put_table_row(f);
}

enum exit_status flowrows_end(void)
{
	return columns_end();
}
