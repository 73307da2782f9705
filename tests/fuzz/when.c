/* when: a time as an operator writes it: what is read, written as RFC 3339, reads the same. */
#include "cli/when.h"

#include "base/time.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t now_ns = 1795820400ull * NS_PER_S;
	uint8_t text[64];
	struct buf b = BUF_OF(text);
	uint64_t ns, again;
	if (when_read(span_of(data, size), now_ns, &ns))
		return 0;
	MUST(size == 0 || data[0] != '-' || ns <= now_ns);
	time_rfc3339(&b, ns);
	MUST(!when_read(buf_span(&b), 0, &again) && again == ns);
	return 0;
}
