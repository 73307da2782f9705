#include "net/http1.h"

#include "check.h"
#include "noise.h"

static struct http1_response r;
static uint8_t body_mem[64];
static struct buf body;

static void begin(bool head)
{
	memset(&r, 0xa5, sizeof(r));
	body = BUF_OF(body_mem);
	http1_response_init(&r, &body, head);
}

/* The end of the input is an eof when `close` says so. */
static enum err read_in_steps(struct span in, size_t step, bool head, bool closes)
{
	enum err e = ERR_MORE;
	begin(head);
	while (in.len && e == ERR_MORE) {
		size_t used;
		struct span piece = span_first(in, step);
		e = http1_response_feed(&r, piece, &used);
		CHECK(used <= piece.len);
		CHECK(e != ERR_MORE || used == piece.len);
		in = span_from(in, used);
	}
	return closes && e == ERR_MORE ? http1_response_eof(&r) : e;
}

static enum err read_all(const char *text)
{
	return read_in_steps(span_str(text), SIZE_MAX, false, false);
}

static const struct good {
	const char *text;
	bool head, closes, keep_alive;
	unsigned status;
	const char *body;
} goods[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, false, true, 200, "hello"},
	{"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", false, false, true, 200, ""},
	{"HTTP/1.1 403 \r\nContent-Length: 2\r\nConnection: x , Close\r\n\r\nno", false, false, false, 403,
	 "no"},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, false, false, 200, "hi"},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi", false, false, true, 200,
	 "hi"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
	 "5\r\nhello\r\n00a;x=\"y\"\r\n, world...\r\n0\r\n\r\n",
	 false, false, true, 200, "hello, world..."},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 ; x\r\nA\r\n0\r\nX-T: 1\r\nY:\r\n\r\n",
	 false, false, true, 200, "A"},
	{"HTTP/1.1 200 OK\r\n\r\nuntil close", false, true, false, 200, "until close"},
	{"HTTP/1.1 200 OK\r\n\r\n", false, true, false, 200, ""},
	{"HTTP/1.1 204 No Content\r\n\r\n", false, false, true, 204, ""},
	{"HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n", false, false, true, 204, ""},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false, false, true, 304, ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true, false, true, 200, ""},
	{"HTTP/1.1 404 Nope\r\nTransfer-Encoding: chunked\r\n\r\n", true, false, true, 404, ""},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
	 false, false, true, 200, "!"},
};

#define GOODS (sizeof(goods) / sizeof(goods[0]))

static void reads_responses(void)
{
	for (size_t i = 0; i < GOODS; i++) {
		const struct good *g = &goods[i];
		struct span text = span_str(g->text);
		for (size_t step = 1; step <= text.len; step++) {
			CHECK(read_in_steps(text, step, g->head, g->closes) == ERR_OK);
			CHECK(r.status == g->status && r.keep_alive == g->keep_alive);
			CHECK_SPAN(buf_span(&body), span_str(g->body));
			CHECK(http1_response_eof(&r) == ERR_OK);
		}
	}
}

static void reads_at_every_split(void)
{
	for (size_t i = 0; i < GOODS; i++) {
		struct span text = span_str(goods[i].text);
		for (size_t cut = 0; cut <= text.len; cut++) {
			size_t used;
			begin(goods[i].head);
			enum err e = http1_response_feed(&r, span_first(text, cut), &used);
			CHECK(used == cut);
			if (cut < text.len)
				CHECK(e == ERR_MORE);
			if (e == ERR_MORE)
				e = http1_response_feed(&r, span_from(text, cut), &used);
			if (goods[i].closes)
				e = http1_response_eof(&r);
			CHECK(e == ERR_OK && r.status == goods[i].status);
			CHECK_SPAN(buf_span(&body), span_str(goods[i].body));
		}
	}
}

