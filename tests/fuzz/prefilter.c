/* prefilter: whatever program is asked, the answer comes, and it is no where a packet of the frame is
 * accepted. Input: a byte; if it is even a filter's text, a line's end, a frame whose keys are in the filter;
 * else a program, eight bytes an instruction. */
#include "record/prefilter.h"

#include "fuzz.h"
#include "record/packet_keys.h"

#define TEXT_MAX 64 /* libpcap's optimizer takes the cube of it */

static struct bloom bloom;
static struct pcapfilter f;

static void ask_text(struct span frame)
{
	struct span line = span_cut(&frame, '\n');
	char text[TEXT_MAX + 1] = {0}, why[80];
	if (line.len > TEXT_MAX)
		return;
	if (line.len)
		memcpy(text, line.p, line.len);
	if (pcapfilter_compile(text, &f, why, sizeof(why)))
		return;
	bloom_reset(&bloom);
	packet_keys(&bloom, span_from(frame, 12));
	bool matches = pcapfilter_matches(&f, frame, (uint32_t)frame.len);
	MUST(!matches || prefilter_may(&f, bloom_fold(&bloom)));
	(void)prefilter_helps(&f);
}

static void ask_program(struct span in)
{
	for (f.len = 0; in.len >= 8 && f.len < PCAPFILTER_MAX; in = span_from(in, 8))
		f.step[f.len++] =
			(struct pcapfilter_step){load_be16(in.p), in.p[2], in.p[3], load_be32(in.p + 4)};
	bloom_reset(&bloom);
	bloom_add(&bloom, bloom_port(443));
	bloom_add(&bloom, bloom_ip4(0x0a000001));
	bool may = prefilter_may(&f, bloom_fold(&bloom));
	/* what a filter without anything may hold, any may hold */
	MUST(may || prefilter_helps(&f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	if (fuzz_byte(&in) % 2)
		ask_program(in);
	else
		ask_text(in);
	return 0;
}
