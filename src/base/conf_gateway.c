#include "base/conf_gateway.h"

#include "base/text.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Takes the first word off *v; empty at the end. */
static struct span take_word(struct span *v)
{
	*v = span_trim(*v);
	size_t n = 0;
	while (n < v->len && !is_blank(v->p[n]))
		n++;
	struct span word = span_first(*v, n);
	*v = span_from(*v, n);
	return word;
}

/* Takes the first word off *v if it is this one. */
static bool take(struct span *v, struct span word)
{
	struct span rest = *v;
	if (!span_eq(take_word(&rest), word))
		return false;
	*v = rest;
	return true;
}

/* PORT | PORT-PORT */
static enum err read_ports(struct span v, struct conf_ports *out)
{
	uint64_t first, last;
	bool is_range = span_find(v, '-') < v.len;
	TRY(text_read_u64(span_cut(&v, '-'), UINT16_MAX, &first));
	last = first;
	if (is_range)
		TRY(text_read_u64(v, UINT16_MAX, &last));
	*out = (struct conf_ports){(uint16_t)first, (uint16_t)last};
	return first && first <= last ? ERR_OK : ERR_RANGE;
}

static const struct {
	const char *word;
	enum conf_protocol protocol;
} protocols[] = {{"tcp", CONF_TCP}, {"udp", CONF_UDP}, {"icmp", CONF_ICMP}, {"any", CONF_ANY}};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool take_protocol(struct span *v, uint32_t *protocol)
{
	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (!take(v, span_str(protocols[i].word)))
			continue;
		*protocol = protocols[i].protocol;
		return true;
	}
	return false;
}

static bool has_ports(uint32_t protocol)
{
	return protocol == CONF_TCP || protocol == CONF_UDP;
}

void conf_gateway_nat_text(struct buf *b, const struct conf_gateway *c)
{
	if (c->nat == CONF_NAT_SNAT)
		text_ipv4(b, c->snat_addr);
	else
		buf_str(b, c->nat == CONF_NAT_NONE ? "none" : "masquerade");
}

/* masquerade | none | ADDRESS */
enum err conf_gateway_read_nat(struct span v, struct conf_gateway *out)
{
	out->snat_addr = 0;
	out->nat = span_eq(v, SPAN("masquerade")) ? CONF_NAT_MASQUERADE
		   : span_eq(v, SPAN("none"))     ? CONF_NAT_NONE
						  : CONF_NAT_SNAT;
	if (out->nat != CONF_NAT_SNAT)
		return ERR_OK;
	TRY(text_read_ipv4(v, &out->snat_addr));
	/* neither "this network" nor multicast and what is above it */
	return out->snat_addr >> 24 && out->snat_addr >> 24 < 224 ? ERR_OK : ERR_RANGE;
}

/* ADDRESS[:PORT[-PORT]] */
static enum err read_target(struct span v, struct conf_publish *p)
{
	bool given = span_find(v, ':') < v.len;
	TRY(text_read_ipv4(span_cut(&v, ':'), &p->to));
	if (p->to >> 24 == 0 || p->to >> 24 >= 224)
		return ERR_RANGE;
	if (!given)
		return ERR_OK;
	struct conf_ports to;
	TRY(read_ports(v, &to));
	if (to.first == p->ports.first && to.last == p->ports.last)
		return ERR_OK;
	/* the kernel would spread a range, not shift it */
	if (to.first != to.last)
		return ERR_UNSUPPORTED;
	p->to_ports = to;
	return ERR_OK;
}

static bool overlap(const struct conf_publish *a, const struct conf_publish *b)
{
	return a->protocol == b->protocol && a->ports.first <= b->ports.last &&
	       b->ports.first <= a->ports.last;
}

