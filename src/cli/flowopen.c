#include "cli/flowopen.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

/* An event of connection tracking comes a little later than its packet, and clocks of workers step. */
#define SLACK_NS (2 * NS_PER_S)
#define TERM_MAX 256u

static struct {
	struct flowopen out;
	struct buf filter;
	uint8_t text[FLOWOPEN_MAX * 2 * TERM_MAX];
	uint32_t terms;
	uint8_t term[FLOWOPEN_MAX * 2][TERM_MAX]; /* zeros behind each */
} g;

void flowopen_begin(void)
{
	g.out = (struct flowopen){.filter = (const char *)g.text, .from_ns = UINT64_MAX};
	g.terms = 0;
	g.filter = buf_over(g.text, sizeof(g.text));
}

static void put_host(struct buf *b, const char *which, const struct ip *a)
{
	buf_str(b, " and ");
	buf_str(b, which);
	buf_str(b, "host ");
	ip_text(b, a);
}

static void put_port(struct buf *b, uint16_t port)
{
	buf_str(b, " and port ");
	text_u64(b, port);
}

/* The packets between two ends, both ways. Fragments behind the first have no ports: they are left out, as by
 * every filter of ports. */
static void put_side(struct buf *b, const struct flowline *f, const struct flowline_side *s)
{
	bool v4 = ip_is_v4(s->has_dst ? &s->dst : &s->src);
	bool ports = f->proto == 6 || f->proto == 17 || f->proto == 132;
	buf_str(b, v4 ? "(ip proto " : "(ip6 proto ");
	text_u64(b, f->proto);
	if (s->has_src)
		put_host(b, "", &s->src);
	if (s->has_dst && !(s->has_src && ip_eq(&s->src, &s->dst)))
		put_host(b, "", &s->dst);
	if (ports && s->has_src)
		put_port(b, s->sport);
	if (ports && s->has_dst)
		put_port(b, s->dport);
	buf_u8(b, ')');
}

/* One "or" more, unless it stands there already. */
static void add_term(const struct flowline *f, const struct flowline_side *s)
{
	uint8_t term[TERM_MAX] = {0};
	struct buf b = BUF_OF(term);
	put_side(&b, f, s);
	for (uint32_t i = 0; i < g.terms; i++)
		if (!memcmp(g.term[i], term, sizeof(term)))
			return;
	if (g.terms == FLOWOPEN_MAX * 2) {
		g.out.too_many = true;
		return;
	}
	memcpy(g.term[g.terms++], term, sizeof(term));
	if (g.filter.len)
		buf_str(&g.filter, " or ");
	buf_put(&g.filter, buf_span(&b));
}

void flowopen_add(const struct flowline *f)
{
	bool known = f->proto && (f->orig.has_src || f->orig.has_dst);
	if (!known) {
		g.out.without++;
		return;
	}
	add_term(f, &f->orig);
	if (flowline_is_translated(f))
		add_term(f, &f->reply);
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
	g.out.too_many |= !buf_cstr(&g.filter);
	return &g.out;
}
