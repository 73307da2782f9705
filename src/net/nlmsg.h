/* nlmsg: netlink messages and attributes, written and read; what rtnl, nft, ct and nflog share.
 *
 * A message is begun, filled with attributes and ended; nests likewise. Numbers are in host byte order unless
 * the name says be. Reading never leaves the span it is given, and every step consumes something. Source:
 * linux/netlink.h, linux/netfilter/nfnetlink.h.
 */
#ifndef SEALTAP_NET_NLMSG_H
#define SEALTAP_NET_NLMSG_H

#include "base/buf.h"

/* Returns the mark for nlmsg_end(). NLM_F_REQUEST is added to flags. */
size_t nlmsg_begin(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq);
/* The same for the kernel's packet filter and connection tracking (NETLINK_NETFILTER): with the head of their
 * bodies, struct nfgenmsg. family: NFPROTO_*; resource: by the type, mostly 0. */
size_t nlmsg_begin_netfilter(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq, uint8_t family,
			     uint16_t resource);
void nlmsg_end(struct buf *b, size_t mark);
void nlmsg_attr(struct buf *b, uint16_t type, struct span value);
void nlmsg_attr_u32(struct buf *b, uint16_t type, uint32_t v);
void nlmsg_attr_be32(struct buf *b, uint16_t type, uint32_t v);
/* With its terminator. */
void nlmsg_attr_str(struct buf *b, uint16_t type, const char *s);
size_t nlmsg_nest(struct buf *b, uint16_t type);
void nlmsg_nest_end(struct buf *b, size_t mark);

struct nlmsg {
	uint16_t type, flags;
	uint32_t seq;
	struct span body; /* borrowed: what follows the header */
};

/* Takes the first message off *in. ERR_MORE when *in is empty, ERR_SYNTAX when no whole message is there. */
enum err nlmsg_next(struct span *in, struct nlmsg *m) MUST_USE;
/* The attributes behind the body's head of struct nfgenmsg. ERR_SYNTAX: the body is shorter than that. */
enum err nlmsg_netfilter_attrs(const struct nlmsg *m, struct span *attrs) MUST_USE;
/* Takes the first attribute off *attrs; type without its flag bits. ERR_MORE at the end, ERR_SYNTAX. */
enum err nlmsg_attr_next(struct span *attrs, uint16_t *type, struct span *value) MUST_USE;

#endif
