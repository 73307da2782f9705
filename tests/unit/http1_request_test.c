#include "net/http1_request.h"

#include "check.h"

static struct http1_request r;

/* In pieces of `step` bytes. */
static enum err read_in_steps(struct span in, size_t step)
{
	enum err e = ERR_MORE;
	memset(&r, 0xa5, sizeof(r));
	http1_request_init(&r);
	while (in.len && e == ERR_MORE) {
		size_t used;
		struct span piece = span_first(in, step);
		e = http1_request_feed(&r, piece, &used);
		CHECK(used <= piece.len && (e != ERR_MORE || used == piece.len));
		in = span_from(in, used);
	}
	return e;
}

static const struct good {
	const char *text, *path;
	bool is_get, is_head;
} goods[] = {
	{"GET /healthz HTTP/1.1\r\nHost: 198.19.0.1:9100\r\n\r\n", "/healthz", true, false},
	{"HEAD /metrics HTTP/1.1\r\nhost:\r\nAccept: text/plain;q=0.5\r\n\r\n", "/metrics", false, true},
	{"GET /metrics?name[]=a HTTP/1.1\r\nHOST: a\r\nContent-Length: 0\r\n\r\n", "/metrics", true, false},
	{"GET / HTTP/1.0\r\n\r\n", "/", true, false},
	{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "/", true, false},
	{"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "/healthz", false, false},
	{"DELETE /healthz HTTP/1.1\r\nHost: a\r\nX-Y: \xc3\xa4\r\n\r\n", "/healthz", false, false},
};

#define GOODS (sizeof(goods) / sizeof(goods[0]))

static bool is_good(const struct good *g)
{
	return !strcmp(r.path, g->path) && r.is_get == g->is_get && r.is_head == g->is_head && r.status == 0;
}

static void reads_requests(void)
{
	for (size_t i = 0; i < GOODS; i++) {
		struct span text = span_str(goods[i].text);
		for (size_t step = 1; step <= text.len; step++)
			CHECK(read_in_steps(text, step) == ERR_OK && is_good(&goods[i]));
		for (size_t cut = 0; cut < text.len; cut++) {
			size_t used;
			CHECK(read_in_steps(span_first(text, cut), SIZE_MAX) == ERR_MORE);
			CHECK(http1_request_feed(&r, span_from(text, cut), &used) == ERR_OK);
			CHECK(used == text.len - cut && is_good(&goods[i]));
		}
	}
}

static void leaves_what_follows(void)
{
	struct span in = SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /");
	size_t used;
	http1_request_init(&r);
	CHECK(http1_request_feed(&r, in, &used) == ERR_OK);
	CHECK_SPAN(span_from(in, used), SPAN("GET /"));
	CHECK(http1_request_feed(&r, span_from(in, used), &used) == ERR_OK && used == 0);
}

#define HOST "Host: a\r\n"

static const struct {
	const char *text;
	unsigned status;
} bad[] = {
	{"\r\n", 400},
	{"\n", 400},
	{"GET\r\n", 400},
	{"GET /\r\n", 400},
	{"GET  / HTTP/1.1\r\n", 400},
	{" GET / HTTP/1.1\r\n", 400},
	{"GET / HTTP/1.1 \r\n", 400},
	{"GET / HTTP/1.11\r\n", 400},
	{"GET / http/1.1\r\n", 400},
	{"GET / HTTP/2.0\r\n", 505},
	{"GET / HTTP/1.2\r\n", 505},
	{"GET /\tx HTTP/1.1\r\n", 400},
	{"GET /\xff HTTP/1.1\r\n", 400},
	{"G(T / HTTP/1.1\r\n", 400},
	{"GET * HTTP/1.1\r\n", 400},
	{"GET healthz HTTP/1.1\r\n", 400},
	{"GET http://a/healthz HTTP/1.1\r\n", 400},
	{"CONNECT a:443 HTTP/1.1\r\n", 400},
	{"GET / HTTP/1.1\n", 400},
	{"GET /\rx", 400},
	{"GET / HTTP/1.1\r\r", 400},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
	{"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST " folded\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X : y\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST ": x\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X: \x01\r\n", 400},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n", 413},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n", 400},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n", 400},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n", 400},
	{"\x16\x03\x01\x02", 0}, /* TLS: no line yet */
};

static void refuses_what_is_none(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct span text = span_str(bad[i].text);
		for (size_t step = 1; step <= text.len; step++) {
			enum err e = read_in_steps(text, step);
			if (r.status != bad[i].status)
				printf("  case %zu: status %u\n", i, r.status);
			CHECK(r.status == bad[i].status &&
			      (bad[i].status ? e && e != ERR_MORE : e == ERR_MORE));
		}
	}
}

/* A request of exactly n bytes, with a target or a field that fills it. */
static struct span filled(size_t n, bool in_target)
{
	static char text[HTTP1_REQUEST_MAX + 64];
	struct buf b = BUF_OF(text);
	struct span end = in_target ? SPAN(" HTTP/1.1\r\n" HOST "\r\n") : SPAN("\r\n\r\n");
	buf_str(&b, in_target ? "GET /" : "GET / HTTP/1.1\r\n" HOST "X: ");
	buf_fill(&b, 'x', n - b.len - end.len);
	buf_put(&b, end);
	return buf_span(&b);
}

static void is_bounded(void)
{
	for (int in_target = 0; in_target < 2; in_target++) {
		CHECK(read_in_steps(filled(HTTP1_REQUEST_MAX, in_target), SIZE_MAX) == ERR_OK);
		CHECK(strlen(r.path) == (in_target ? HTTP1_PATH_MAX - 1 : 1));
		CHECK(read_in_steps(filled(HTTP1_REQUEST_MAX + 1, in_target), 7) == ERR_TOO_LONG);
		CHECK(r.status == 431);
	}
	static char endless[2 * HTTP1_REQUEST_MAX];
	memset(endless, 'x', sizeof(endless));
	CHECK(read_in_steps(span_of(endless, sizeof(endless)), SIZE_MAX) == ERR_TOO_LONG && r.status == 414);
}

static void writes_heads(void)
{
	uint8_t mem[256];
	struct buf b = BUF_OF(mem);
	http1_status_line(&b, 405);
	http1_header(&b, "Allow", SPAN("GET, HEAD"));
	http1_head_end(&b);
	CHECK_SPAN(buf_span(&b), SPAN("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n\r\n"));
}

int main(void)
{
	RUN(reads_requests, "a request is read however it is cut");
	RUN(leaves_what_follows, "what follows a request is left");
	RUN(refuses_what_is_none, "what is no request, or one with a body, has a status to answer with");
	RUN(is_bounded, "a request is at most 4 KiB");
	RUN(writes_heads, "the head of an answer is written");
	return check_done();
}
