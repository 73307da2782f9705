/* text: numbers, encodings, addresses and times: what is read, written again, is the same text or reads the
 * same. Input: a kind, then the text. */
#include "base/text.h"

#include "base/time.h"
#include "fuzz.h"

static uint8_t bytes[256], again[512];

static void numbers(struct span in)
{
	struct buf b = BUF_OF(again);
	uint64_t v, w;
	if (text_read_u64(in, UINT64_MAX, &v))
		return;
	text_u64(&b, v);
	MUST(!text_read_u64(buf_span(&b), v, &w) && v == w && b.len <= in.len);
	MUST(v == 0 || text_read_u64(in, v - 1, &w) == ERR_RANGE);
}

static void encodings(struct span in)
{
	struct buf out = BUF_OF(bytes), b = BUF_OF(again);
	if (!text_read_base64(in, &out)) {
		text_base64(&b, buf_span(&out));
		MUST(span_eq(buf_span(&b), in));
	}
	buf_reset(&out);
	buf_reset(&b);
	if (!text_read_hex(in, &out)) {
		text_hex(&b, buf_span(&out));
		MUST(span_ieq(buf_span(&b), in));
	}
}

static void addresses(struct span in)
{
	struct buf b = BUF_OF(again);
	uint32_t addr, same;
	uint8_t mac[6];
	unsigned len;
	if (!text_read_ipv4(in, &addr)) {
		text_ipv4(&b, addr);
		MUST(!text_read_ipv4(buf_span(&b), &same) && same == addr && b.len <= in.len);
	}
	buf_reset(&b);
	if (!text_read_mac(in, mac)) {
		text_mac(&b, mac);
		MUST(span_ieq(buf_span(&b), in));
	}
	MUST(text_read_cidr4(in, &addr, &len) || len <= 32);
}

static void times(struct span in)
{
	struct buf b = BUF_OF(again);
	uint64_t t, same;
	if (!time_read_rfc3339(in, &t)) {
		time_rfc3339(&b, t);
		MUST(!time_read_rfc3339(buf_span(&b), &same) && t == same);
	}
	if (!time_read_http(in, &t)) {
		struct time_civil c = time_civil(t);
		MUST(t % NS_PER_S == 0 && time_unix_ns(&c) == t);
	}
}

static void utf8(struct span in)
{
	struct buf b = BUF_OF(again);
	struct text_utf8 u = {0};
	bool good = true;
	for (size_t i = 0; i < in.len && good; i++) {
		good = text_utf8_feed(&u, in.p[i]);
		if (good && u.more == 0)
			text_utf8(&b, u.code);
	}
	MUST(text_is_utf8(in) == (good && u.more == 0));
	if (good && u.more == 0 && !b.overflow)
		MUST(span_eq(buf_span(&b), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct span) = {numbers, encodings, addresses, times, utf8};
	struct span in = span_of(data, size);
	uint8_t kind = fuzz_byte(&in);
	kinds[kind % 5](in);
	return 0;
}
