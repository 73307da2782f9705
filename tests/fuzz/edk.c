/* edk: what `sealtap` shows of an object that anybody may have written sends no control characters to the
 * operator's terminal. Input: the object's beginning. */
#include "cli/edk.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* s is terminated: of C0 but for line ends, DEL, or of C1 in UTF-8. */
static bool is_control(const char *s)
{
	uint8_t c = (uint8_t)s[0], next = (uint8_t)s[1];
	return (c < 0x20 && c != '\n') || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* What it prints, as a terminal would get it; terminated. */
static size_t show(const struct esdk_header *h, char *text, size_t cap)
{
	static int shown = -1;
	if (shown < 0)
		shown = memfd_create("shown", 0);
	int terminal = dup(1);
	MUST(terminal >= 0 && fflush(stdout) == 0 && dup2(shown, 1) == 1);
	int failed = edk_show(h, "object");
	MUST(dup2(terminal, 1) == 1 && close(terminal) == 0 && !failed);
	ssize_t len = lseek(shown, 0, SEEK_CUR);
	MUST(len > 0 && (size_t)len < cap && pread(shown, text, (size_t)len, 0) == len);
	MUST(lseek(shown, 0, SEEK_SET) == 0);
	text[len] = 0;
	return (size_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[1 << 21];
	struct esdk_header h;
	size_t want;
	if (esdk_header_read(span_of(data, size), &h, &want))
		return 0;
	size_t len = show(&h, text, sizeof(text));
	for (size_t i = 0; i < len; i++)
		MUST(!is_control(text + i));
	return 0;
}
