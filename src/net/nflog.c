/* Message: netlink header of type NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET | family u8, version u8, group
 * u16 (big-endian) | attributes, big-endian:
 *
 *   NFULA_PACKET_HDR { ether type u16, hook u8, pad }   NFULA_PREFIX text with terminator
 *   NFULA_TIMESTAMP { seconds u64, microseconds u64 }   NFULA_HWADDR { length u16, pad u16, address (8) }
 *   NFULA_IFINDEX_INDEV, NFULA_IFINDEX_OUTDEV, NFULA_SEQ u32   NFULA_PAYLOAD bytes
 */
#include "net/nflog.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>

#define TYPE(what) (NFNL_SUBSYS_ULOG << 8 | (what))
/* The kernel hands over several packets together, none later than this after it: hundredths of a second. */
#define HELD_CS 10
#define NS_PER_US 1000ull
#define SECONDS_MAX (UINT64_MAX / 1000000000 - 1)

static void read_reason(struct span value, char reason[NFLOG_PREFIX_MAX])
{
	struct span text = span_trim(span_first(value, span_find(value, 0)));
	text = span_first(text, NFLOG_PREFIX_MAX - 1);
	for (size_t i = 0; i < text.len; i++)
		reason[i] = (char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
}

static uint64_t read_time(struct span value)
{
	uint64_t s = load_be64(value.p), us = load_be64(value.p + 8);
	return s < SECONDS_MAX && us < 1000000 ? s * 1000000000ull + us * NS_PER_US : 0;
}

static uint32_t read_u32(struct span value)
{
	return value.len == 4 ? load_be32(value.p) : 0;
}

static void read_attr(uint16_t type, struct span value, struct nflog_packet *p)
{
	switch (type) {
	case NFULA_PACKET_HDR:
		if (value.len >= 2)
			p->ether_type = load_be16(value.p);
		break;
	case NFULA_PREFIX:
		read_reason(value, p->reason);
		break;
	case NFULA_TIMESTAMP:
		if (value.len == 16)
			p->ns = read_time(value);
		break;
	case NFULA_HWADDR:
		if (value.len >= 4 + sizeof(p->mac) && load_be16(value.p) == sizeof(p->mac))
			memcpy(p->mac, value.p + 4, sizeof(p->mac));
		break;
	case NFULA_IFINDEX_INDEV:
		p->in = read_u32(value);
		break;
	case NFULA_IFINDEX_OUTDEV:
		p->out = read_u32(value);
		break;
	case NFULA_SEQ:
		p->has_seq = value.len == 4;
		p->seq = read_u32(value);
		break;
	case NFULA_PAYLOAD:
		p->payload = value;
		break;
	default:
		break;
	}
}

enum err nflog_read(const struct nlmsg *m, struct nflog_packet *p)
{
	memset(p, 0, sizeof(*p));
	if (m->type != TYPE(NFULNL_MSG_PACKET))
		return ERR_UNSUPPORTED;
	if (m->body.len < sizeof(struct nfgenmsg))
		return ERR_SYNTAX;
	struct span attrs = span_from(m->body, sizeof(struct nfgenmsg)), value;
	uint16_t type;
	enum err e;
	while (!(e = nlmsg_attr_next(&attrs, &type, &value)))
		read_attr(type, value, p);
	return e == ERR_MORE ? ERR_OK : e;
}

static size_t begin(struct buf *b, uint32_t seq, uint16_t group)
{
	size_t mark = nlmsg_begin(b, TYPE(NFULNL_MSG_CONFIG), NLM_F_ACK, seq);
	buf_be16(b, 0); /* family, version */
	buf_be16(b, group);
	return mark;
}

void nflog_bind(struct buf *b, uint32_t seq, uint16_t group, uint32_t copy_bytes)
{
	static const struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
	uint8_t mode[sizeof(struct nfulnl_msg_config_mode)] = {[4] = NFULNL_COPY_PACKET};
	uint8_t flags[2] = {0, NFULNL_CFG_F_SEQ};
	size_t mark = begin(b, seq, group);
	nlmsg_attr(b, NFULA_CFG_CMD, span_of(&bind, sizeof(bind)));
	nlmsg_end(b, mark);
	mark = begin(b, seq + 1, group);
	store_be32(mode, copy_bytes);
	nlmsg_attr(b, NFULA_CFG_MODE, span_of(mode, sizeof(mode)));
	nlmsg_attr_be32(b, NFULA_CFG_TIMEOUT, HELD_CS);
	nlmsg_attr(b, NFULA_CFG_FLAGS, span_of(flags, sizeof(flags)));
	nlmsg_end(b, mark);
}
