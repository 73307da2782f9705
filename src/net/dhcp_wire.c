/* IPv4 header (20) | UDP header (8) | message:
 *   0 op  1 htype  2 hlen  3 hops | 4 xid | 8 secs  10 flags | 12 ciaddr | 16 yiaddr | 20 siaddr | 24 giaddr
 *   28 chaddr (16) | 44 sname (64) | 108 file (128) | 236 magic cookie | 240 options
 * Option: code, length, value; code 0 pads, 255 ends. */
#include "net/dhcp_wire.h"

#include <string.h>

#define IP_BYTES 20
#define UDP_BYTES 8
#define MAC_BYTES 6
#define CHADDR_BYTES 16
#define SNAME_BYTES 64
#define FILE_BYTES 128
#define AT_XID 4
#define AT_YIADDR 16
#define AT_CHADDR 28
#define AT_SNAME 44
#define AT_FILE 108
#define AT_MAGIC 236
#define AT_OPTIONS 240
/* Relays may drop what is shorter (RFC 1542 section 2.1). */
#define MESSAGE_MIN_BYTES 300

#define OP_REQUEST 1
#define OP_REPLY 2
#define HTYPE_ETHERNET 1
#define FLAG_BROADCAST 0x8000
#define MAGIC 0x63825363u
#define BROADCAST 0xffffffffu
#define PROTOCOL_UDP 17
#define PORT_SERVER 67
#define PORT_CLIENT 68
#define TTL 64
#define MTU_MIN_BYTES 576
#define OVERLOAD_FILE 1u
#define OVERLOAD_SNAME 2u

enum option {
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_MTU = 26,
	OPTION_REQUESTED = 50,
	OPTION_LEASE = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_WANTED = 55,
	OPTION_MAX_SIZE = 57,
	OPTION_RENEW = 58,
	OPTION_REBIND = 59,
	OPTION_END = 255,
};

/* ---- headers */

