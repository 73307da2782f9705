/* "1:" and base64 of SHA-1 over: seed u16 | lower address | higher address | protocol u8 | zero u8 | port of
 * the lower u16 | port of the higher u16, big-endian; addresses of 4 or 16 bytes. Lower is the endpoint whose
 * address, then port, is less. The last two are there for protocols that have them alone.
 *
 * ICMP: the type stands for the source's port, and for the destination's the type of the answer to it; where
 * there is none the code, and the endpoints stay in their order.
 */
#include "record/community_id.h"

#include <string.h>

#include "base/text.h"
#include "lib/sha.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, SCTP = 132 };

static const uint8_t answers[][2] = {{0, 8},   {8, 0},   {9, 10},  {10, 9},  {13, 14},
				     {14, 13}, {15, 16}, {16, 15}, {17, 18}, {18, 17}};
static const uint8_t answers6[][2] = {{128, 129}, {129, 128}, {130, 131}, {131, 130}, {133, 134}, {134, 133},
				      {135, 136}, {136, 135}, {139, 140}, {140, 139}, {144, 145}, {145, 144}};

/* False: nothing answers to it. */
static bool answer(const uint8_t (*table)[2], size_t count, uint16_t *type_and_port)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i][0] != type_and_port[0])
			continue;
		type_and_port[1] = table[i][1];
		return true;
	}
	return false;
}

static void put_address(struct buf *b, const struct ip *a)
{
	buf_put(b, ip_is_v4(a) ? span_of(a->bytes + 12, 4) : span_of(a->bytes, sizeof(a->bytes)));
}

void community_id(struct buf *b, const struct community_id *f)
{
	uint8_t bytes[48], hash[SHA1_BYTES];
	struct buf text = BUF_OF(bytes);
	uint16_t port[2] = {f->sport, f->dport};
	bool fixed = (f->proto == ICMP && !answer(answers, sizeof(answers) / sizeof(answers[0]), port)) ||
		     (f->proto == ICMPV6 && !answer(answers6, sizeof(answers6) / sizeof(answers6[0]), port));
	bool has_ports = f->proto == ICMP || f->proto == TCP || f->proto == UDP || f->proto == ICMPV6 ||
			 f->proto == SCTP;
	int order = memcmp(f->src.bytes, f->dst.bytes, sizeof(f->src.bytes));
	bool turn = !fixed && (order > 0 || (order == 0 && has_ports && port[0] > port[1]));
	buf_be16(&text, 0);
	put_address(&text, turn ? &f->dst : &f->src);
	put_address(&text, turn ? &f->src : &f->dst);
	buf_u8(&text, f->proto);
	buf_u8(&text, 0);
	if (has_ports) {
		buf_be16(&text, port[turn]);
		buf_be16(&text, port[!turn]);
	}
	sha1_of(buf_span(&text), hash);
	buf_str(b, "1:");
	text_base64(b, span_of(hash, sizeof(hash)));
}
