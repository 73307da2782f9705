/* Message: netlink header of type NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_* | family u8, version u8,
 * resource id u16 | attributes. Numbers in attributes are big-endian:
 *
 *   CTA_TUPLE_ORIG, CTA_TUPLE_REPLY { CTA_TUPLE_IP { CTA_IP_* } CTA_TUPLE_PROTO { CTA_PROTO_* } }
 *   CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY { PACKETS u64, BYTES u64 }
 *   CTA_TIMESTAMP { START u64, STOP u64 }   CTA_PROTOINFO { CTA_PROTOINFO_TCP { STATE u8 } }
 *   CTA_STATUS, CTA_TIMEOUT, CTA_ID u32
 */
#include "net/ct.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>

#define TYPE(what) (NFNL_SUBSYS_CTNETLINK << 8 | (what))

/* ---- fields: which attribute goes where. A value of another length is left out. */

struct field {
	uint16_t type;
	uint8_t len;  /* of the value on the wire */
	uint8_t size; /* of the place: an integer of that size in host order, or bytes */
	void *to;
};

static void take(const struct field *f, struct span value)
{
	if (value.len < f->len)
		return;
	switch (f->size) {
	case 1:
		*(uint8_t *)f->to = value.p[0];
		break;
	case 2:
		*(uint16_t *)f->to = load_be16(value.p);
		break;
	case 4:
		*(uint32_t *)f->to = load_be32(value.p);
		break;
	case 8:
		*(uint64_t *)f->to = load_be64(value.p);
		break;
	default:
		memcpy(f->to, value.p, f->len);
	}
}

static enum err read_fields(struct span attrs, const struct field *fields, size_t count)
{
	struct span value;
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value)))
		for (size_t i = 0; i < count; i++)
			if (fields[i].type == type)
				take(&fields[i], value);
	return e == ERR_MORE ? ERR_OK : e;
}

#define READ(attrs, fields) read_fields(attrs, fields, sizeof(fields) / sizeof((fields)[0]))

/* ---- tuples */

/* An address that is not there stays all zero, which no IPv4 one is here. */
static const struct ip none;

static enum err read_addresses(struct span attrs, struct ct_tuple *t)
{
	struct span value;
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value))) {
		struct ip *to = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC   ? &t->src
				: type == CTA_IP_V4_DST || type == CTA_IP_V6_DST ? &t->dst
										 : NULL;
		bool v4 = type == CTA_IP_V4_SRC || type == CTA_IP_V4_DST;
		if (!to || value.len != (v4 ? 4 : sizeof(to->bytes)))
			continue;
		if (v4)
			*to = ip_from_v4(load_be32(value.p));
		else
			memcpy(to->bytes, value.p, sizeof(to->bytes));
	}
	return e == ERR_MORE ? ERR_OK : e;
}

static enum err read_protocol(struct span attrs, struct ct_tuple *t, uint8_t *proto)
{
	const struct field fields[] = {
		{CTA_PROTO_NUM, 1, 1, proto},
		{CTA_PROTO_SRC_PORT, 2, 2, &t->sport},
		{CTA_PROTO_DST_PORT, 2, 2, &t->dport},
		{CTA_PROTO_ICMP_ID, 2, 2, &t->icmp_id},
		{CTA_PROTO_ICMP_TYPE, 1, 1, &t->icmp_type},
		{CTA_PROTO_ICMP_CODE, 1, 1, &t->icmp_code},
		{CTA_PROTO_ICMPV6_ID, 2, 2, &t->icmp_id},
		{CTA_PROTO_ICMPV6_TYPE, 1, 1, &t->icmp_type},
		{CTA_PROTO_ICMPV6_CODE, 1, 1, &t->icmp_code},
	};
	return READ(attrs, fields);
}

static enum err read_tuple(struct span attrs, struct ct_tuple *t, uint8_t *proto)
{
	struct span value;
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value))) {
		if (type == CTA_TUPLE_IP)
			TRY(read_addresses(value, t));
		else if (type == CTA_TUPLE_PROTO)
			TRY(read_protocol(value, t, proto));
	}
	return e == ERR_MORE ? ERR_OK : e;
}

/* ---- the rest */

static enum err read_counters(struct span attrs, struct ct_flow *f, enum ct_way way)
{
	const struct field fields[] = {
		{CTA_COUNTERS_PACKETS, 8, 8, &f->packets[way]},
		{CTA_COUNTERS_BYTES, 8, 8, &f->bytes[way]},
	};
	return READ(attrs, fields);
}

static enum err read_times(struct span attrs, struct ct_flow *f)
{
	const struct field fields[] = {
		{CTA_TIMESTAMP_START, 8, 8, &f->start_ns},
		{CTA_TIMESTAMP_STOP, 8, 8, &f->stop_ns},
	};
	return READ(attrs, fields);
}

static enum err read_state(struct span attrs, struct ct_flow *f)
{
	const struct field fields[] = {{CTA_PROTOINFO_TCP_STATE, 1, 1, &f->tcp_state}};
	struct span value;
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value)))
		if (type == CTA_PROTOINFO_TCP)
			TRY(READ(value, fields));
	return e == ERR_MORE ? ERR_OK : e;
}

static enum err read_nest(uint16_t type, struct span value, struct ct_flow *f)
{
	switch (type) {
	case CTA_TUPLE_ORIG:
		return read_tuple(value, &f->orig, &f->proto);
	case CTA_TUPLE_REPLY:
		return read_tuple(value, &f->reply, &f->proto);
	case CTA_COUNTERS_ORIG:
		return read_counters(value, f, CT_OUT);
	case CTA_COUNTERS_REPLY:
		return read_counters(value, f, CT_IN);
	case CTA_TIMESTAMP:
		return read_times(value, f);
	case CTA_PROTOINFO:
		return read_state(value, f);
	default:
		return ERR_OK;
	}
}

enum err ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone)
{
	memset(f, 0, sizeof(*f));
	if (m->type != TYPE(IPCTNL_MSG_CT_NEW) && m->type != TYPE(IPCTNL_MSG_CT_DELETE))
		return ERR_UNSUPPORTED;
	struct span attrs, value;
	TRY(nlmsg_netfilter_attrs(m, &attrs));
	*gone = m->type == TYPE(IPCTNL_MSG_CT_DELETE);
	const struct field fields[] = {
		{CTA_STATUS, 4, 4, &f->status},
		{CTA_TIMEOUT, 4, 4, &f->timeout_s},
		{CTA_ID, 4, 4, &f->id},
	};
	TRY(READ(attrs, fields));
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value)))
		TRY(read_nest(type, value, f));
	if (e != ERR_MORE)
		return e;
	bool whole = f->proto && !ip_eq(&f->orig.src, &none) && !ip_eq(&f->reply.src, &none);
	return whole ? ERR_OK : ERR_MISSING;
}

void ct_dump(struct buf *b, uint32_t seq, bool dying)
{
	uint16_t what = dying ? IPCTNL_MSG_CT_GET_DYING : IPCTNL_MSG_CT_GET;
	nlmsg_end(b, nlmsg_begin_netfilter(b, TYPE(what), NLM_F_DUMP, seq, NFPROTO_UNSPEC, 0));
}
