/* anchors: bundles of PEM certificates. Input: the bundle. */
#include "lib/tls.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_anchors a;
	memset(&a, 0xa5, sizeof(a));
	enum err e = tls_anchors_read(span_of(data, size), &a);
	MUST(e ? a.count == 0 : a.count >= 1 && a.count <= TLS_MAX_ANCHORS);
	MUST(a.used <= sizeof(a.pool));
	enum err known = tls_anchors_read_known(span_of(data, size), &a);
	MUST(known ? a.count == 0 && e : a.count >= 1);
	MUST(!e == !known || e == ERR_UNSUPPORTED);
	return 0;
}
