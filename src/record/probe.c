#include "record/probe.h"

#include "base/copy.h"

#define LEVEL 1
/* Below these, what is saved is less than it costs: the time of level 1 on such a frame seals it twice. */
#define WORTH_PERCENT 14
#define WORTH_PERCENT_SMALL 2

unsigned probe_gain(struct zstd_encoder *enc, struct span raw)
{
	uint8_t sample[PROBE_SAMPLES * PROBE_SAMPLE_BYTES], packed[ZSTD_BOUND(sizeof(sample))];
	struct buf out = BUF_OF(packed);
	if (raw.len < PROBE_FRAME_MIN)
		return 100;
	for (size_t i = 0; i < PROBE_SAMPLES; i++)
		copy_bytes(sample + i * PROBE_SAMPLE_BYTES, raw.p + raw.len / PROBE_SAMPLES * i,
			   PROBE_SAMPLE_BYTES);
	enum err e = zstd_encode(enc, LEVEL, span_of(sample, sizeof(sample)), &out);
	ASSERT(!e);
	size_t gain = out.len < sizeof(sample) ? sizeof(sample) - out.len : 0;
	wipe(sample, sizeof(sample));
	wipe(packed, out.len);
	return (unsigned)(gain * 100 / sizeof(sample));
}

bool probe_worth(unsigned gain_percent, int level)
{
	return gain_percent >= (level > 1 ? WORTH_PERCENT_SMALL : WORTH_PERCENT);
}
