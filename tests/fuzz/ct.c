/* ct: flows of the kernel's connection tracking: what is read is whole. Input: what the kernel sent. */
#include "net/ct.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct nlmsg m;
	while (!nlmsg_next(&in, &m)) {
		static const struct ip none;
		struct ct_flow f;
		bool gone;
		memset(&f, 0xa5, sizeof(f));
		if (ct_read(&m, &f, &gone))
			continue;
		MUST(f.proto && !ip_eq(&f.orig.src, &none) && !ip_eq(&f.reply.src, &none));
		MUST(gone == ((m.type & 0xff) == 2));
	}
	return 0;
}
