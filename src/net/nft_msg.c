/* Batch: BATCH_BEGIN | messages | BATCH_END. Each message starts with struct nfgenmsg; numbers in attributes
 * are big-endian. */
#include "net/nft_msg.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "net/nlmsg.h"

#define ADDRESSES_MAX 65535
#define KEY_TYPE_IPV4 7 /* nft(8)'s own numbers, for who lists the set; of several each has six bits */
#define KEY_TYPE_IPV6 8
#define KEY_TYPE_PORT 13
#define KEY_TYPE_UID 24

static size_t begin(struct nft_batch *t, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	return nlmsg_begin_netfilter(t->b, type, flags, t->seq++, family, resource);
}

static size_t begin_nft(struct nft_batch *t, uint16_t command, uint16_t flags)
{
	return begin(t, NFNL_SUBSYS_NFTABLES << 8 | command, flags, NFPROTO_INET, 0);
}

static void table(struct nft_batch *t, uint16_t command, uint16_t flags)
{
	size_t mark = begin_nft(t, command, flags);
	nlmsg_attr_str(t->b, NFTA_TABLE_NAME, NFT_TABLE);
	nlmsg_end(t->b, mark);
}

void nft_batch_begin(struct nft_batch *t)
{
	nlmsg_end(t->b, begin(t, NFNL_MSG_BATCH_BEGIN, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void nft_batch_end(struct nft_batch *t)
{
	/* it is there: this only carries the acknowledgement */
	table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
	nlmsg_end(t->b, begin(t, NFNL_MSG_BATCH_END, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void nft_table_add(struct nft_batch *t)
{
	table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

void nft_table_delete(struct nft_batch *t)
{
	table(t, NFT_MSG_DELTABLE, 0);
}

static void flush(struct nft_batch *t, const char *chain)
{
	size_t mark = begin_nft(t, NFT_MSG_DELRULE, 0);
	nlmsg_attr_str(t->b, NFTA_RULE_TABLE, NFT_TABLE);
	if (chain)
		nlmsg_attr_str(t->b, NFTA_RULE_CHAIN, chain);
	nlmsg_end(t->b, mark);
}

void nft_table_flush(struct nft_batch *t)
{
	flush(t, NULL);
}

void nft_chain_flush(struct nft_batch *t, const char *name)
{
	flush(t, name);
}

static size_t begin_chain(struct nft_batch *t, const char *name)
{
	size_t mark = begin_nft(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nlmsg_attr_str(t->b, NFTA_CHAIN_TABLE, NFT_TABLE);
	nlmsg_attr_str(t->b, NFTA_CHAIN_NAME, name);
	return mark;
}

void nft_base_chain(struct nft_batch *t, const char *name, const char *type, uint32_t hook, int32_t priority,
		    uint32_t policy)
{
	size_t mark = begin_chain(t, name);
	size_t nest = nlmsg_nest(t->b, NFTA_CHAIN_HOOK);
	nlmsg_attr_be32(t->b, NFTA_HOOK_HOOKNUM, hook);
	nlmsg_attr_be32(t->b, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nlmsg_nest_end(t->b, nest);
	nlmsg_attr_be32(t->b, NFTA_CHAIN_POLICY, policy);
	nlmsg_attr_str(t->b, NFTA_CHAIN_TYPE, type);
	nlmsg_end(t->b, mark);
}

void nft_chain(struct nft_batch *t, const char *name)
{
	nlmsg_end(t->b, begin_chain(t, name));
}

void nft_counter_object(struct nft_batch *t, const char *name)
{
	size_t mark = begin_nft(t, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	nlmsg_attr_str(t->b, NFTA_OBJ_TABLE, NFT_TABLE);
	nlmsg_attr_str(t->b, NFTA_OBJ_NAME, name);
	nlmsg_attr_be32(t->b, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nlmsg_nest_end(t->b, nlmsg_nest(t->b, NFTA_OBJ_DATA));
	nlmsg_end(t->b, mark);
}

void nft_attr_be64(struct buf *b, uint16_t type, uint64_t v)
{
	uint8_t bytes[8];
	struct buf be = BUF_OF(bytes);
	buf_be64(&be, v);
	nlmsg_attr(b, type, buf_span(&be));
}

struct set {
	const char *name;
	uint32_t id, flags, key_type, key_len;
	uint64_t timeout_ms; /* 0: none */
};

static void add_set(struct nft_batch *t, const struct set *s)
{
	size_t mark = begin_nft(t, NFT_MSG_NEWSET, NLM_F_CREATE);
	nlmsg_attr_str(t->b, NFTA_SET_TABLE, NFT_TABLE);
	nlmsg_attr_str(t->b, NFTA_SET_NAME, s->name);
	nlmsg_attr_be32(t->b, NFTA_SET_FLAGS, s->flags | (s->timeout_ms ? NFT_SET_TIMEOUT : 0));
	nlmsg_attr_be32(t->b, NFTA_SET_KEY_TYPE, s->key_type);
	nlmsg_attr_be32(t->b, NFTA_SET_KEY_LEN, s->key_len);
	nlmsg_attr_be32(t->b, NFTA_SET_ID, s->id);
	size_t nest = nlmsg_nest(t->b, NFTA_SET_DESC);
	nlmsg_attr_be32(t->b, NFTA_SET_DESC_SIZE, ADDRESSES_MAX);
	nlmsg_nest_end(t->b, nest);
	if (s->timeout_ms)
		nft_attr_be64(t->b, NFTA_SET_TIMEOUT, s->timeout_ms);
	nlmsg_end(t->b, mark);
}

static uint32_t key_type(unsigned family)
{
	return family == 4 ? KEY_TYPE_IPV4 : KEY_TYPE_IPV6;
}

static uint32_t key_len(unsigned family)
{
	return family == 4 ? 4 : 16;
}

void nft_address_set(struct nft_batch *t, const char *name, uint32_t id, unsigned family, uint64_t timeout_ms)
{
	add_set(t, &(struct set){name, id, NFT_SET_EVAL, key_type(family), key_len(family), timeout_ms});
}

void nft_goal_set(struct nft_batch *t, const char *name, uint32_t id, unsigned family, uint64_t timeout_ms)
{
	uint32_t type = (KEY_TYPE_UID << 6 | key_type(family)) << 6 | KEY_TYPE_PORT;
	add_set(t, &(struct set){name, id, 0, type, 4 + key_len(family) + 4, timeout_ms});
}

static void element(struct nft_batch *t, uint16_t command, uint16_t flags, const char *set, struct span key)
{
	size_t mark = begin_nft(t, command, flags);
	nlmsg_attr_str(t->b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	nlmsg_attr_str(t->b, NFTA_SET_ELEM_LIST_SET, set);
	size_t list = nlmsg_nest(t->b, NFTA_SET_ELEM_LIST_ELEMENTS);
	size_t one = nlmsg_nest(t->b, NFTA_LIST_ELEM);
	size_t nest = nlmsg_nest(t->b, NFTA_SET_ELEM_KEY);
	nlmsg_attr(t->b, NFTA_DATA_VALUE, key);
	nlmsg_nest_end(t->b, nest);
	nlmsg_nest_end(t->b, one);
	nlmsg_nest_end(t->b, list);
	nlmsg_end(t->b, mark);
}

/* Kernels before 6.12 don't lengthen the time of an element that is there: it goes and comes in one batch. */
void nft_goal(struct nft_batch *t, const char *name, uint32_t uid, const struct ip *addr, uint16_t port)
{
	uint8_t bytes[4 + 16 + 4];
	struct buf key = BUF_OF(bytes);
	uint32_t from = ip_is_v4(addr) ? 12 : 0;
	buf_put(&key, span_of(&uid, sizeof(uid)));
	buf_put(&key, span_of(addr->bytes + from, 16 - from));
	buf_be16(&key, port);
	buf_be16(&key, 0);
	element(t, NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, buf_span(&key));
	element(t, NFT_MSG_DELSETELEM, 0, name, buf_span(&key));
	element(t, NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, buf_span(&key));
}

struct nft_rule nft_rule_begin(struct nft_batch *t, const char *chain)
{
	struct nft_rule r = {.b = t->b};
	r.message = begin_nft(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nlmsg_attr_str(r.b, NFTA_RULE_TABLE, NFT_TABLE);
	nlmsg_attr_str(r.b, NFTA_RULE_CHAIN, chain);
	r.expressions = nlmsg_nest(r.b, NFTA_RULE_EXPRESSIONS);
	return r;
}

void nft_rule_end(const struct nft_rule *r)
{
	nlmsg_nest_end(r->b, r->expressions);
	nlmsg_end(r->b, r->message);
}