/* tcp|udp PORTS -> ADDRESS[:PORTS] [from NET] */
enum err conf_gateway_read_publish(struct span v, unsigned line, struct conf_gateway *out)
{
	if (out->publish_count == CONF_PUBLISHED)
		return ERR_TOO_LONG;
	struct conf_publish p = {.line = line, .from = {ip_from_v4(0), 96}};
	if (!take_protocol(&v, &p.protocol) || !has_ports(p.protocol))
		return ERR_SYNTAX;
	TRY(read_ports(take_word(&v), &p.ports));
	if (p.ports.last > CONF_PORT_MAX)
		return ERR_RANGE;
	if (!take(&v, SPAN("->")))
		return ERR_SYNTAX;
	TRY(read_target(take_word(&v), &p));
	if (take(&v, SPAN("from"))) {
		TRY(ip_net_read(take_word(&v), &p.from));
		if (!ip_net_is_v4(&p.from))
			return ERR_UNSUPPORTED;
	}
	if (span_trim(v).len)
		return ERR_SYNTAX;
	for (uint32_t i = 0; i < out->publish_count; i++)
		if (overlap(&out->publish[i], &p))
			return ERR_DUPLICATE;
	out->publish[out->publish_count++] = p;
	return ERR_OK;
}

/* [WORD NET|any [port PORTS]] */
static enum err read_end(struct span *v, struct span word, struct conf_forward *r, struct ip_net *net,
			 struct conf_ports *ports)
{
	if (!take(v, word))
		return ERR_OK;
	if (!take(v, SPAN("any"))) {
		TRY(ip_net_read(take_word(v), net));
		uint32_t family = ip_net_is_v4(net) ? 4 : 6;
		if (r->family && r->family != family)
			return ERR_EXCLUSIVE;
		r->family = family;
	}
	if (!take(v, SPAN("port")))
		return ERR_OK;
	if (!has_ports(r->protocol))
		return ERR_SYNTAX;
	return read_ports(take_word(v), ports);
}

/* out|in [PROTOCOL] [from ..] [to ..] */
enum err conf_gateway_read_forward(struct span v, unsigned line, bool allow, struct conf_gateway *out)
{
	if (out->forward_count == CONF_FORWARD_RULES)
		return ERR_TOO_LONG;
	struct conf_forward r = {.allow = allow, .line = line, .protocol = CONF_ANY};
	bool in = take(&v, SPAN("in"));
	if (!in && !take(&v, SPAN("out")))
		return ERR_SYNTAX;
	r.direction = in ? CONF_IN : CONF_OUT;
	(void)take_protocol(&v, &r.protocol);
	TRY(read_end(&v, SPAN("from"), &r, &r.from, &r.from_ports));
	TRY(read_end(&v, SPAN("to"), &r, &r.to, &r.to_ports));
	if (span_trim(v).len)
		return ERR_SYNTAX;
	out->forward[out->forward_count++] = r;
	return ERR_OK;
}

/* ---- as text */

static void put_protocol(struct buf *b, uint32_t protocol)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].protocol == protocol)
			buf_str(b, protocols[i].word);
}

static void put_ports(struct buf *b, struct conf_ports p)
{
	text_u64(b, p.first);
	if (p.last == p.first)
		return;
	buf_u8(b, '-');
	text_u64(b, p.last);
}

void conf_gateway_publish_text(struct buf *b, const struct conf_publish *p)
{
	put_protocol(b, p->protocol);
	buf_u8(b, ' ');
	put_ports(b, p->ports);
	buf_str(b, " -> ");
	text_ipv4(b, p->to);
	if (p->to_ports.first) {
		buf_u8(b, ':');
		put_ports(b, p->to_ports);
	}
	if (p->from.prefix_len > 96) {
		buf_str(b, " from ");
		ip_net_text(b, &p->from);
	}
}

static void put_end(struct buf *b, const char *word, const struct ip_net *net, struct conf_ports ports)
{
	if (!net->prefix_len && !ports.first)
		return;
	buf_str(b, word);
	if (net->prefix_len)
		ip_net_text(b, net);
	else
		buf_str(b, "any");
	if (!ports.first)
		return;
	buf_str(b, " port ");
	put_ports(b, ports);
}

void conf_gateway_forward_text(struct buf *b, const struct conf_forward *r)
{
	buf_str(b, r->direction == CONF_IN ? "in " : "out ");
	put_protocol(b, r->protocol);
	if (r->family == 6 && !r->from.prefix_len && !r->to.prefix_len && !r->from_ports.first)
		buf_str(b, " from ::/0"); /* any, of this family alone */
	put_end(b, " from ", &r->from, r->from_ports);
	put_end(b, " to ", &r->to, r->to_ports);
}