static uint32_t sum16(struct span s, uint32_t sum)
{
	for (size_t i = 0; i + 1 < s.len; i += 2)
		sum += load_be16(s.p + i);
	return s.len & 1 ? sum + ((uint32_t)s.p[s.len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The UDP checksum also covers both addresses, the protocol and the length. */
static uint32_t pseudo_sum(const uint8_t *ip, size_t udp_bytes)
{
	return sum16(span_of(ip + 12, 8), PROTOCOL_UDP + (uint32_t)udp_bytes);
}

static void fill_headers(struct buf *b, uint32_t source)
{
	ASSERT(!b->overflow);
	uint8_t *ip = b->p, *udp = ip + IP_BYTES;
	size_t udp_bytes = b->len - IP_BYTES;
	ip[0] = 4 << 4 | IP_BYTES / 4;
	store_be16(ip + 2, (uint16_t)b->len);
	ip[8] = TTL;
	ip[9] = PROTOCOL_UDP;
	store_be32(ip + 12, source);
	store_be32(ip + 16, BROADCAST);
	store_be16(ip + 10, (uint16_t)~fold(sum16(span_of(ip, IP_BYTES), 0)));
	store_be16(udp, PORT_CLIENT);
	store_be16(udp + 2, PORT_SERVER);
	store_be16(udp + 4, (uint16_t)udp_bytes);
	uint16_t sum = (uint16_t)~fold(sum16(span_of(udp, udp_bytes), pseudo_sum(ip, udp_bytes)));
	store_be16(udp + 6, sum ? sum : 0xffff); /* 0 would mean: none */
}

/* The UDP payload of a datagram from a server's port to a client's. */
static enum err unwrap(struct span d, bool checksum_ready, struct span *message)
{
	if (d.len < IP_BYTES || d.p[0] >> 4 != 4)
		return ERR_SYNTAX;
	size_t ip_bytes = (size_t)(d.p[0] & 15) * 4, total = load_be16(d.p + 2);
	if (ip_bytes < IP_BYTES || total < ip_bytes + UDP_BYTES || total > d.len)
		return ERR_SYNTAX;
	bool fragment = load_be16(d.p + 6) & 0x3fff;
	if (fragment || d.p[9] != PROTOCOL_UDP)
		return ERR_UNSUPPORTED;
	if (fold(sum16(span_of(d.p, ip_bytes), 0)) != 0xffff)
		return ERR_CHECKSUM;
	const uint8_t *udp = d.p + ip_bytes;
	size_t udp_bytes = load_be16(udp + 4);
	if (udp_bytes < UDP_BYTES || udp_bytes > total - ip_bytes)
		return ERR_SYNTAX;
	if (load_be16(udp) != PORT_SERVER || load_be16(udp + 2) != PORT_CLIENT)
		return ERR_UNSUPPORTED;
	bool checked = checksum_ready && load_be16(udp + 6) != 0;
	if (checked && fold(sum16(span_of(udp, udp_bytes), pseudo_sum(d.p, udp_bytes))) != 0xffff)
		return ERR_CHECKSUM;
	*message = span_of(udp + UDP_BYTES, udp_bytes - UDP_BYTES);
	return ERR_OK;
}

/* ---- requests */

static void option_u32(struct buf *b, enum option code, uint32_t v)
{
	if (v == 0)
		return;
	buf_u8(b, (uint8_t)code);
	buf_u8(b, 4);
	buf_be32(b, v);
}

void dhcp_wire_write(struct buf *b, const struct dhcp_request *r)
{
	static const uint8_t wanted[] = {OPTION_MASK,  OPTION_ROUTER, OPTION_DNS,   OPTION_MTU,
					 OPTION_LEASE, OPTION_RENEW,  OPTION_REBIND};
	ASSERT(b->len == 0 && b->cap >= DHCP_PACKET_BYTES);
	buf_fill(b, 0, IP_BYTES + UDP_BYTES);
	buf_u8(b, OP_REQUEST);
	buf_u8(b, HTYPE_ETHERNET);
	buf_u8(b, MAC_BYTES);
	buf_u8(b, 0);
	buf_be32(b, r->xid);
	buf_be16(b, r->secs);
	buf_be16(b, FLAG_BROADCAST);
	buf_be32(b, r->own_addr);
	buf_fill(b, 0, AT_CHADDR - AT_YIADDR);
	buf_put(b, span_of(r->mac, MAC_BYTES));
	buf_fill(b, 0, CHADDR_BYTES - MAC_BYTES + SNAME_BYTES + FILE_BYTES);
	buf_be32(b, MAGIC);
	buf_u8(b, OPTION_TYPE);
	buf_u8(b, 1);
	buf_u8(b, (uint8_t)r->type);
	option_u32(b, OPTION_REQUESTED, r->requested);
	option_u32(b, OPTION_SERVER, r->server);
	buf_u8(b, OPTION_WANTED);
	buf_u8(b, sizeof(wanted));
	buf_put(b, span_of(wanted, sizeof(wanted)));
	buf_u8(b, OPTION_MAX_SIZE);
	buf_u8(b, 2);
	buf_be16(b, DHCP_REPLY_MAX);
	buf_u8(b, OPTION_END);
	size_t least = IP_BYTES + UDP_BYTES + MESSAGE_MIN_BYTES;
	if (b->len < least)
		buf_fill(b, OPTION_PAD, least - b->len);
	fill_headers(b, r->own_addr);
}

/* ---- replies */

struct options {
	struct dhcp_reply *reply; /* borrowed */
	uint8_t overload;
	uint8_t seen[32]; /* a bit per code */
};

static enum err take_u8(struct span v, uint8_t *out)
{
	if (v.len != 1)
		return ERR_SYNTAX;
	*out = v.p[0];
	return ERR_OK;
}

static enum err take_u32(struct span v, uint32_t *out)
{
	if (v.len != 4)
		return ERR_SYNTAX;
	*out = load_be32(v.p);
	return ERR_OK;
}

/* A list of addresses, of which the first `max` are taken. */
static enum err take_addresses(struct span v, uint32_t *out, size_t max)
{
	if (v.len == 0 || v.len % 4)
		return ERR_SYNTAX;
	for (size_t i = 0; i < max && i * 4 < v.len; i++)
		out[i] = load_be32(v.p + i * 4);
	return ERR_OK;
}

static enum err take_mtu(struct span v, uint32_t *out)
{
	if (v.len != 2)
		return ERR_SYNTAX;
	uint16_t mtu = load_be16(v.p);
	*out = mtu >= MTU_MIN_BYTES ? mtu : 0;
	return ERR_OK;
}

/* Ones, then zeros. */
static enum err take_mask(struct span v, unsigned *len)
{
	uint32_t mask;
	TRY(take_u32(v, &mask));
	uint32_t host = ~mask;
	if (mask == 0 || (host & (host + 1)) != 0)
		return ERR_SYNTAX;
	for (*len = 0; mask; mask <<= 1)
		(*len)++;
	return ERR_OK;
}

/* ERR_UNSUPPORTED: not one of those that are read. */
static enum err take_option(uint8_t code, struct span v, struct options *o)
{
	struct dhcp_reply *r = o->reply;
	switch (code) {
	case OPTION_MASK:
		return take_mask(v, &r->mask_len);
	case OPTION_ROUTER:
		return take_addresses(v, &r->router, 1);
	case OPTION_DNS:
		return take_addresses(v, r->dns, 2);
	case OPTION_MTU:
		return take_mtu(v, &r->mtu);
	case OPTION_LEASE:
		return take_u32(v, &r->lease_s);
	case OPTION_OVERLOAD:
		return take_u8(v, &o->overload);
	case OPTION_TYPE:
		return take_u8(v, &r->type);
	case OPTION_SERVER:
		return take_u32(v, &r->server);
	case OPTION_RENEW:
		return take_u32(v, &r->renew_s);
	case OPTION_REBIND:
		return take_u32(v, &r->rebind_s);
	default:
		return ERR_UNSUPPORTED;
	}
}

/* Long options come in several parts (RFC 3396); those that are read here fit one. */
static enum err take_once(uint8_t code, struct span v, struct options *o)
{
	enum err e = take_option(code, v, o);
	if (e)
		return e == ERR_UNSUPPORTED ? ERR_OK : e;
	uint8_t bit = (uint8_t)(1u << (code & 7));
	if (o->seen[code >> 3] & bit)
		return ERR_DUPLICATE;
	o->seen[code >> 3] |= bit;
	return ERR_OK;
}

static enum err read_options(struct span s, struct options *o)
{
	for (size_t at = 0; at < s.len;) {
		uint8_t code = s.p[at++];
		if (code == OPTION_END)
			return ERR_OK;
		if (code == OPTION_PAD)
			continue;
		if (at == s.len || s.p[at] > s.len - at - 1)
			return ERR_TRUNCATED;
		size_t len = s.p[at++];
		TRY(take_once(code, span_of(s.p + at, len), o));
		at += len;
	}
	return ERR_TRUNCATED;
}

static bool is_ours(struct span m, const uint8_t mac[6], uint32_t xid)
{
	static const uint8_t padding[CHADDR_BYTES - MAC_BYTES];
	return m.len > AT_OPTIONS && m.p[0] == OP_REPLY && m.p[1] == HTYPE_ETHERNET && m.p[2] == MAC_BYTES &&
	       load_be32(m.p + AT_XID) == xid && memcmp(m.p + AT_CHADDR, mac, MAC_BYTES) == 0 &&
	       memcmp(m.p + AT_CHADDR + MAC_BYTES, padding, sizeof(padding)) == 0;
}

enum err dhcp_wire_read(struct span datagram, bool checksum_ready, const uint8_t mac[6], uint32_t xid,
			struct dhcp_reply *r)
{
	struct span m;
	if (datagram.len > DHCP_REPLY_MAX || unwrap(datagram, checksum_ready, &m) || !is_ours(m, mac, xid))
		return ERR_NOT_FOUND;
	if (load_be32(m.p + AT_MAGIC) != MAGIC)
		return ERR_SYNTAX;
	*r = (struct dhcp_reply){.yiaddr = load_be32(m.p + AT_YIADDR)};
	struct options o = {.reply = r};
	TRY(read_options(span_from(m, AT_OPTIONS), &o));
	uint8_t overload = o.overload;
	if (overload > (OVERLOAD_FILE | OVERLOAD_SNAME))
		return ERR_SYNTAX;
	if (overload & OVERLOAD_FILE)
		TRY(read_options(span_of(m.p + AT_FILE, FILE_BYTES), &o));
	if (overload & OVERLOAD_SNAME)
		TRY(read_options(span_of(m.p + AT_SNAME, SNAME_BYTES), &o));
	return r->type ? ERR_OK : ERR_MISSING;
}
