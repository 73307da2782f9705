#include "record/flowline.h"

#include "base/json_walk.h"
#include "base/time.h"

enum { ICMP = 1, TCP = 6, UDP = 17, DCCP = 33, ICMPV6 = 58, SCTP = 132, UDPLITE = 136 };

/* What a member of a line is, by its key: where its value goes. */
enum taken_as { AS_TIME, AS_U64, AS_U8, AS_U16, AS_TEXT, AS_BOOL, AS_IP, AS_SIDE, AS_ARRAY };

struct place {
	const char *key;
	enum taken_as as;
	size_t offset;
};

#define AT(member) offsetof(struct flowline, member)
#define SIDE(member) offsetof(struct flowline_side, member)

static const struct place line_places[] = {
	{"time", AS_TIME, AT(time_ns)},
	{"start", AS_TIME, AT(from_ns)},
	{"first", AS_TIME, AT(from_ns)},
	{"end", AS_TIME, AT(to_ns)},
	{"last", AS_TIME, AT(to_ns)},
	{"id", AS_U64, AT(id)},
	{"proto", AS_U8, AT(proto)},
	{"orig", AS_SIDE, AT(orig)},
	{"reply", AS_SIDE, AT(reply)},
	{"packets_out", AS_U64, AT(packets_out)},
	{"bytes_out", AS_U64, AT(bytes_out)},
	{"packets", AS_U64, AT(packets_out)},
	{"bytes", AS_U64, AT(bytes_out)},
	{"packets_in", AS_U64, AT(packets_in)},
	{"bytes_in", AS_U64, AT(bytes_in)},
	{"flows", AS_U64, AT(flows)},
	{"answered", AS_BOOL, AT(answered)},
	{"reason", AS_TEXT, AT(reason)},
	{"verdict", AS_TEXT, AT(reason)},
	{"community_id", AS_TEXT, AT(community_id)},
	{"community_id_nat", AS_TEXT, AT(community_id_nat)},
	{"sources", AS_ARRAY, AT(sources)},
	{NULL, AS_TIME, 0},
};

static const struct place side_places[] = {
	{"src", AS_IP, SIDE(src)},         {"dst", AS_IP, SIDE(dst)},
	{"sport", AS_U16, SIDE(sport)},    {"dport", AS_U16, SIDE(dport)},
	{"type", AS_U16, SIDE(icmp_type)}, {"code", AS_U16, SIDE(icmp_code)},
	{"id", AS_U16, SIDE(icmp_id)},     {NULL, AS_TIME, 0},
};

static enum err read_number(const struct json_member *m, uint64_t max, uint64_t *v)
{
	if (m->kind != JSON_NUMBER)
		return ERR_SYNTAX;
	return text_read_u64(m->value, max, v) ? ERR_SYNTAX : ERR_OK;
}

static enum err put_number(const struct json_member *m, enum taken_as as, uint8_t *to)
{
	uint64_t v;
	TRY(read_number(m, as == AS_U8 ? UINT8_MAX : as == AS_U16 ? UINT16_MAX : UINT64_MAX, &v));
	if (as == AS_U8)
		*to = (uint8_t)v;
	else if (as == AS_U16)
		*(uint16_t *)(void *)to = (uint16_t)v;
	else
		*(uint64_t *)(void *)to = v;
	return ERR_OK;
}

static enum err put_value(const struct json_member *m, const struct place *p, uint8_t *to)
{
	switch (p->as) {
	case AS_U64:
	case AS_U16:
	case AS_U8:
		return put_number(m, p->as, to);
	case AS_TIME:
		return m->kind == JSON_STRING && !time_read_rfc3339(m->value, (uint64_t *)(void *)to)
			       ? ERR_OK
			       : ERR_SYNTAX;
	case AS_IP:
		return m->kind == JSON_STRING && !ip_read(m->value, (struct ip *)(void *)to) ? ERR_OK
											     : ERR_SYNTAX;
	case AS_BOOL:
		*(bool *)to = span_eq(m->value, SPAN("true"));
		return m->kind == JSON_WORD ? ERR_OK : ERR_SYNTAX;
	case AS_TEXT:
		*(struct span *)(void *)to = m->value;
		return m->kind == JSON_STRING ? ERR_OK : ERR_SYNTAX;
	case AS_ARRAY:
		*(struct span *)(void *)to = m->value;
		return m->kind == JSON_ARRAY ? ERR_OK : ERR_SYNTAX;
	case AS_SIDE:
		break; /* put_member */
	}
	return ERR_SYNTAX;
}