static void truncation_is_an_error(void)
{
	for (size_t i = 0; i < GOODS; i++) {
		struct span text = span_str(goods[i].text);
		for (size_t n = 0; n < text.len; n++) {
			enum err e = read_in_steps(span_first(text, n), SIZE_MAX, goods[i].head, true);
			bool in_open_body = goods[i].closes && r.status;
			if (n == 0)
				CHECK(e == ERR_CLOSED);
			else if (!in_open_body || e != ERR_OK)
				CHECK(e == ERR_TRUNCATED);
			CHECK(http1_response_eof(&r) == e);
		}
	}
}

static void leaves_what_follows(void)
{
	size_t used;
	struct span in = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 500 No\r\n");
	begin(false);
	CHECK(http1_response_feed(&r, in, &used) == ERR_OK);
	CHECK_SPAN(span_from(in, used), SPAN("HTTP/1.1 500 No\r\n"));
	CHECK(http1_response_feed(&r, span_from(in, used), &used) == ERR_OK && used == 0);
	CHECK(r.status == 200);
}

static void reads_headers(void)
{
	CHECK(read_all("HTTP/1.1 301 Moved\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		       "CONTENT-TYPE:\tapplication/xml \r\n"
		       "ETag: \"abc\"\r\nx-amz-request-id: 79104EXAMPLEB723\r\nRetry-After: 120\r\n"
		       "x-amzn-ErrorType: ThrottlingException\r\nx-amz-bucket-region: eu-west-1\r\n"
		       "Location: https://b.s3.eu-west-1.amazonaws.com/\xc3\xa4\r\n"
		       "ETag: second\r\nContent-Length: 0\r\n\r\n") == ERR_OK);
	CHECK(r.has_date && r.date_ns == 784111777000000000ull);
	CHECK(!strcmp(r.content_type, "application/xml") && !strcmp(r.etag, "\"abc\""));
	CHECK(!strcmp(r.request_id, "79104EXAMPLEB723") && r.retry_after_s == 120);
	CHECK(!strcmp(r.error_type, "ThrottlingException") && !strcmp(r.bucket_region, "eu-west-1"));
	CHECK(!strcmp(r.location, "https://b.s3.eu-west-1.amazonaws.com/\xc3\xa4"));
	CHECK(read_all("HTTP/1.1 200 OK\r\nETag:\r\nLocation: \r\nContent-Length: 0\r\n\r\n") == ERR_OK &&
	      !r.etag[0]);
	CHECK(read_all("HTTP/1.1 200 OK\r\nx-amzn-RequestId: q\r\nDate: yesterday\r\n"
		       "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n") == ERR_OK);
	CHECK(!r.has_date && r.retry_after_s == 0 && !strcmp(r.request_id, "q") && !r.etag[0]);
}

