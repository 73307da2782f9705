/* conf_gateway: the part of the configuration that says what the gateway lets through and how it translates:
 * base/conf.h is its reference, this the readers of its values.
 */
#ifndef SEALTAP_BASE_CONF_GATEWAY_H
#define SEALTAP_BASE_CONF_GATEWAY_H

#include "base/ip.h"

#define CONF_PUBLISHED 32
#define CONF_FORWARD_RULES 64
/* Higher ones are the appliance's own. */
#define CONF_PORT_MAX 64511

enum conf_nat { CONF_NAT_MASQUERADE, CONF_NAT_NONE, CONF_NAT_SNAT };

enum conf_protocol { CONF_ANY = 0, CONF_ICMP = 1, CONF_TCP = 6, CONF_UDP = 17 };

enum conf_direction { CONF_OUT, CONF_IN };

struct conf_ports {
	uint16_t first, last; /* 0: any */
};

struct conf_publish {
	uint32_t protocol; /* enum conf_protocol: TCP or UDP */
	uint32_t line;     /* of the configuration */
	struct conf_ports ports;
	uint32_t to;                /* host order */
	struct conf_ports to_ports; /* one port; 0: the same as ports */
	struct ip_net from;         /* IPv4; prefix_len 96: anybody */
};

struct conf_forward {
	uint32_t allow;     /* 0 or 1 */
	uint32_t direction; /* enum conf_direction */
	uint32_t family;    /* 4, 6; 0: both, then neither network is given */
	uint32_t protocol;  /* enum conf_protocol */
	uint32_t line;
	struct ip_net from, to; /* prefix_len 0: any */
	struct conf_ports from_ports, to_ports;
};

/* Fixed size, no pointers: part of struct settings. */
struct conf_gateway {
	uint32_t nat;       /* enum conf_nat */
	uint32_t snat_addr; /* host order, with CONF_NAT_SNAT */
	uint32_t publish_count, forward_count;
	struct conf_publish publish[CONF_PUBLISHED];
	struct conf_forward forward[CONF_FORWARD_RULES];
	uint64_t flows_per_source, new_flows_per_second; /* 0: no limit */
};

/* Each reads one value. ERR_SYNTAX, ERR_RANGE, ERR_UNSUPPORTED; ERR_TOO_LONG: one more than there is room
 * for; ERR_DUPLICATE: a port that is published already. */
enum err conf_gateway_read_nat(struct span v, struct conf_gateway *out) MUST_USE;
enum err conf_gateway_read_publish(struct span v, unsigned line, struct conf_gateway *out) MUST_USE;
enum err conf_gateway_read_forward(struct span v, unsigned line, bool allow, struct conf_gateway *out)
	MUST_USE;
/* The values as they can be read again; `nat` has at most 15 characters. */
void conf_gateway_nat_text(struct buf *b, const struct conf_gateway *c);
void conf_gateway_publish_text(struct buf *b, const struct conf_publish *p);
void conf_gateway_forward_text(struct buf *b, const struct conf_forward *r);

#endif
