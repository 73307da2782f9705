/* object_read: a field that is taken is told again to the same text. Input: lines, name:value. */
#include "record/object_read.h"

#include "base/text.h"
#include "fuzz.h"

/* Names are of any case. */
static void told_again(const struct object_meta *m, struct span name, struct span value)
{
	const char *n;
	uint8_t text[256];
	struct buf v = BUF_OF(text);
	bool found = false;
	for (unsigned i = 0; object_meta_field(m, i, true, &n, &v); i++) {
		if (span_ieq(name, span_str(n))) {
			MUST(span_eq(buf_span(&v), value));
			found = true;
		}
		buf_reset(&v);
	}
	MUST(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct object_meta m;
	struct span in = span_of(data, size);
	uint32_t seen = 0;
	memset(&m, 0, sizeof(m));
	while (in.len) {
		struct span line = span_cut(&in, '\n'), name = span_cut(&line, ':');
		uint32_t before = seen;
		enum err e = object_read_field(&m, &seen, name, line);
		MUST(!e == (seen != before) && seen <= OBJECT_READ_ALL && object_meta_sane(&m));
		if (!e)
			told_again(&m, name, line);
	}
	return 0;
}
