/* Message: u32 length (with this header), u16 type, u16 flags, u32 sequence, u32 port | body, padded to 4.
 * Attribute: u16 length (with this header), u16 type (two upper bits are flags) | value, padded to 4.
 * Netfilter's bodies: u8 family, u8 version, u16 resource (big-endian) | attributes. */
#include "net/nlmsg.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#define ATTR_HEAD_BYTES sizeof(struct nlattr)
#define ATTR_TYPE_BITS 0x3fffu

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void put_u16(struct buf *b, uint16_t v)
{
	buf_put(b, span_of(&v, sizeof(v)));
}

static void put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, span_of(&v, sizeof(v)));
}

static void pad(struct buf *b)
{
	buf_fill(b, 0, padded(b->len) - b->len);
}

size_t nlmsg_begin(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq)
{
	size_t mark = b->len;
	put_u32(b, 0);
	put_u16(b, type);
	put_u16(b, flags | NLM_F_REQUEST);
	put_u32(b, seq);
	put_u32(b, 0);
	return mark;
}

size_t nlmsg_begin_netfilter(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq, uint8_t family,
			     uint16_t resource)
{
	size_t mark = nlmsg_begin(b, type, flags, seq);
	buf_u8(b, family);
	buf_u8(b, NFNETLINK_V0);
	buf_be16(b, resource);
	return mark;
}

void nlmsg_end(struct buf *b, size_t mark)
{
	pad(b);
	if (b->overflow)
		return;
	uint32_t len = (uint32_t)(b->len - mark);
	memcpy(b->p + mark, &len, sizeof(len));
}

size_t nlmsg_nest(struct buf *b, uint16_t type)
{
	size_t mark = b->len;
	put_u16(b, 0);
	put_u16(b, type | NLA_F_NESTED);
	return mark;
}

void nlmsg_nest_end(struct buf *b, size_t mark)
{
	if (b->overflow)
		return;
	uint16_t len = (uint16_t)(b->len - mark);
	memcpy(b->p + mark, &len, sizeof(len));
}

void nlmsg_attr(struct buf *b, uint16_t type, struct span value)
{
	ASSERT(value.len <= UINT16_MAX - ATTR_HEAD_BYTES);
	put_u16(b, (uint16_t)(ATTR_HEAD_BYTES + value.len));
	put_u16(b, type);
	buf_put(b, value);
	pad(b);
}

void nlmsg_attr_u32(struct buf *b, uint16_t type, uint32_t v)
{
	nlmsg_attr(b, type, span_of(&v, sizeof(v)));
}

void nlmsg_attr_be32(struct buf *b, uint16_t type, uint32_t v)
{
	uint8_t be[4];
	store_be32(be, v);
	nlmsg_attr(b, type, span_of(be, sizeof(be)));
}

void nlmsg_attr_str(struct buf *b, uint16_t type, const char *s)
{
	nlmsg_attr(b, type, span_of(s, strlen(s) + 1));
}

enum err nlmsg_next(struct span *in, struct nlmsg *m)
{
	struct nlmsghdr h;
	if (in->len == 0)
		return ERR_MORE;
	if (in->len < sizeof(h))
		return ERR_SYNTAX;
	memcpy(&h, in->p, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > in->len)
		return ERR_SYNTAX;
	*m = (struct nlmsg){h.nlmsg_type, h.nlmsg_flags, h.nlmsg_seq, span_first(*in, h.nlmsg_len)};
	m->body = span_from(m->body, sizeof(h));
	*in = span_from(*in, padded(h.nlmsg_len));
	return ERR_OK;
}

enum err nlmsg_netfilter_attrs(const struct nlmsg *m, struct span *attrs)
{
	*attrs = span_from(m->body, sizeof(struct nfgenmsg));
	return m->body.len < sizeof(struct nfgenmsg) ? ERR_SYNTAX : ERR_OK;
}

enum err nlmsg_attr_next(struct span *attrs, uint16_t *type, struct span *value)
{
	struct nlattr a;
	if (attrs->len == 0)
		return ERR_MORE;
	if (attrs->len < sizeof(a))
		return ERR_SYNTAX;
	memcpy(&a, attrs->p, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > attrs->len)
		return ERR_SYNTAX;
	*type = a.nla_type & ATTR_TYPE_BITS;
	*value = span_of(attrs->p + sizeof(a), a.nla_len - sizeof(a));
	*attrs = span_from(*attrs, padded(a.nla_len));
	return ERR_OK;
}
