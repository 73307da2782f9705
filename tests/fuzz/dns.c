/* dns: answers to a question for s3.test with id 0x1234; a name that can be asked for is asked for in one
 * way; messages over TCP come out the same however they are cut. Input: a kind (modulo 4: answer of A, host,
 * answer of AAAA, stream), then it. */
#include "net/dns.h"

#include "fuzz.h"

static void read_answer(struct span in, enum dns_type type)
{
	struct dns_answer a;
	memset(&a, 0xa5, sizeof(a));
	enum err e = dns_read(in, 0x1234, SPAN("s3.test"), type, &a);
	MUST(a.count <= DNS_MAX_ADDRS);
	for (uint32_t i = 0; i < a.count; i++)
		MUST(ip_is_v4(&a.addr[i]) == (type == DNS_A));
	if (!e)
		MUST(a.count >= 1);
	if (e == ERR_NOT_FOUND)
		MUST(a.count == 0);
}

static void ask(struct span host)
{
	uint8_t bytes[2 + DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	struct dns_answer a;
	if (dns_tcp_query(&b, 0x1234, host, DNS_A))
		return;
	MUST(!b.overflow && b.len >= 19 && load_be16(bytes) == b.len - 2 && load_be16(bytes + 2) == 0x1234);
	/* The question alone, sent back as an answer, answers it, though with nothing. */
	bytes[4] |= 0x80;
	enum err e = dns_read(span_from(buf_span(&b), 2), 0x1234, host, DNS_A, &a);
	MUST(e == ERR_NOT_FOUND);
}

/* What came of it: a sum over the messages, and how it ended. */
static uint64_t sum_of_messages(struct span in, size_t step)
{
	static struct dns_tcp t;
	struct span part = {.p = NULL}, packet;
	uint64_t sum = 1;
	t.len = 0;
	for (;;) {
		enum err e = dns_tcp_feed(&t, &part, &packet);
		if (e == ERR_OK)
			sum = sum * 31 + packet.len + (packet.len ? packet.p[packet.len - 1] : 0u);
		if (e == ERR_TOO_LONG || (e == ERR_MORE && !in.len))
			return sum * 31 + (uint64_t)e;
		if (e == ERR_MORE) {
			part = span_first(in, step);
			in = span_from(in, step);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	switch (fuzz_byte(&in) & 3) {
	case 0:
		read_answer(in, DNS_A);
		break;
	case 2:
		read_answer(in, DNS_AAAA);
		break;
	case 3:
		MUST(sum_of_messages(in, 1) == sum_of_messages(in, SIZE_MAX));
		break;
	default:
		ask(in);
	}
	return 0;
}
