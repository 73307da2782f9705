/* index: any index: each entry and each filter lies within it, in either version. Input: the content of an
 * index' frame. */
#include "record/index.h"

#include "fuzz.h"
#include "record/bloom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span content = span_of(data, size);
	struct index_head h;
	struct index_entry e;
	enum err err = index_read_head(content, &h);
	if (err) {
		MUST(err == ERR_SYNTAX || err == ERR_UNSUPPORTED);
		return 0;
	}
	MUST(h.frames <= size && h.filter_bytes <= INDEX_FILTERS_MAX && h.filter_bytes <= size);
	for (uint32_t i = 0; i < h.frames; i++) {
		index_read_entry(content, i, &e);
		struct span filter = index_filter(content, &e);
		MUST(fuzz_within(filter, content) && filter.len <= h.filter_bytes);
		MUST(filter.len == 0 || filter.len == e.filter_bytes);
		(void)bloom_has(filter, bloom_port((uint16_t)i));
	}
	return 0;
}
