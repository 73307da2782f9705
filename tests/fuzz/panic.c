/* panic: of a kernel's record come two short printable texts without anything as long as an address. Input:
 * the record. */
#include "base/panic.h"

#include "fuzz.h"

static void check(const char *text)
{
	size_t digits = 0;
	MUST(fuzz_printable(text));
	for (; *text; text++) {
		digits = strchr("0123456789abcdefABCDEF", *text) ? digits + 1 : 0;
		MUST(digits <= 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct panic p = {0}, again;
	panic_read(span_of(data, size), &p);
	MUST_END(p.reason);
	MUST_END(p.cause);
	check(p.reason);
	check(p.cause);
	again = p;
	panic_read(span_of(data, size), &again);
	MUST(memcmp(&again, &p, sizeof(p)) == 0);
	return 0;
}
