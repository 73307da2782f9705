/* dhcp: a DHCPv4 client without I/O: packets in, packets out; time and randomness are arguments (RFC 2131).
 *
 *   SELECTING --offer--> REQUESTING --ack--> BOUND --T1--> RENEWING --T2--> REBINDING --expiry--> SELECTING
 *   an ack leads to BOUND; a refusal (NAK), or no ack after a few requests, back to SELECTING
 *
 * Packets are whole IPv4 datagrams to be sent to the link's broadcast address. Renewals are broadcast as
 * rebinding is and ask no server in particular, so the packet socket (os/dhcpsock) is all it needs. The first
 * usable offer is taken; the address is not probed by ARP. Addresses are IPv4 in host order.
 */
#ifndef SEALTAP_NET_DHCP_H
#define SEALTAP_NET_DHCP_H

#include "net/dhcp_wire.h"

enum dhcp_state {
	DHCP_SELECTING,
	DHCP_REQUESTING,
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING,
};

enum dhcp_event {
	DHCP_NOTHING,
	DHCP_LEASED,  /* a new lease, or a renewal that changed something: apply c->lease */
	DHCP_RENEWED, /* for longer, all else as before */
	DHCP_LOST,    /* expired, or taken back by the server: remove the address */
};

struct dhcp_lease {
	uint32_t addr;
	unsigned prefix_len;
	uint32_t router; /* 0: none given */
	uint32_t dns[2]; /* 0: none given */
	uint32_t mtu;    /* bytes; 0: none given */
	uint32_t server;
	uint32_t lease_s, renew_s, rebind_s; /* UINT32_MAX: for ever */
};

/* Times are monotonic. */
struct dhcp_client {
	enum dhcp_state state;
	uint8_t mac[6];
	uint32_t xid;
	unsigned tries;      /* packets sent in this state */
	uint64_t started_ns; /* when this exchange began */
	uint64_t sent_ns;    /* the last packet */
	uint64_t due_ns;     /* when to tick; UINT64_MAX: never */
	uint64_t leased_ns;  /* when the request that got the lease was sent */
	struct dhcp_lease offer, lease;
	enum err refused; /* why the last reply to us could not be used; ERR_OK: it could, or none came */
};

/* The first packet is sent by the next tick, which is due at once. */
void dhcp_start(struct dhcp_client *c, const uint8_t mac[6], uint64_t now_ns, uint64_t random);
/* To be called when c->due_ns has come. What is to be sent is written to packet, which is empty and has
 * DHCP_PACKET_BYTES; it may stay empty. */
enum dhcp_event dhcp_tick(struct dhcp_client *c, uint64_t now_ns, uint64_t random, struct buf *packet)
	MUST_USE;
/* For each datagram that arrives on the link; checksum_ready as in dhcp_wire_read(). What is no usable answer
 * to this client changes nothing but c->refused. A tick may be due afterwards. */
enum dhcp_event dhcp_receive(struct dhcp_client *c, uint64_t now_ns, uint64_t random, struct span datagram,
			     bool checksum_ready) MUST_USE;

#endif
