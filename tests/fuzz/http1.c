/* http1: a response reads the same whole and in pieces. Input: how it is cut (bit 0: it answers HEAD; bit 1:
 * the peer closes at the end), the response. */
#include "net/http1.h"

#include "fuzz.h"

static struct http1_response whole, parts;
static uint8_t whole_body[512], parts_body[512];

static void check_strings(const struct http1_response *r)
{
	MUST_END(r->content_type);
	MUST_END(r->etag);
	MUST_END(r->request_id);
	MUST_END(r->error_type);
	MUST_END(r->location);
	MUST(r->status >= 200 && r->status <= 599);
	MUST(r->retry_after_s <= UINT64_MAX / 1000000000);
}

static void check_same(void)
{
	MUST(whole.status == parts.status && whole.keep_alive == parts.keep_alive);
	MUST(whole.has_date == parts.has_date && whole.date_ns == parts.date_ns);
	MUST(whole.retry_after_s == parts.retry_after_s);
	MUST(!strcmp(whole.etag, parts.etag) && !strcmp(whole.location, parts.location));
	MUST(!strcmp(whole.content_type, parts.content_type) && !strcmp(whole.request_id, parts.request_id));
	MUST(span_eq(buf_span(whole.body), buf_span(parts.body)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	struct buf a = BUF_OF(whole_body), b = BUF_OF(parts_body);
	uint32_t seed = how;
	size_t used, total = 0;
	http1_response_init(&whole, &a, how & 1);
	http1_response_init(&parts, &b, how & 1);
	enum err e = http1_response_feed(&whole, in, &used), f = ERR_MORE;
	MUST(used <= in.len && (e != ERR_MORE || used == in.len));
	for (struct span rest = in; rest.len && f == ERR_MORE;) {
		size_t n;
		struct span piece = fuzz_piece(&rest, &seed);
		f = http1_response_feed(&parts, piece, &n);
		MUST(n <= piece.len && (f != ERR_MORE || n == piece.len));
		total += n;
	}
	MUST(e == f && (e || used == total));
	if (e == ERR_MORE && how & 2) {
		e = http1_response_eof(&whole);
		MUST(e == http1_response_eof(&parts) && e != ERR_MORE);
	}
	if (e == ERR_OK) {
		check_strings(&whole);
		check_same();
		MUST(http1_response_feed(&whole, SPAN("x"), &used) == ERR_OK && used == 0);
	}
	return 0;
}
