/* dhcp_wire: DHCPv4 messages as whole IPv4 datagrams, written for a client and read strictly (RFC 2131,
 * 2132).
 *
 * Addresses are IPv4 in host order. Replies are bounded and may use the fields sname and file for options
 * (option 52); an option that is read here must not occur twice.
 */
#ifndef SEALTAP_NET_DHCP_WIRE_H
#define SEALTAP_NET_DHCP_WIRE_H

#include "base/buf.h"

/* Bytes that suffice for a request. */
#define DHCP_PACKET_BYTES 576
/* Longest reply that is asked for and looked at. */
#define DHCP_REPLY_MAX 1500

enum dhcp_type {
	DHCP_TYPE_DISCOVER = 1,
	DHCP_TYPE_OFFER = 2,
	DHCP_TYPE_REQUEST = 3,
	DHCP_TYPE_ACK = 5,
	DHCP_TYPE_NAK = 6
};

struct dhcp_request {
	enum dhcp_type type;
	uint8_t mac[6];
	uint32_t xid;
	uint16_t secs;              /* since the exchange began */
	uint32_t own_addr;          /* ciaddr, and the source; 0 while none */
	uint32_t requested, server; /* options 50 and 54; 0: left out */
};

struct dhcp_reply {
	uint8_t type; /* enum dhcp_type, or any other that servers send */
	uint32_t yiaddr;
	unsigned mask_len; /* option 1; 0: absent, as are all below */
	uint32_t router, dns[2], server;
	uint32_t mtu; /* 0 also when it is below 576 */
	uint32_t lease_s, renew_s, rebind_s;
};

/* To 255.255.255.255 port 67, with the broadcast flag; b is empty and has DHCP_PACKET_BYTES. */
void dhcp_wire_write(struct buf *b, const struct dhcp_request *r);

/* checksum_ready: false when the sender's kernel left the UDP checksum to hardware. ERR_NOT_FOUND: no DHCP
 * reply at all, or one for another client or exchange. Other errors: it is for us, and malformed. */
enum err dhcp_wire_read(struct span datagram, bool checksum_ready, const uint8_t mac[6], uint32_t xid,
			struct dhcp_reply *r) MUST_USE;

#endif
