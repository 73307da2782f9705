/* canary: a frame is the canary's answer for the boot that asked, and for no other; nothing behind the frame
 * is read. Input: the frame, as an interface gave it. */
#include "net/canary.h"

#include "fuzz.h"

#define OWN 0xc612000au /* 198.18.0.10 */
#define BOOT 0x0123456789abcdefull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span frame = span_of(data, size);
	uint32_t number = 7, other = 7;
	bool found = canary_find(frame, OWN, BOOT, &number);
	MUST(found || number == 7);
	MUST(!canary_find(frame, OWN + 1, BOOT, &other) || !found);
	MUST(!canary_find(frame, OWN, BOOT + 1, &other) || !found);
	MUST(!canary_find(frame, 0, BOOT, &other));
	return 0;
}
