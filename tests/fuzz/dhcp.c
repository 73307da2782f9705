/* dhcp: datagrams to a client. Input: bit 0: the datagram's lengths, checksums, client and exchange are made
 * right; bit 1: the client waits for an acknowledgement; bit 2: the UDP checksum was left to hardware. Then
 * the datagram. */
#include "net/dhcp.h"

#include "fuzz.h"

static const uint8_t MAC[6] = {2, 0, 0, 0, 0, 1};
#define HEADS 28
#define AT_XID (HEADS + 4)
#define AT_CHADDR (HEADS + 28)

static uint8_t bytes[DHCP_REPLY_MAX];

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void make_right(size_t len, uint32_t xid)
{
	uint32_t pseudo = 17 + (uint32_t)len - 20;
	if (len < AT_CHADDR + 16)
		return;
	memcpy(bytes, "\x45\0\0\0\0\0\0\0\x40\x11\0\0\xc6\x12\0\1\xff\xff\xff\xff\0\x43\0\x44\0\0\0\0",
	       HEADS);
	memcpy(bytes + HEADS, "\2\1\6", 3);
	store_be32(bytes + AT_XID, xid);
	memset(bytes + AT_CHADDR, 0, 16);
	memcpy(bytes + AT_CHADDR, MAC, 6);
	put16(bytes + 2, len);
	put16(bytes + 24, len - 20);
	put16(bytes + 10, checksum(bytes, 20, 0));
	for (size_t i = 12; i < 20; i += 2)
		pseudo += load_be16(bytes + i);
	put16(bytes + 26, checksum(bytes + 20, len - 20, pseudo));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in), sent[DHCP_PACKET_BYTES];
	struct dhcp_client c;
	struct dhcp_reply r;
	struct buf packet = BUF_OF(sent);
	if (in.len > sizeof(bytes))
		return 0;
	if (in.len)
		memcpy(bytes, in.p, in.len);
	dhcp_start(&c, MAC, 0, 1);
	MUST(dhcp_tick(&c, 0, 2, &packet) == DHCP_NOTHING && packet.len);
	if (how & 2) {
		c.state = DHCP_REQUESTING;
		c.offer = (struct dhcp_lease){.addr = 0xc6120032, .prefix_len = 24, .server = 0xc6120001};
	}
	if (how & 1)
		make_right(in.len, c.xid);
	memset(&r, 0xa5, sizeof(r));
	if (!dhcp_wire_read(span_of(bytes, in.len), !(how & 4), MAC, c.xid, &r))
		MUST(r.type && r.mask_len <= 32 && (r.mtu == 0 || (r.mtu >= 576 && r.mtu <= 65535)));
	enum dhcp_event e = dhcp_receive(&c, 1000, 3, span_of(bytes, in.len), !(how & 4));
	MUST(e != DHCP_LEASED || (c.state == DHCP_BOUND && c.lease.addr && c.lease.prefix_len <= 32));
	MUST(e != DHCP_LEASED ||
	     (c.lease.renew_s <= c.lease.rebind_s && c.lease.rebind_s <= c.lease.lease_s));
	buf_reset(&packet);
	MUST(dhcp_tick(&c, c.due_ns, 4, &packet) <= DHCP_LOST && !packet.overflow);
	return 0;
}
