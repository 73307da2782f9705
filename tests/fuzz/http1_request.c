/* http1_request: however a request is cut, it is read alike, within its bounds; what is refused has a status
 * to answer with. Input: a byte that says how it is cut, then the request. */
#include "net/http1_request.h"

#include "fuzz.h"

static struct http1_request whole, parts;

static void check(enum err e)
{
	static const unsigned refusals[] = {400, 413, 414, 431, 505};
	bool known = false;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		known = known || whole.status == refusals[i];
	MUST_END(whole.path);
	MUST(fuzz_printable(whole.path));
	MUST(e ? known : whole.status == 0 && whole.path[0] == '/');
	MUST(!(whole.is_get && whole.is_head));
	MUST(whole.status == parts.status && whole.is_get == parts.is_get && whole.is_head == parts.is_head);
	MUST(!strcmp(whole.path, parts.path));
	uint8_t text[256];
	struct buf b = BUF_OF(text);
	http1_status_line(&b, e ? whole.status : 200);
	MUST(!b.overflow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint32_t seed = fuzz_byte(&in);
	size_t used, total = 0;
	memset(&whole, 0xa5, sizeof(whole));
	http1_request_init(&whole);
	http1_request_init(&parts);
	enum err e = http1_request_feed(&whole, in, &used), f = ERR_MORE;
	MUST(used <= in.len && used <= HTTP1_REQUEST_MAX + 1 && (e != ERR_MORE || used == in.len));
	for (struct span rest = in; rest.len && f == ERR_MORE;) {
		size_t n;
		struct span piece = fuzz_piece(&rest, &seed);
		f = http1_request_feed(&parts, piece, &n);
		MUST(n <= piece.len && (f != ERR_MORE || n == piece.len));
		total += n;
	}
	MUST(e == f && used == total);
	if (e != ERR_MORE) {
		check(e);
		MUST(http1_request_feed(&whole, SPAN("x"), &used) == e && used == 0);
	}
	return 0;
}
