/* zframe: what an object holds once it is opened: zstd frames, index, seek table: read alike in single bytes
 * and in pieces. Input: how it is cut, the bytes. */
#include "record/zframe.h"

#include "fuzz.h"

static struct zframe_reader reader;
#define CONTENT_MAX (1u << 20) /* a small input may mean gigabytes */
#define BEYOND ERR_COUNT       /* more than that: content behind it may end in any way */

static enum err read_in(struct span in, uint32_t seed, uint64_t *content)
{
	*content = 0;
	zframe_begin(&reader);
	while (in.len) {
		struct span piece = fuzz_piece(&in, &seed);
		enum err e;
		while (!(e = zframe_read(&reader, &piece))) {
			MUST(reader.content.len <= ZFRAME_OUT_BYTES);
			*content += reader.content.len;
			if (*content > CONTENT_MAX)
				return BEYOND;
		}
		if (e != ERR_MORE)
			return e;
		MUST(piece.len == 0);
	}
	return zframe_end(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint32_t seed = fuzz_byte(&in);
	uint64_t single, pieces;
	enum err e = read_in(in, 0, &single), f = read_in(in, seed, &pieces);
	/* what came before a mistake is given out or not, as it was cut */
	MUST(e == BEYOND || f == BEYOND || (e == f && (e || single == pieces)));
	return 0;
}
