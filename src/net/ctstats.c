/* Request: nfgenmsg | nothing. Each answer: nfgenmsg, its resource the processor | attributes, u32 big-endian
 * each. */
#include "net/ctstats.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#define GET_STATS (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU)

void ctstats_dump(struct buf *b, uint32_t seq)
{
	nlmsg_end(b, nlmsg_begin_netfilter(b, GET_STATS, NLM_F_DUMP, seq, NFPROTO_UNSPEC, 0));
}

static enum err add_number(struct span v, uint64_t *sum)
{
	if (v.len != 4)
		return ERR_SYNTAX;
	*sum += load_be32(v.p);
	return ERR_OK;
}

enum err ctstats_add(const struct nlmsg *m, struct ctstats *sum)
{
	struct span attrs = span_from(m->body, sizeof(struct nfgenmsg)), v;
	struct ctstats all = *sum;
	uint16_t type;
	enum err e;
	if (m->type != GET_STATS)
		return ERR_NOT_FOUND;
	while ((e = nlmsg_attr_next(&attrs, &type, &v)) == ERR_OK) {
		if (type == CTA_STATS_INSERT_FAILED)
			TRY(add_number(v, &all.insert_failed));
		else if (type == CTA_STATS_DROP)
			TRY(add_number(v, &all.drop));
		else if (type == CTA_STATS_EARLY_DROP)
			TRY(add_number(v, &all.early_drop));
	}
	if (e != ERR_MORE)
		return e;
	*sum = all;
	return ERR_OK;
}
