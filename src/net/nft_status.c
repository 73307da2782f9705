#include "net/nft_status.h"

#include <linux/netfilter.h>

#include "net/nft_expr.h"

static struct nft_rule rule_to_port(struct nft_batch *t, uint16_t port)
{
	struct nft_rule r = nft_rule_begin(t, "status");
	nft_protocol(&r, CONF_TCP);
	nft_ports(&r, NFT_DESTINATION, &(struct conf_ports){port, port});
	return r;
}

void nft_status_rules(struct nft_batch *t, const struct nft_status *s, const char *refused)
{
	struct nft_rule r;
	if (s->port == 0)
		return;
	for (uint32_t i = 0; i < s->sources->count; i++) {
		const struct ip_net *from = &s->sources->net[i];
		r = rule_to_port(t, s->port);
		nft_link(&r, NFT_META_IIF, s->ifindex);
		nft_family(&r, ip_net_is_v4(from) ? 4 : 6);
		nft_net(&r, NFT_SOURCE, NFT_CMP_EQ, from);
		nft_verdict(&r, NF_ACCEPT, NULL);
		nft_rule_end(&r);
	}
	r = rule_to_port(t, s->port);
	nft_verdict(&r, (uint32_t)NFT_GOTO, refused);
	nft_rule_end(&r);
}
