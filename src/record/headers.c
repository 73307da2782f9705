#include "record/headers.h"

#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_SERVICE_VLAN 0x88a8

#define IPV4_MIN 20
#define IPV6_BYTES 40
#define TCP_MIN 20
#define TCP_SYN 2
#define ICMP_BYTES 8
#define UNKNOWN_KEPT 8 /* RFC 792 takes as much for enough to tell which packet it was */
#define DISCOVERY_KEPT 64
#define ESP_BYTES 8

enum { HOP_BY_HOP = 0, ICMP = 1, UDP = 17, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, ICMP6 = 58 };
enum { ESP = 50, DESTINATION = 60, SCTP = 132, MOBILITY = 135, UDP_LITE = 136, HIP = 139, SHIM6 = 140 };

static uint32_t least(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* ---- transport: `rest` begins with its header; the bytes of it are *kept */

static enum err read_ports(struct span rest, uint32_t bytes, struct headers *h, uint32_t *kept)
{
	if (rest.len < bytes)
		return ERR_SYNTAX;
	h->from_port = load_be16(rest.p);
	h->to_port = load_be16(rest.p + 2);
	h->has_ports = true;
	*kept = bytes;
	return ERR_OK;
}

static enum err read_tcp(struct span rest, struct headers *h, uint32_t *kept)
{
	if (rest.len < TCP_MIN)
		return ERR_SYNTAX;
	uint32_t bytes = (rest.p[12] >> 4) * 4u;
	if (bytes < TCP_MIN)
		return ERR_SYNTAX;
	h->syn = rest.p[13] & TCP_SYN;
	return read_ports(rest, bytes, h, kept);
}

/* Bytes of the IP header that an ICMP error repeats: what it claims, or the least there is. */
static uint32_t repeated(struct span rest)
{
	if (rest.len == 0)
		return 0;
	if (rest.p[0] >> 4 == 6)
		return IPV6_BYTES;
	uint32_t bytes = (rest.p[0] & 15) * 4u;
	return bytes < IPV4_MIN ? IPV4_MIN : bytes;
}

static enum err read_icmp(struct span rest, bool six, uint32_t *kept)
{
	if (rest.len < ICMP_BYTES)
		return ERR_SYNTAX;
	uint8_t type = rest.p[0];
	bool error = six ? type < 128 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	uint32_t more = 0;
	if (error)
		more = repeated(span_from(rest, ICMP_BYTES)) + UNKNOWN_KEPT;
	else if (six && type >= 130 && type <= 137)
		more = DISCOVERY_KEPT;
	*kept = least(rest.len, ICMP_BYTES + more);
	return ERR_OK;
}

static enum err read_transport(struct span rest, struct headers *h, uint32_t *kept)
{
	switch (h->protocol) {
	case HEADERS_TCP:
		return read_tcp(rest, h, kept);
	case UDP:
	case UDP_LITE:
		return read_ports(rest, 8, h, kept);
	case SCTP:
		return read_ports(rest, 12, h, kept);
	case ICMP:
	case ICMP6:
		return read_icmp(rest, h->protocol == ICMP6, kept);
	case ESP:
		*kept = least(rest.len, ESP_BYTES);
		return ERR_OK;
	default:
		h->unknown = *kept = least(rest.len, UNKNOWN_KEPT);
		return ERR_OK;
	}
}

/* ---- network: *at comes behind its headers; *last: no transport header follows */

static enum err read_ipv4(struct span frame, size_t *at, struct headers *h, bool *last)
{
	struct span s = span_from(frame, *at);
	if (s.len < IPV4_MIN || s.p[0] >> 4 != 4)
		return ERR_SYNTAX;
	uint32_t bytes = (s.p[0] & 15) * 4u;
	h->from = ip_from_v4(load_be32(s.p + 12));
	h->to = ip_from_v4(load_be32(s.p + 16));
	h->has_addresses = true;
	h->protocol = s.p[9];
	if (bytes < IPV4_MIN || s.len < bytes)
		return ERR_SYNTAX;
	*last = load_be16(s.p + 6) & 0x1fff;
	*at += bytes;
	return ERR_OK;
}

static uint32_t extension_bytes(uint8_t protocol, struct span s)
{
	switch (protocol) {
	case HOP_BY_HOP:
	case ROUTING:
	case DESTINATION:
	case MOBILITY:
	case HIP:
	case SHIM6:
		return s.len < 2 ? 8 : (s.p[1] + 1u) * 8;
	case AUTHENTICATION:
		return s.len < 2 ? 8 : (s.p[1] + 2u) * 4;
	case FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static enum err read_ipv6(struct span frame, size_t *at, struct headers *h, bool *last)
{
	struct span s = span_from(frame, *at);
	if (s.len < IPV6_BYTES || s.p[0] >> 4 != 6)
		return ERR_SYNTAX;
	memcpy(h->from.bytes, s.p + 8, 16);
	memcpy(h->to.bytes, s.p + 24, 16);
	h->has_addresses = true;
	h->protocol = s.p[6];
	*at += IPV6_BYTES;
	for (unsigned i = 0; !*last; i++) {
		s = span_from(frame, *at);
		uint32_t bytes = extension_bytes(h->protocol, s);
		if (bytes == 0)
			break;
		if (s.len < bytes || i == HEADERS_EXTENSIONS)
			return ERR_SYNTAX;
		*last = h->protocol == FRAGMENT && load_be16(s.p + 2) & 0xfff8;
		h->protocol = s.p[0];
		*at += bytes;
	}
	return ERR_OK;
}

enum err headers_read(struct span frame, struct headers *h)
{
	*h = (struct headers){.len = 0};
	size_t at = 0;
	uint16_t type = 0;
	for (unsigned tags = 0;; tags++) {
		if (frame.len < at + 2)
			return ERR_SYNTAX;
		type = load_be16(frame.p + at);
		at += 2;
		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_SERVICE_VLAN)
			break;
		if (tags == HEADERS_TAGS)
			return ERR_SYNTAX;
		at += 2;
	}
	bool last = false;
	uint32_t kept = 0;
	if (type == ETHERTYPE_IPV4)
		TRY(read_ipv4(frame, &at, h, &last));
	else if (type == ETHERTYPE_IPV6)
		TRY(read_ipv6(frame, &at, h, &last));
	else
		return ERR_UNSUPPORTED;
	if (!last)
		TRY(read_transport(span_from(frame, at), h, &kept));
	h->len = (uint32_t)at + kept;
	return ERR_OK;
}
