/* Keys: host: address (16 bytes). port: protocol, 1, port (big endian). pair: who began it, who answered,
 * protocol, 1, port. The 1 keeps a key of zeros behind its bytes from being another one.
 */
#include "cli/flowtop.h"

#include <string.h>

#include "base/text.h"
#include "cli/columns.h"
#include "cli/flowrows.h"
#include "cli/say.h"

static const char *const by_names[] = {"host", "port", "pair"};

static struct top tables[FLOWTOP_BYS];

void flowtop_begin(enum flowtop_by by)
{
	top_begin(&tables[by]);
}

const struct top *flowtop_sums(enum flowtop_by by)
{
	top_sort(&tables[by]);
	return &tables[by];
}

bool flowtop_by_name(const char *name, enum flowtop_by *by)
{
	for (unsigned i = 0; i < FLOWTOP_BYS; i++)
		if (!strcmp(name, by_names[i])) {
			*by = (enum flowtop_by)i;
			return true;
		}
	return false;
}

/* Who answers, or would. */
static const struct ip *server(const struct flowline *f)
{
	return f->reply.has_src ? &f->reply.src : f->orig.has_dst ? &f->orig.dst : NULL;
}

static void put_service(struct buf *b, const struct flowline *f)
{
	buf_u8(b, f->proto);
	buf_u8(b, 1);
	buf_be16(b, flowline_is_icmp(f) ? f->orig.icmp_type : flowline_has_ports(f) ? f->orig.dport : 0);
}

void flowtop_add(enum flowtop_by by, const struct flowline *f)
{
	uint8_t key[TOP_KEY_MAX];
	struct buf b = BUF_OF(key);
	const struct ip *client = f->orig.has_src ? &f->orig.src : NULL, *other = server(f), none = {{0}};
	struct top_sum sum = {.bytes = f->bytes_out + f->bytes_in, .packets = f->packets_out + f->packets_in};
	sum.flows = f->kind == FLOWLINE_CROWD ? f->flows : f->kind != FLOWLINE_VERDICT;
	sum.refused = f->kind == FLOWLINE_VERDICT ? f->packets_out : 0;
	if (by == FLOWTOP_HOST) {
		if (client)
			top_add(&tables[by], span_of(client->bytes, sizeof(client->bytes)), &sum);
		if (other && !(client && ip_eq(client, other)))
			top_add(&tables[by], span_of(other->bytes, sizeof(other->bytes)), &sum);
		return;
	}
	if (!client && !other)
		return; /* of these packets nothing is known but their number */
	if (by == FLOWTOP_PAIR) {
		buf_put(&b, span_of(client ? client->bytes : none.bytes, sizeof(none.bytes)));
		buf_put(&b, span_of(other ? other->bytes : none.bytes, sizeof(none.bytes)));
	}
	put_service(&b, f);
	top_add(&tables[by], buf_span(&b), &sum);
}

/* ---- keys as texts */

static struct ip ip_at(const uint8_t *p)
{
	struct ip a;
	memcpy(a.bytes, p, sizeof(a.bytes));
	return a;
}

static const uint8_t *service_of(enum flowtop_by by, const struct top_sum *s)
{
	return s->key + (by == FLOWTOP_PAIR ? 32 : 0);
}

static bool is_icmp(const uint8_t *service)
{
	return flowline_is_icmp(&(struct flowline){.proto = service[0]});
}

static bool is_numbered(const uint8_t *service)
{
	const struct flowline f = {.proto = service[0]};
	return flowline_is_icmp(&f) || flowline_has_ports(&f);
}

static void put_service_text(struct buf *b, const uint8_t *service)
{
	flowrows_proto(b, service[0]);
	if (!is_numbered(service))
		return;
	buf_str(b, is_icmp(service) ? " type " : " ");
	text_u64(b, load_be16(service + 2));
}

/* Zeros: who it was is not known. */
static void put_ip_text(struct buf *b, const uint8_t *p)
{
	static const struct ip none;
	struct ip a = ip_at(p);
	if (ip_eq(&a, &none))
		buf_u8(b, '-');
	else
		ip_text(b, &a);
}

