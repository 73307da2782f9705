/* prefilter: may a zstd frame hold a packet that a pcap filter accepts? Asked of the frame's filter of
 * addresses and ports (record/bloom.h), so that a frame which has none need not be fetched.
 *
 * False is certain: no packet whose keys were added (record/packet_keys.h) is accepted. True says nothing.
 * What is understood: an address or a port that the pcap filter compares with one value, over IPv4, IPv6 (all
 * four words of an address), ARP and RARP, behind two VLAN tags at most. All else (networks, ranges of ports,
 * `not`, bytes, lengths) may be so or not. The work is bounded: after it the answer is true.
 */
#ifndef SEALTAP_RECORD_PREFILTER_H
#define SEALTAP_RECORD_PREFILTER_H

#include "base/span.h"
#include "lib/pcapfilter.h"

/* bloom: as written (bloom_fold()); empty: the frame may hold anything. */
bool prefilter_may(const struct pcapfilter *f, struct span bloom);
/* Does this pcap filter ask for addresses or ports, so that frames can be passed over for it at all? */
bool prefilter_helps(const struct pcapfilter *f);

#endif
