/* headers: any packet: its headers end within it, at a place that does not depend on what follows. Input: a
 * frame from the EtherType on. */
#include "record/headers.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct headers h, again;
	memset(&h, 0xa5, sizeof(h));
	enum err e = headers_read(span_of(data, size), &h);
	MUST(!h.has_ports || h.has_addresses);
	if (e) {
		MUST(e == ERR_SYNTAX || e == ERR_UNSUPPORTED);
		MUST(e == ERR_SYNTAX || !h.has_addresses);
		return 0;
	}
	MUST(h.len <= size && h.len >= 2 + 20 && h.has_addresses);
	/* what was cut to its headers has the same headers */
	MUST(!headers_read(span_of(data, h.len), &again));
	MUST(again.len == h.len && ip_eq(&again.from, &h.from) && ip_eq(&again.to, &h.to));
	MUST(again.has_ports == h.has_ports && again.from_port == h.from_port && again.to_port == h.to_port);
	return 0;
}
