/* dns: answers to a question for s3.test with id 0x1234; a name that can be asked for is asked for in one
 * way. Input: a kind (even: packet, odd: host), then it. */
#include "net/dns.h"

#include "fuzz.h"

static void read_answer(struct span in)
{
	struct dns_answer a;
	memset(&a, 0xa5, sizeof(a));
	if (!dns_read(in, 0x1234, SPAN("s3.test"), &a))
		MUST(a.count >= 1 && a.count <= DNS_MAX_ADDRS);
}

static void ask(struct span host)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	struct dns_answer a;
	if (dns_query(&b, 0x1234, host))
		return;
	MUST(!b.overflow && b.len >= 17 && load_be16(bytes) == 0x1234);
	/* The question alone, sent back as an answer, answers it, though with nothing. */
	bytes[2] |= 0x80;
	enum err e = dns_read(buf_span(&b), 0x1234, host, &a);
	MUST(e == ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	if (fuzz_byte(&in) & 1)
		ask(in);
	else
		read_answer(in);
	return 0;
}
