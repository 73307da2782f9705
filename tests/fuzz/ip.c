/* ip: addresses and networks of either family: what is read, written again, reads the same. Input: the
 * text. */
#include "base/ip.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t text[64];
	struct buf b = BUF_OF(text);
	struct ip a, again;
	struct ip_net n, same;
	if (!ip_read(in, &a)) {
		ip_text(&b, &a);
		MUST(!b.overflow && b.len <= 39 && !ip_read(buf_span(&b), &again) && ip_eq(&a, &again));
	}
	buf_reset(&b);
	if (!ip_net_read(in, &n)) {
		ip_net_text(&b, &n);
		MUST(!b.overflow && n.prefix_len <= 128 && ip_net_has(&n, &n.addr));
		MUST(!ip_net_read(buf_span(&b), &same) && same.prefix_len == n.prefix_len);
		MUST(ip_eq(&same.addr, &n.addr));
	}
	return 0;
}