static const struct place *place_of(const struct place *p, struct span key)
{
	for (; p->key; p++)
		if (span_eq(key, span_str(p->key)))
			return p;
	return NULL;
}

static enum err put_side_member(const struct json_member *m, struct flowline_side *side)
{
	const struct place *p = place_of(side_places, m->key);
	if (!p)
		return ERR_OK;
	side->has_src |= p->offset == SIDE(src);
	side->has_dst |= p->offset == SIDE(dst);
	return put_value(m, p, (uint8_t *)side + p->offset);
}

static enum err read_side(struct span text, struct flowline_side *side)
{
	struct json_walk w;
	struct json_member m;
	enum err e = json_walk(text, &w);
	while (!e && !(e = json_walk_next(&w, &m)))
		e = put_side_member(&m, side);
	return e == ERR_NOT_FOUND ? ERR_OK : ERR_SYNTAX;
}

/* What kind of line it is, as the member that tells it does. */
static void see_kind(const struct json_member *m, struct flowline *f)
{
	static const struct {
		const char *value;
		enum flowline_kind kind;
	} flows[] = {{"end", FLOWLINE_END}, {"live", FLOWLINE_LIVE}, {"unanswered", FLOWLINE_CROWD}};
	if (span_eq(m->key, SPAN("verdict")))
		f->kind = FLOWLINE_VERDICT;
	for (unsigned i = 0; span_eq(m->key, SPAN("flow")) && i < sizeof(flows) / sizeof(flows[0]); i++)
		if (span_eq(m->value, span_str(flows[i].value)))
			f->kind = flows[i].kind;
}

static enum err put_member(const struct json_member *m, struct flowline *f)
{
	see_kind(m, f);
	const struct place *p = place_of(line_places, m->key);
	/* a crowd and a verdict have their addresses in the line itself; the head of an object has texts of
	 * its own */
	if (p && p->as == AS_SIDE)
		return m->kind == JSON_OBJECT ? read_side(m->value, (void *)((uint8_t *)f + p->offset))
					      : ERR_SYNTAX;
	if (p)
		return put_value(m, p, (uint8_t *)f + p->offset);
	return f->kind == FLOWLINE_CROWD || f->kind == FLOWLINE_VERDICT ? put_side_member(m, &f->orig)
									: ERR_OK;
}

enum err flowline_read(struct span line, struct flowline *f)
{
	struct json_walk w;
	struct json_member m;
	*f = (struct flowline){.kind = FLOWLINE_NOTE};
	enum err e = json_walk(line, &w);
	while (!e && !(e = json_walk_next(&w, &m)))
		e = put_member(&m, f);
	if (e != ERR_NOT_FOUND || f->time_ns == 0)
		return ERR_SYNTAX;
	if (f->from_ns == 0)
		f->from_ns = f->time_ns;
	if (f->to_ns == 0)
		f->to_ns = f->time_ns;
	return ERR_OK;
}

bool flowline_is_icmp(const struct flowline *f)
{
	return f->proto == ICMP || f->proto == ICMPV6;
}

bool flowline_has_ports(const struct flowline *f)
{
	static const uint8_t protos[] = {TCP, UDP, DCCP, SCTP, UDPLITE};
	for (unsigned i = 0; i < sizeof(protos); i++)
		if (f->proto == protos[i])
			return true;
	return false;
}

bool flowline_is_translated(const struct flowline *f)
{
	const struct flowline_side *o = &f->orig, *r = &f->reply;
	if (!r->has_src || !r->has_dst)
		return false;
	if (!ip_eq(&o->src, &r->dst) || !ip_eq(&o->dst, &r->src))
		return true;
	return flowline_is_icmp(f) ? o->icmp_id != r->icmp_id : o->sport != r->dport || o->dport != r->sport;
}

bool flowline_source(const struct flowline *f, unsigned i, struct ip *source)
{
	struct json_walk w;
	struct json_member m;
	enum err e = json_walk(f->sources, &w);
	for (unsigned at = 0; !e && !(e = json_walk_next(&w, &m)); at++)
		if (at == i)
			return m.kind == JSON_STRING && !ip_read(m.value, source);
	return false;
}

const char *flowline_proto_name(uint8_t proto)
{
	switch (proto) {
	case ICMP:
		return "icmp";
	case TCP:
		return "tcp";
	case UDP:
		return "udp";
	case ICMPV6:
		return "icmp6";
	default:
		return NULL;
	}
}
