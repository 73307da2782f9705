/* nft: the gateway's whole nftables rule set as one netlink batch that takes effect at once or not at all.
 *
 * The table `inet sealtap` is replaced by what this call says, whatever it held. In nft(8)'s words:
 *
 *   chain forward { type filter hook forward priority filter; policy drop;
 *     only when open:
 *     iif INSIDE meta nfproto ipv4 ip daddr 169.254.0.0/16 drop
 *     ct state established,related accept
 *     ct state invalid drop
 *     iif INSIDE oif OUTSIDE meta nfproto ipv4 ct state new accept }
 *   chain postrouting { type nat hook postrouting priority srcnat; policy accept;
 *     unless routed without NAT:
 *     iif INSIDE oif OUTSIDE meta nfproto ipv4 masquerade to :FIRST-LAST }
 *
 * No host may reach IMDS through here: it answers with the appliance's credentials. The port range holds for
 * ICMP echo ids too. Links are matched by index, as the rings' filter does it: a link that comes back under
 * an old name is not forwarded before it is recorded. Source: linux/netfilter/nf_tables.h, nfnetlink.h.
 */
#ifndef SEALTAP_NET_NFT_H
#define SEALTAP_NET_NFT_H

#include "base/buf.h"

struct nft_gateway {
	bool open;                /* forward from inside to outside, and the answers */
	bool masquerade;          /* else routed without NAT */
	uint32_t outside, inside; /* ifindex; may be 0 when closed without NAT */
	uint16_t port_first, port_last;
};

/* Bytes that always suffice. */
#define NFT_BATCH_BYTES 4096

/* Messages are numbered from seq on; each but the batch's two ends asks for an acknowledgement. */
void nft_replace(struct buf *b, uint32_t seq, const struct nft_gateway *g);

#endif
