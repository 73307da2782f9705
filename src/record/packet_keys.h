/* packet_keys: the addresses and ports of a packet, into the filter of its frame (record/bloom.h).
 *
 * All that libpcap's `host` and `port` look at is in it, read where libpcap reads it and as trustingly: the
 * addresses of IPv4, IPv6, ARP and RARP, and the ports of TCP, UDP and SCTP: over IPv4 of a first fragment,
 * over IPv6 right behind its header; behind two VLAN tags at most. record/prefilter.c relies on that.
 * Sources: pcap-filter(7), RFC 791, 826, 8200, IEEE 802.1Q.
 */
#ifndef SEALTAP_RECORD_PACKET_KEYS_H
#define SEALTAP_RECORD_PACKET_KEYS_H

#include "record/bloom.h"

#define PACKET_KEYS_TAGS 2

enum {
	PACKET_KEYS_IPV4 = 0x0800,
	PACKET_KEYS_ARP = 0x0806,
	PACKET_KEYS_RARP = 0x8035,
	PACKET_KEYS_IPV6 = 0x86dd,
};

/* frame: from the EtherType on, where the kernel took a tag out: from the one behind it on. */
void packet_keys(struct bloom *b, struct span frame);

bool packet_keys_is_tag(uint32_t ethertype);
/* Has the protocol ports? */
bool packet_keys_has_ports(uint32_t protocol);

#endif
