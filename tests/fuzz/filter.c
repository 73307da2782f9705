/* filter: an operator's filter compiles, or it is said why not; a compiled one says the same of a frame each
 * time. Input: the filter, a line's end, a frame. */
#include "lib/pcapfilter.h"

#include "fuzz.h"

#define TEXT_MAX 64 /* libpcap's optimizer takes the cube of it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pcapfilter f;
	struct span frame = span_of(data, size), line = span_cut(&frame, '\n');
	char text[TEXT_MAX + 1] = {0}, why[80];
	if (line.len > TEXT_MAX)
		return 0;
	if (line.len)
		memcpy(text, line.p, line.len);
	memset(why, 0xa5, sizeof(why));
	if (pcapfilter_compile(text, &f, why, sizeof(why))) {
		MUST_END(why);
		MUST(fuzz_printable(why));
		return 0;
	}
	MUST(f.len && f.len <= PCAPFILTER_MAX);
	uint32_t len = (uint32_t)frame.len;
	bool matches = pcapfilter_matches(&f, frame, len);
	MUST(pcapfilter_matches(&f, frame, len) == matches);
	(void)pcapfilter_matches(&f, span_first(frame, len / 2), len);
	return 0;
}