void flowtop_key(struct buf *b, enum flowtop_by by, const struct top_sum *s)
{
	if (by != FLOWTOP_PORT)
		put_ip_text(b, s->key);
	if (by == FLOWTOP_PAIR) {
		buf_str(b, " > ");
		put_ip_text(b, s->key + 16);
		buf_u8(b, ' ');
	}
	if (by != FLOWTOP_HOST)
		put_service_text(b, service_of(by, s));
}

/* ---- output */

static void put_json_ip(struct buf *b, const char *key, const uint8_t *p)
{
	static const struct ip none;
	struct ip a = ip_at(p);
	bool known = !ip_eq(&a, &none);
	buf_str(b, key);
	buf_str(b, known ? "\"" : "null");
	if (known)
		ip_text(b, &a);
	buf_str(b, known ? "\"," : ",");
}

static void put_json_key(struct buf *b, enum flowtop_by by, const struct top_sum *s)
{
	const uint8_t *service = service_of(by, s);
	buf_u8(b, '{');
	if (by == FLOWTOP_HOST)
		put_json_ip(b, "\"host\":", s->key);
	if (by == FLOWTOP_PAIR) {
		put_json_ip(b, "\"client\":", s->key);
		put_json_ip(b, "\"server\":", s->key + 16);
	}
	if (by == FLOWTOP_HOST)
		return;
	buf_str(b, "\"proto\":\"");
	flowrows_proto(b, service[0]);
	buf_str(b, !is_numbered(service) ? "\"," : is_icmp(service) ? "\",\"type\":" : "\",\"port\":");
	if (!is_numbered(service))
		return;
	text_u64(b, load_be16(service + 2));
	buf_u8(b, ',');
}

static void put_json(enum flowtop_by by, const struct top_sum *s, uint64_t missing)
{
	uint8_t text[512];
	struct buf b = BUF_OF(text);
	put_json_key(&b, by, s);
	buf_str(&b, "\"bytes\":");
	text_u64(&b, s->bytes);
	buf_str(&b, ",\"packets\":");
	text_u64(&b, s->packets);
	buf_str(&b, ",\"flows\":");
	text_u64(&b, s->flows);
	buf_str(&b, ",\"not_forwarded\":");
	text_u64(&b, s->refused);
	if (missing) {
		buf_str(&b, ",\"bytes_missing_at_most\":");
		text_u64(&b, missing);
	}
	buf_str(&b, "}\n");
	(void)say_out(buf_span(&b));
}

static void put_row(enum flowtop_by by, const struct top_sum *s)
{
	uint8_t text[160];
	struct buf b = BUF_OF(text);
	flowtop_key(&b, by, s);
	columns_cell(buf_span(&b));
	columns_bytes(s->bytes);
	columns_u64(s->packets);
	columns_u64(s->flows);
	columns_u64(s->refused);
	columns_row();
}

enum exit_status flowtop_show(enum flowtop_by by, uint64_t n, enum flowtop_form form)
{
	static const struct columns_head heads[FLOWTOP_BYS][5] = {
		{{"HOST", false},
		 {"BYTES", true},
		 {"PACKETS", true},
		 {"FLOWS", true},
		 {"NOT FORWARDED", true}},
		{{"PORT", false},
		 {"BYTES", true},
		 {"PACKETS", true},
		 {"FLOWS", true},
		 {"NOT FORWARDED", true}},
		{{"PAIR", false},
		 {"BYTES", true},
		 {"PACKETS", true},
		 {"FLOWS", true},
		 {"NOT FORWARDED", true}},
	};
	const struct top *t = flowtop_sums(by);
	if (form != FLOWTOP_JSON)
		columns_begin(heads[by], 5, form == FLOWTOP_CSV);
	for (uint32_t i = 0; i < t->count && i < n; i++) {
		if (form == FLOWTOP_JSON)
			put_json(by, &t->sum[i], t->missing);
		else
			put_row(by, &t->sum[i]);
	}
	if (t->missing)
		say_note("more than %u of them: a sum may be too small by at most %llu bytes", TOP_MAX,
			 (unsigned long long)t->missing);
	return form == FLOWTOP_JSON ? say_out_done() : columns_end();
}
