/* pcapng: the blocks of a recording, walked to their end, and their options. Input: the blocks. */
#include "record/pcapng_read.h"

#include "fuzz.h"

static void walk_options(struct span options)
{
	size_t at = 0;
	uint16_t code;
	struct span value;
	while (!pcapng_option_next(options, &at, &code, &value))
		MUST(code && fuzz_within(value, options));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), in = all, value;
	struct pcapng_block b;
	size_t taken = 0;
	while (!pcapng_next(&in, &b)) {
		taken += b.bytes.len;
		MUST(b.bytes.len >= 12 && fuzz_within(b.bytes, all) && taken + in.len == size);
		MUST(fuzz_within(b.options, b.bytes) && fuzz_within(b.frame, b.bytes));
		if (b.kind == PCAPNG_PACKET)
			MUST(b.frame.len <= b.len &&
			     (!b.frame.len || b.frame.p == b.bytes.p + PCAPNG_FRAME_AT));
		walk_options(b.options);
		(void)!pcapng_option_find(b.options, 9, &value);
	}
	return 0;
}
