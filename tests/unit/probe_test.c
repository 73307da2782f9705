#include "check.h"
#include "noise.h"

#include "record/probe.h"

static struct zstd_encoder encoder;
static uint8_t raw[1 << 20];

/* Packets: headers that repeat, then content of which `noisy` of 256 are noise and the others text. */
static void fill(unsigned noisy, size_t headers)
{
	static const char text[] = "<li class=\"item\"><a href=\"/articles/2026/\">read</a></li>\n";
	for (size_t at = 0; at < sizeof(raw); at += 1536) {
		size_t end = at + 1536 < sizeof(raw) ? at + 1536 : sizeof(raw);
		bool noise = noise_below(256) < noisy;
		for (size_t i = at; i < end; i++)
			raw[i] = i < at + headers ? (uint8_t)(i - at)
				 : noise          ? (uint8_t)noise_u64()
						  : (uint8_t)text[noise_below(4) ? i % (sizeof(text) - 1)
										 : noise_below(9)];
	}
}

static void tells_them_apart(void)
{
	static const struct {
		unsigned noisy, least, most;
		bool worth, worth_small;
	} cases[] = {
		{256, 0, 11, false, true}, /* headers alone shrink */
		{250, 0, 16, false, true},
		{128, 15, 70, true, true},
		{0, 40, 100, true, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill(cases[i].noisy, 100);
		unsigned gain = probe_gain(&encoder, span_of(raw, sizeof(raw)));
		CHECK(gain >= cases[i].least && gain <= cases[i].most);
		if (cases[i].noisy != 250)
			CHECK(probe_worth(gain, 1) == cases[i].worth &&
			      probe_worth(gain, 2) == cases[i].worth_small);
	}
	fill(256, 0);
	CHECK(!probe_worth(probe_gain(&encoder, span_of(raw, sizeof(raw))), 19));
}

/* What the probe says of a frame is near to what compression makes of it. */
static void is_near(void)
{
	static uint8_t packed[ZSTD_BOUND(sizeof(raw))];
	for (unsigned noisy = 0; noisy <= 256; noisy += 32) {
		struct buf out = BUF_OF(packed);
		fill(noisy, 100);
		int gain = (int)probe_gain(&encoder, span_of(raw, sizeof(raw)));
		CHECK(!zstd_encode(&encoder, 1, span_of(raw, sizeof(raw)), &out));
		int real = out.len < sizeof(raw) ? (int)((sizeof(raw) - out.len) * 100 / sizeof(raw)) : 0;
		CHECK(gain - real < 35 && real - gain < 35);
	}
}

static void short_frames(void)
{
	fill(256, 0);
	CHECK(probe_gain(&encoder, span_of(raw, PROBE_FRAME_MIN - 1)) == 100);
	CHECK(probe_gain(&encoder, span_of(raw, PROBE_FRAME_MIN)) < 5);
}

int main(void)
{
	RUN(tells_them_apart, "noise is not worth compressing, text is, and half and half, too");
	RUN(is_near, "what it says is near to what compression saves");
	RUN(short_frames, "a short frame is compressed unasked");
	return check_done();
}
