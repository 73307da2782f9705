#include "cli/flowopen.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/pcapfilter.h"

/* An event of connection tracking comes a little later than its packet, and clocks of workers step. */
#define SLACK_NS (2 * NS_PER_S)
#define TERM_MAX 256u

static struct {
	struct flowopen out;
	struct flowopen_asked asked;
	struct buf filter[FLOWOPEN_NONE];
	char text[FLOWOPEN_NONE][PCAPFILTER_TEXT_MAX + 1];
} g;

void flowopen_begin(const struct flowopen_asked *asked)
{
	g.asked = *asked;
	g.out = (struct flowopen){.from_ns = UINT64_MAX};
	for (unsigned i = 0; i < FLOWOPEN_NONE; i++)
		g.filter[i] = buf_over(g.text[i], PCAPFILTER_TEXT_MAX);
}

/* One "or" more, unless it stands there already. */
static void add_term(enum flowopen_how how, struct buf *term)
{
	struct buf *b = &g.filter[how];
	const char *text = buf_cstr(term);
	g.text[how][b->len] = 0;
	if (!text || strstr(g.text[how], text))
		return;
	if (b->len)
		buf_str(b, " or ");
	buf_str(b, text);
}

static void put_proto(struct buf *b, const struct flowline *f, const struct ip *a)
{
	const char *name = flowline_proto_name(f->proto);
	buf_str(b, name ? "(" : ip_is_v4(a) ? "(ip proto " : "(ip6 proto ");
	if (name)
		buf_str(b, name);
	else
		text_u64(b, f->proto);
}

static void put_host(struct buf *b, const struct ip *a)
{
	buf_str(b, " and host ");
	ip_text(b, a);
}

static void put_port(struct buf *b, const struct flowline *f, uint16_t port)
{
	bool ports = f->proto == 6 || f->proto == 17 || f->proto == 132;
	if (!ports)
		return;
	buf_str(b, " and port ");
	text_u64(b, port);
}

/* The packets between two ends, both ways. Fragments behind the first have no ports: they are left out, as by
 * every filter of ports. */
static void add_exact(const struct flowline *f, const struct flowline_side *s)
{
	uint8_t text[TERM_MAX];
	struct buf b = BUF_OF(text);
	put_proto(&b, f, s->has_dst ? &s->dst : &s->src);
	if (s->has_src)
		put_host(&b, &s->src);
	if (s->has_dst && !(s->has_src && ip_eq(&s->src, &s->dst)))
		put_host(&b, &s->dst);
	if (s->has_src)
		put_port(&b, f, s->sport);
	if (s->has_dst)
		put_port(&b, f, s->dport);
	buf_u8(&b, ')');
	add_term(FLOWOPEN_EXACT, &b);
}

static void add_service(const struct flowline *f, const struct ip *a, uint16_t port)
{
	uint8_t text[TERM_MAX];
	struct buf b = BUF_OF(text);
	put_proto(&b, f, a);
	put_host(&b, a);
	put_port(&b, f, port);
	buf_u8(&b, ')');
	add_term(FLOWOPEN_SERVICES, &b);
}

static bool has_host(const struct flowline_side *s)
{
	return (s->has_src && ip_net_has(&g.asked.host, &s->src)) ||
	       (s->has_dst && ip_net_has(&g.asked.host, &s->dst));
}

static bool has_port(const struct flowline_side *s)
{
	return (s->has_src && s->sport == g.asked.port) || (s->has_dst && s->dport == g.asked.port);
}

/* Where the host or port that was asked for is not on this side: who stands for it here. */
static const struct ip *stand_in(const struct flowline_side *here, const struct flowline_side *there)
{
	return ip_eq(&here->dst, &there->src) ? &here->src : &here->dst;
}

/* What was asked for, as it is on one side. A crowd's sources do not stand on its side: what the other side
 * does not have is on this one. */
static void add_asked(const struct flowline *f, const struct flowline_side *s,
		      const struct flowline_side *other)
{
	uint8_t text[TERM_MAX], proto_text[32];
	struct buf b = BUF_OF(text), proto = BUF_OF(proto_text);
	const struct flowopen_asked *a = &g.asked;
	bool host = a->by_host && (has_host(s) || !has_host(other));
	bool port = a->by_port && (has_port(s) || !has_port(other));
	if (a->by_proto) {
		put_proto(&proto, f, s->has_dst ? &s->dst : &s->src);
		buf_str(&b, " and ");
		buf_put(&b, span_from(buf_span(&proto), 1));
	}
	if (host) {
		buf_str(&b, " and net ");
		ip_net_text(&b, &a->host);
	} else if (a->by_host || (a->by_port && !port)) {
		put_host(&b, stand_in(s, other));
	}
	if (port)
		put_port(&b, f, a->port);
	if (b.len == 0) {
		g.filter[FLOWOPEN_ASKED].overflow = true; /* nothing was asked for */
		return;
	}
	uint8_t whole_text[TERM_MAX];
	struct buf whole = BUF_OF(whole_text);
	buf_u8(&whole, '(');
	buf_put(&whole, span_from(buf_span(&b), SPAN(" and ").len));
	buf_u8(&whole, ')');
	add_term(FLOWOPEN_ASKED, &whole);
}

void flowopen_add(const struct flowline *f)
{
	const struct flowline_side *o = &f->orig, *r = &f->reply;
	if (!f->proto || !(o->has_src || o->has_dst)) {
		g.out.without++;
		return;
	}
	add_exact(f, o);
	add_service(f, o->has_dst ? &o->dst : &o->src, o->has_dst ? o->dport : o->sport);
	add_asked(f, o, r);
	if (flowline_is_translated(f)) {
		add_exact(f, r);
		add_service(f, &r->src, r->sport);
		add_asked(f, r, o);
	}
	g.out.flows++;
	if (f->from_ns < g.out.from_ns)
		g.out.from_ns = f->from_ns;
	if (f->to_ns > g.out.to_ns)
		g.out.to_ns = f->to_ns;
}

const struct flowopen *flowopen_end(void)
{
	g.out.from_ns = g.out.from_ns > SLACK_NS ? g.out.from_ns - SLACK_NS : 0;
	g.out.to_ns += SLACK_NS;
	for (g.out.how = FLOWOPEN_EXACT; g.out.how < FLOWOPEN_NONE; g.out.how++) {
		g.out.filter = g.text[g.out.how];
		g.text[g.out.how][g.filter[g.out.how].len] = 0;
		if (!g.filter[g.out.how].overflow)
			return &g.out;
	}
	g.out.filter = NULL;
	return &g.out;
}
