/* canary: a question of the appliance's own to the DNS that is known again in its answer, which arrives like
 * any other packet: when the object with it is stored, all of the way works. Without I/O.
 *
 * The name asked for is sealtap-canary-<boot>-<number>.invalid, which exists nowhere (RFC 2606): any answer,
 * an error too, repeats it.
 */
#ifndef SEALTAP_NET_CANARY_H
#define SEALTAP_NET_CANARY_H

#include "base/buf.h"

/* b has DNS_PACKET_MAX bytes. */
enum err canary_query(struct buf *b, uint16_t id, uint64_t boot, uint32_t number) MUST_USE;
/* Is this Ethernet frame an answer, by IPv4 and UDP, to own_addr (host order)? */
bool canary_find(struct span frame, uint32_t own_addr, uint64_t boot, uint32_t *number);

#endif
