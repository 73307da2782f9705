/* An answer, as far as it is looked at: Ethernet (14) | IPv4 (20 or more) | UDP (8) | DNS header (12) |
 * question: length u8 | "sealtap-canary-" boot (16 hex digits) "-" number | 7 "invalid" | 0 | ... */
#include "net/canary.h"

#include "base/text.h"
#include "net/dns.h"

#define PREFIX "sealtap-canary-"
#define LABEL_MAX 63
#define ETHERNET 14
#define UDP 17

static void put_label(struct buf *b, uint64_t boot)
{
	buf_str(b, PREFIX);
	text_hex64(b, boot);
	buf_u8(b, '-');
}

enum err canary_query(struct buf *b, uint16_t id, uint64_t boot, uint32_t number)
{
	uint8_t name[LABEL_MAX + 16];
	struct buf host = BUF_OF(name);
	put_label(&host, boot);
	text_u64(&host, number);
	buf_str(&host, ".invalid");
	TRY(buf_err(&host));
	return dns_query(b, id, buf_span(&host), DNS_A);
}

/* The UDP payload of an unfragmented answer of a DNS server to own_addr; empty where it is none. */
static struct span dns_payload(struct span f, uint32_t own_addr)
{
	const struct span none = {NULL, 0};
	if (f.len < ETHERNET + 20 + 8 || load_be16(f.p + 12) != 0x0800)
		return none;
	struct span ip = span_from(f, ETHERNET);
	size_t head = (size_t)(ip.p[0] & 15) * 4;
	if (ip.p[9] != UDP || load_be32(ip.p + 16) != own_addr || load_be16(ip.p + 6) & 0x3fff || head < 20 ||
	    ip.len < head + 8 || load_be16(ip.p + head) != DNS_PORT)
		return none;
	return span_from(ip, head + 8);
}

bool canary_find(struct span frame, uint32_t own_addr, uint64_t boot, uint32_t *number)
{
	uint8_t text[LABEL_MAX];
	struct buf want = BUF_OF(text);
	uint64_t n;
	struct span label = span_from(dns_payload(frame, own_addr), 12);
	if (label.len < 2 || label.len < 1u + label.p[0] || own_addr == 0)
		return false;
	label = span_first(span_from(label, 1), label.p[0]);
	put_label(&want, boot);
	if (!span_starts(label, buf_span(&want)) || text_read_u64(span_from(label, want.len), UINT32_MAX, &n))
		return false;
	*number = (uint32_t)n;
	return true;
}
