/* nflog: logged packets: reasons are text, payloads stay inside. Input: what the kernel sent. */
#include "net/nflog.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), in = all;
	struct nlmsg m;
	while (!nlmsg_next(&in, &m)) {
		struct nflog_packet p;
		memset(&p, 0xa5, sizeof(p));
		if (nflog_read(&m, &p))
			continue;
		MUST_END(p.reason);
		MUST(fuzz_printable(p.reason) && fuzz_within(p.payload, all) && (p.has_seq || !p.seq));
	}
	return 0;
}
