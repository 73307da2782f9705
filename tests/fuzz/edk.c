/* edk: what `sealtap` shows of an object that anybody may have written sends no control characters to the
 * operator's terminal. Input: the object's beginning. */
#include "cli/edk.h"

#include "fuzz.h"

/* s is terminated: of C0 but for line ends, DEL, or of C1 in UTF-8. */
static bool is_control(const char *s)
{
	uint8_t c = (uint8_t)s[0], next = (uint8_t)s[1];
	return (c < 0x20 && c != '\n') || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esdk_header h;
	size_t want, shown = 0;
	char *text = NULL;
	if (esdk_header_read(span_of(data, size), &h, &want))
		return 0;
	FILE *out = stdout;
	stdout = open_memstream(&text, &shown);
	MUST(stdout);
	int failed = edk_show(&h, "object");
	fclose(stdout);
	stdout = out;
	MUST(!failed);
	for (size_t i = 0; i < shown; i++)
		MUST(!is_control(text + i));
	free(text);
	return 0;
}
