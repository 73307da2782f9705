#include "aws/post.h"

#include "base/text.h"
#include "check.h"
#include "lib/sha.h"

#define NOW_NS (1767323045ull * 1000000000)

static struct aws_credentials creds = {"ASIAEXAMPLE", "secret", "session/token==", 0};
static struct post_call call;
static char date_mem[20], auth_mem[SIGV4_AUTHORIZATION_MAX], head_mem[POST_HEAD_MAX];
static struct buf date, auth, head;

static void set_up(void)
{
	call = (struct post_call){.endpoint = {"sns.us-west-2.amazonaws.com", 443},
				  .region = SPAN("us-west-2"),
				  .service = "sns",
				  .body = SPAN("Action=Publish")};
	strcpy(creds.token, "session/token==");
}

static enum err build(void)
{
	date = BUF_OF(date_mem);
	auth = BUF_OF(auth_mem);
	head = BUF_OF(head_mem);
	TRY(post_sign(&call, &creds, NULL, NOW_NS, &date, &auth));
	return post_head(&call, buf_span(&date), buf_span(&auth), span_str(creds.token), &head);
}

static void sends_what_is_promised(void)
{
	char want[1024];
	set_up();
	CHECK(build() == ERR_OK);
	int n = snprintf(want, sizeof(want),
			 "POST / HTTP/1.1\r\nHost: sns.us-west-2.amazonaws.com\r\n"
			 "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n"
			 "X-Amz-Date: 20260102T030405Z\r\nX-Amz-Security-Token: session/token==\r\n"
			 "User-Agent: sealtap\r\nAuthorization: %.*s\r\n\r\n",
			 (int)auth.len, auth_mem);
	CHECK_SPAN(buf_span(&head), span_of(want, (size_t)n));
	creds.token[0] = 0;
	call.endpoint.port = 8443;
	CHECK(build() == ERR_OK);
	static const char front[] = "POST / HTTP/1.1\r\nHost: sns.us-west-2.amazonaws.com:8443\r\n";
	CHECK_SPAN(span_first(buf_span(&head), sizeof(front) - 1), span_str(front));
	CHECK(!strstr(head_mem, "Token: \r\n"));
}

/* The head alone, as a server sees it: every header but two is signed, and the signature is theirs. */
static void what_is_sent_is_what_was_signed(void)
{
	for (int token = 0; token < 2; token++) {
		struct sigv4_header h[16];
		size_t n = 0;
		uint8_t again_mem[SIGV4_AUTHORIZATION_MAX], digest[32], hex[64];
		struct buf again = BUF_OF(again_mem), hash = BUF_OF(hex);
		set_up();
		if (!token)
			creds.token[0] = 0;
		CHECK(build() == ERR_OK);
		struct span rest = buf_span(&head), sent = SPAN("");
		span_cut(&rest, '\n');
		while (rest.len > 2) {
			struct span line = span_cut(&rest, '\n');
			struct span name = span_cut(&line, ':');
			h[n++] = (struct sigv4_header){name, span_first(line, line.len - 1)};
			if (span_eq(name, SPAN("Authorization")))
				sent = span_trim(h[n - 1].value);
		}
		sha256_of(call.body, digest);
		text_hex(&hash, span_of(digest, 32));
		struct sigv4_request r = {SPAN("POST"),    SPAN("/"),    SPAN(""), h, n,
					  buf_span(&hash), SIGV4_GENERAL};
		struct sigv4_scope s = {SPAN("us-west-2"), SPAN("sns"), NOW_NS};
		CHECK(sigv4_sign(&r, &s, &creds, NULL, &again) == ERR_OK);
		CHECK_SPAN(sent, buf_span(&again));
		size_t signed_count = 1;
		span_cut(&sent, ',');
		struct span names = span_cut(&sent, ',');
		for (size_t i = 0; i < names.len; i++)
			signed_count += names.p[i] == ';';
		CHECK(signed_count == n - 2 && n == 6u + (unsigned)token);
	}
}

static void bounds_the_head(void)
{
	set_up();
	memset(creds.token, 't', sizeof(creds.token) - 1);
	memset(call.endpoint.host, 'h', sizeof(call.endpoint.host) - 1);
	call.endpoint.port = 65535;
	CHECK(build() == ERR_OK);
	for (size_t cap = 0, len = head.len; cap < len; cap += 31) {
		head = buf_over(head_mem, cap);
		CHECK(post_head(&call, buf_span(&date), buf_span(&auth), span_str(creds.token), &head) ==
		      ERR_FULL);
	}
}

static void writes_forms(void)
{
	uint8_t mem[128];
	struct buf b = BUF_OF(mem);
	post_field(&b, "A", SPAN("x-Y_1.~"));
	post_field(&b, "B", SPAN(" &=+%/\n\xc3\xa4"));
	post_member(&b, "L", 12, "N", SPAN("a b"));
	CHECK_SPAN(buf_span(&b), SPAN("A=x-Y_1.~&B=+%26%3D%2B%25%2F%0A%C3%A4&L.member.12.N=a+b"));
}

int main(void)
{
	RUN(sends_what_is_promised, "a query call is a POST of a form with date and token");
	RUN(what_is_sent_is_what_was_signed, "what is sent is exactly what was signed");
	RUN(bounds_the_head, "the longest head fits, a smaller buffer is told");
	RUN(writes_forms, "forms are encoded by RFC 3986");
	return check_done();
}