#define NOW "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static void reads_when_to_retry(void)
{
	static const struct {
		const char *fields;
		uint64_t seconds;
	} cases[] = {
		{"Retry-After: 7\r\n", 7},
		{"Retry-After: 7\r\nRetry-After: 9\r\n", 7},
		{"Retry-After: soon\r\nRetry-After: 9\r\n", 9},
		{"Retry-After: -1\r\n", 0},
		{"Retry-After: 4294967296\r\n", 0},
		{NOW "Retry-After: Sun, 06 Nov 1994 08:49:40 GMT\r\n", 3},
		{"Retry-After: Sun, 06 Nov 1994 08:49:40 GMT\r\n" NOW, 3},
		{NOW "Retry-After: Sunday, 06-Nov-94 09:49:37 GMT\r\n", 3600},
		{NOW "Retry-After: Mon Nov  7 08:49:37 1994\r\n", 86400},
		{NOW "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 0},
		{NOW "Retry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 0},
		{"Retry-After: Sun, 06 Nov 1994 08:49:40 GMT\r\n", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "HTTP/1.1 503 Slow\r\n%sContent-Length: 0\r\n\r\n",
			 cases[i].fields);
		CHECK(read_all(text) == ERR_OK && r.retry_after_s == cases[i].seconds);
	}
}

/* What a skipped interim response said must not leak into the real one. */
static void interim_leaves_nothing(void)
{
	CHECK(read_all("HTTP/1.1 103 Early\r\nETag: early\r\nConnection: close\r\n\r\n"
		       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == ERR_OK);
	CHECK(!r.etag[0] && r.keep_alive && r.status == 200);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static const char *const malformed[] = {
	"\r\n",
	"HTTP/1.2 200 OK\r\n",
	"HTTP/2 200 OK\r\n",
	"http/1.1 200 OK\r\n",
	"HTTP/1.1 20 OK\r\n",
	"HTTP/1.1 099 OK\r\n",
	"HTTP/1.1 600 OK\r\n",
	"HTTP/1.1 2000 OK\r\n",
	"HTTP/1.1 +20 OK\r\n",
	"HTTP/1.1  200 OK\r\n",
	"HTTP/1.1 200 O\001K\r\n",
	"HTTP/1.1 200 OK\n",
	"HTTP/1.1 200 OK\r\r\n",
	"HTTP/1.1 200\rOK\r\n",
	"HTTP/1.1 101 Switching\r\n\r\n",
	OK "Content-Length: 5\r\nContent-Length: 6\r\n",
	OK "Content-Length: 5\r\nContent-Length: 5\r\n",
	OK "Content-Length: 5, 5\r\n",
	OK "Content-Length: -5\r\n",
	OK "Content-Length: +5\r\n",
	OK "Content-Length: 0x5\r\n",
	OK "Content-Length:\r\n",
	OK "Content-Length: 9223372036854775808\r\n",
	OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	OK "Transfer-Encoding: gzip, chunked\r\n",
	OK "Transfer-Encoding: identity\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
	OK "No-Colon\r\n",
	OK ": no name\r\n",
	OK "Spaced : x\r\n",
	OK "X: 1\r\n folded\r\n",
	OK " X: 1\r\n",
	OK "X: a\001b\r\n",
	OK "X: a\177b\r\n",
	OK "X\xc3\xa4: 1\r\n",
	OK "X: 1\n",
	"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
	OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
	OK "Transfer-Encoding:\013chunked\r\n",
	OK "Transfer-Encoding: \"chunked\"\r\n",
	OK "Transfer-Encoding: chunked;x=y\r\n",
	OK "Content-Length: 5 5\r\n",
	OK "Content-Length: 5;x\r\n",
	OK "X\t: 1\r\n",
	OK "X: 1\r\r\n",
	OK "X: a\rb\r\n",
	CHUNKED "\r\n",
	CHUNKED "g\r\n",
	CHUNKED "-1\r\n",
	CHUNKED "0x1\r\n",
	CHUNKED " 1\r\n",
	CHUNKED "1 \r\n",
	CHUNKED "1 x\r\n",
	CHUNKED "1\nA",
	CHUNKED "1\r\nAB",
	CHUNKED "1\r\nA\n",
	CHUNKED "1\r\nA1\r\n",
	CHUNKED "0\r\nX\r\n",
	CHUNKED "0\r\nContent-Length: 5\r\n",
	CHUNKED "0\r\nTransfer-Encoding: chunked\r\n",
};

static void refuses_malformed(void)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		for (size_t step = 1; step < 8; step++) {
			size_t used;
			enum err e = read_in_steps(span_str(malformed[i]), step, false, false);
			if (e != ERR_PROTOCOL)
				printf("  %zu: %s\n", i, err_text(e));
			CHECK(e == ERR_PROTOCOL);
			CHECK(http1_response_feed(&r, SPAN("\r\n"), &used) == ERR_PROTOCOL && used == 0);
			CHECK(http1_response_eof(&r) == ERR_PROTOCOL);
		}
	}
}

static void bounds_everything(void)
{
	static char text[3 * HTTP1_HEAD_MAX];
	uint8_t mem[64];
	struct buf b = BUF_OF(text);
	CHECK(read_all(OK "Content-Length: 65\r\n\r\n") == ERR_TOO_LONG);
	CHECK(read_all(CHUNKED "41\r\n") == ERR_TOO_LONG);
	CHECK(read_all(CHUNKED "30\r\n012345678901234567890123456789012345678901234567\r\n11\r\n") ==
	      ERR_TOO_LONG);
	CHECK(read_all(CHUNKED "1000000000000000\r\n") == ERR_TOO_LONG);
	buf_str(&b, OK "\r\n");
	buf_fill(&b, 'x', sizeof(mem) + 1);
	CHECK(read_in_steps(buf_span(&b), SIZE_MAX, false, true) == ERR_TOO_LONG);
	buf_reset(&b);
	buf_str(&b, OK "X: ");
	buf_fill(&b, 'x', HTTP1_LINE_MAX);
	buf_str(&b, "\r\n");
	CHECK(read_in_steps(buf_span(&b), 1000, false, false) == ERR_TOO_LONG);
	buf_reset(&b);
	buf_str(&b, OK);
	while (b.len <= HTTP1_HEAD_MAX)
		buf_str(&b, "X-Header: value\r\n");
	CHECK(read_in_steps(buf_span(&b), 1000, false, false) == ERR_TOO_LONG);
	buf_reset(&b);
	buf_str(&b, CHUNKED "0\r\n");
	while (b.len <= 200 + HTTP1_TRAILER_MAX)
		buf_str(&b, "X-Trailer: value\r\n");
	CHECK(read_in_steps(buf_span(&b), 1000, false, false) == ERR_TOO_LONG);
	buf_reset(&b);
	for (int i = 0; i <= HTTP1_INTERIM_MAX; i++)
		buf_str(&b, "HTTP/1.1 100 Continue\r\n\r\n");
	CHECK(read_in_steps(buf_span(&b), 1000, false, false) == ERR_PROTOCOL);
	/* Lines of a head, over interim responses too; extensions of all chunks together. */
	for (int fields = HTTP1_FIELDS_MAX - 1; fields <= HTTP1_FIELDS_MAX + 1; fields++) {
		buf_reset(&b);
		buf_str(&b, "HTTP/1.1 103 Early\r\nX:1\r\n\r\n" OK "Content-Length: 0\r\n");
		for (int i = 2; i < fields; i++)
			buf_str(&b, "X:1\r\n");
		buf_str(&b, "\r\n");
		CHECK(read_in_steps(buf_span(&b), 1000, false, false) ==
		      (fields <= HTTP1_FIELDS_MAX ? ERR_OK : ERR_TOO_LONG));
	}
	for (size_t extra = 0; extra < 2; extra++) {
		buf_reset(&b);
		buf_str(&b, CHUNKED);
		for (int i = 0; i < 4; i++) {
			buf_str(&b, "1;");
			buf_fill(&b, 'x', HTTP1_EXTENSIONS_MAX / 4 - 1);
			buf_str(&b, "\r\nA\r\n");
		}
		buf_str(&b, extra ? "0;\r\n\r\n" : "0\r\n\r\n");
		CHECK(read_in_steps(buf_span(&b), 100, false, false) == (extra ? ERR_TOO_LONG : ERR_OK));
	}
	/* The longest line that is allowed. */
	buf_reset(&b);
	buf_str(&b, OK "X: ");
	buf_fill(&b, 'x', HTTP1_LINE_MAX - 3);
	buf_str(&b, "\r\nContent-Length: 0\r\n\r\n");
	CHECK(read_in_steps(buf_span(&b), 1000, false, false) == ERR_OK);
}

/* Split differently, mutated input gives the same result. */
static void mutations_read_the_same_however_split(void)
{
	unsigned good = 0, bad = 0;
	for (unsigned i = 0; i < 60000; i++) {
		char m[256];
		const struct good *g = &goods[i % GOODS];
		size_t n = strlen(g->text);
		memcpy(m, g->text, n);
		noise_mark(m, n, "\r\n0a :;,\t");
		enum err whole = read_in_steps(span_of(m, n), SIZE_MAX, g->head, true);
		unsigned status = r.status;
		size_t len = body.len;
		bool keep_alive = r.keep_alive;
		enum err split = read_in_steps(span_of(m, n), 1 + noise_below(5), g->head, true);
		CHECK(whole == split && status == r.status && keep_alive == r.keep_alive);
		CHECK(len == body.len || whole == ERR_TOO_LONG); /* there as far as it fitted */
		good += !whole;
		bad += whole != ERR_OK;
	}
	CHECK(good > 1000 && bad > 1000);
}

static void writes_requests(void)
{
	uint8_t mem[128], small[10];
	struct buf b = BUF_OF(mem);
	http1_request_line(&b, "PUT", SPAN("/a/b?c"));
	http1_header(&b, "Host", SPAN("example.test"));
	http1_header(&b, "X-Empty", SPAN(""));
	http1_head_end(&b);
	CHECK_SPAN(buf_span(&b), SPAN("PUT /a/b?c HTTP/1.1\r\nHost: example.test\r\nX-Empty: \r\n\r\n"));
	b = BUF_OF(small);
	http1_request_line(&b, "GET", SPAN("/long/target"));
	CHECK(buf_err(&b) == ERR_FULL);
}

static char told[256];

static void tell(void *arg, struct span name, struct span value)
{
	size_t at = strlen(told);
	CHECK(arg == &r);
	snprintf(told + at, sizeof(told) - at, "%.*s=%.*s;", (int)name.len, (const char *)name.p,
		 (int)value.len, (const char *)value.p);
}

static enum err read_with_fields(const char *text, size_t step, struct buf *refusal)
{
	struct span in = span_str(text);
	enum err e = ERR_MORE;
	told[0] = 0;
	begin(false);
	r.field = tell;
	r.arg = &r;
	r.refusal = refusal;
	for (; in.len && e == ERR_MORE; in = span_from(in, step)) {
		size_t used;
		e = http1_response_feed(&r, span_first(in, step), &used);
	}
	return e;
}

static void tells_headers(void)
{
	static const char ok[] =
		"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 206 P\r\nX-A:  b c \r\nContent-Length: 2"
		"\r\nEmpty:\r\n\r\nhi";
	static const char refused[] = "HTTP/1.1 403 No\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno";
	uint8_t mem[2];
	for (size_t step = 1; step <= sizeof(ok); step++) {
		struct buf refusal = BUF_OF(mem);
		CHECK(read_with_fields(ok, step, &refusal) == ERR_OK);
		CHECK(!strcmp(told, "=;X-A=b c;Content-Length=2;Empty=;"));
		CHECK(refusal.len == 0);
		CHECK_SPAN(buf_span(&body), SPAN("hi"));
		CHECK(read_with_fields(refused, step, &refusal) == ERR_OK && !told[0]);
		CHECK_SPAN(buf_span(&refusal), SPAN("no"));
		CHECK(body.len == 0 && r.body == &refusal);
		CHECK(read_with_fields(refused, step, NULL) == ERR_OK && body.len == 2);
	}
}

int main(void)
{
	RUN(tells_headers, "the headers of a success are told one by one, a refusal's body stands apart");
	RUN(writes_requests, "request heads are written line by line");
	RUN(reads_responses, "responses of every framing are read in steps of any size");
	RUN(reads_at_every_split, "responses are read the same when split at any byte");
	RUN(truncation_is_an_error, "a response that breaks off is never taken for a whole one");
	RUN(leaves_what_follows, "bytes after a response are left to the caller");
	RUN(reads_headers, "the headers that matter are handed over, others ignored");
	RUN(reads_when_to_retry, "Retry-After is read as seconds and as a date");
	RUN(interim_leaves_nothing, "interim responses are skipped without a trace");
	RUN(refuses_malformed, "malformed and ambiguous responses are refused for good");
	RUN(bounds_everything, "heads, lines, chunks, trailers and bodies are bounded");
	RUN(mutations_read_the_same_however_split, "mutated responses read the same however they are split");
	return check_done();
}
