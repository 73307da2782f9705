#include "record/packet_keys.h"

bool packet_keys_is_tag(uint32_t ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100;
}

bool packet_keys_has_ports(uint32_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 132;
}

/* ---- what is at hand of it: s is the network's header and all behind it */

static void add_ip4(struct bloom *b, struct span s, size_t at)
{
	if (s.len >= at + 4)
		bloom_add(b, bloom_ip4(load_be32(s.p + at)));
}

static void add_ip6(struct bloom *b, struct span s, size_t at)
{
	if (s.len >= at + 16)
		bloom_add(b, bloom_ip6(s.p + at));
}

static void add_ports(struct bloom *b, struct span s, size_t at)
{
	for (size_t end = at + 4; at < end; at += 2)
		if (s.len >= at + 2)
			bloom_add(b, bloom_port(load_be16(s.p + at)));
}

static void ipv4_keys(struct bloom *b, struct span s)
{
	add_ip4(b, s, 12);
	add_ip4(b, s, 16);
	if (s.len > 9 && packet_keys_has_ports(s.p[9]) && !(load_be16(s.p + 6) & 0x1fff))
		add_ports(b, s, (s.p[0] & 15) * 4u);
}

static void arp_keys(struct bloom *b, struct span s)
{
	add_ip4(b, s, 14);
	add_ip4(b, s, 24);
}

static void ipv6_keys(struct bloom *b, struct span s)
{
	add_ip6(b, s, 8);
	add_ip6(b, s, 24);
	if (s.len > 6 && packet_keys_has_ports(s.p[6]))
		add_ports(b, s, 40);
}

void packet_keys(struct bloom *b, struct span frame)
{
	uint16_t type = 0;
	for (unsigned tags = 0; tags <= PACKET_KEYS_TAGS; tags++) {
		if (frame.len < 2)
			return;
		type = load_be16(frame.p);
		if (!packet_keys_is_tag(type))
			break;
		frame = span_from(frame, 4);
	}
	struct span s = span_from(frame, 2);
	if (type == PACKET_KEYS_IPV4)
		ipv4_keys(b, s);
	else if (type == PACKET_KEYS_IPV6)
		ipv6_keys(b, s);
	else if (type == PACKET_KEYS_ARP || type == PACKET_KEYS_RARP)
		arp_keys(b, s);
}
