/* Request: NFT_MSG_GETOBJ: table, type 1. Each answer: NFT_MSG_NEWOBJ: table, name, type 1, data { u64 bytes,
 * u64 packets }, big-endian. */
#include "net/nft_counter.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "net/nft_msg.h"

#define TYPE(what) (NFNL_SUBSYS_NFTABLES << 8 | (what))

void nft_counter_dump(struct buf *b, uint32_t seq)
{
	size_t mark = nlmsg_begin_netfilter(b, TYPE(NFT_MSG_GETOBJ), NLM_F_DUMP, seq, NFPROTO_INET, 0);
	nlmsg_attr_str(b, NFTA_OBJ_TABLE, NFT_TABLE);
	nlmsg_attr_be32(b, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nlmsg_end(b, mark);
}

static enum err read_u64(struct span v, uint64_t *out)
{
	if (v.len != 8)
		return ERR_SYNTAX;
	*out = load_be64(v.p);
	return ERR_OK;
}

static enum err read_counts(struct span attrs, struct nft_counter *c)
{
	struct span v;
	uint16_t type;
	enum err e;
	while ((e = nlmsg_attr_next(&attrs, &type, &v)) == ERR_OK) {
		if (type == NFTA_COUNTER_BYTES)
			TRY(read_u64(v, &c->bytes));
		else if (type == NFTA_COUNTER_PACKETS)
			TRY(read_u64(v, &c->packets));
	}
	return e == ERR_MORE ? ERR_OK : e;
}

/* With its terminator, which ends it. */
static bool is_string(struct span v, const char *s)
{
	return span_eq(v, span_of(s, strlen(s) + 1));
}

enum err nft_counter_read(const struct nlmsg *m, struct nft_counter *c)
{
	struct span attrs = span_from(m->body, sizeof(struct nfgenmsg)), v;
	uint16_t type;
	bool ours = false, counts = false;
	enum err e;
	*c = (struct nft_counter){.packets = 0};
	if (m->type != TYPE(NFT_MSG_NEWOBJ))
		return ERR_NOT_FOUND;
	while ((e = nlmsg_attr_next(&attrs, &type, &v)) == ERR_OK) {
		switch (type) {
		case NFTA_OBJ_TABLE:
			ours = is_string(v, NFT_TABLE);
			break;
		case NFTA_OBJ_NAME:
			if (v.len < 2 || v.len > sizeof(c->name) || v.p[v.len - 1])
				return ERR_NOT_FOUND;
			memcpy(c->name, v.p, v.len);
			break;
		case NFTA_OBJ_TYPE:
			counts = v.len == 4 && load_be32(v.p) == NFT_OBJECT_COUNTER;
			break;
		case NFTA_OBJ_DATA:
			TRY(read_counts(v, c));
			break;
		default:
			break;
		}
	}
	if (e != ERR_MORE)
		return e;
	return ours && counts && c->name[0] ? ERR_OK : ERR_NOT_FOUND;
}
