/* dhcp: datagrams to a client. Input: bit 0: the datagram's lengths, checksums, client and exchange are made
 * right; bit 1: the client waits for an acknowledgement; bit 2: the UDP checksum was left to hardware. Then
 * the datagram. */
#include "net/dhcp.h"

#include "dhcp_datagram.h"
#include "fuzz.h"

#define HEADS (sizeof(DHCP_HEADS) - 1)
#define AT_XID (HEADS + 4)
#define AT_CHADDR (HEADS + 28)

static uint8_t bytes[DHCP_REPLY_MAX];

static void make_right(size_t len, uint32_t xid)
{
	if (len < AT_CHADDR + 16)
		return;
	memcpy(bytes, DHCP_HEADS, HEADS);
	memcpy(bytes + HEADS, (const uint8_t[]){2, 1, 6}, 3);
	store_be32(bytes + AT_XID, xid);
	memset(bytes + AT_CHADDR, 0, 16);
	memcpy(bytes + AT_CHADDR, MAC, 6);
	dhcp_seal(bytes, len);
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
