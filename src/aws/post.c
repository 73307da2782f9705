/* A request, in this order; all but User-Agent and Authorization are signed:
 *
 *   POST / HTTP/1.1
 *   Host, Content-Type, Content-Length
 *   X-Amz-Date, X-Amz-Security-Token where there is one, User-Agent, Authorization
 *
 * The body is a form: Action=...&Version=...&... An error is
 * <ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>.
 */
#include "aws/post.h"

#include "base/text.h"
#include "base/time.h"
#include "net/http1.h"

#define HEADERS_MAX 6

/* A blank is '+', as in every form. */
static void put_value(struct buf *form, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == ' ')
			buf_u8(form, '+');
		else
			text_percent(form, span_of(value.p + i, 1));
	}
}

void post_field(struct buf *form, const char *name, struct span value)
{
	if (form->len)
		buf_u8(form, '&');
	buf_str(form, name);
	buf_u8(form, '=');
	put_value(form, value);
}

void post_member(struct buf *form, const char *list, unsigned number, const char *name, struct span value)
{
	if (form->len)
		buf_u8(form, '&');
	buf_str(form, list);
	buf_str(form, ".member.");
	text_u64(form, number);
	buf_u8(form, '.');
	buf_str(form, name);
	buf_u8(form, '=');
	put_value(form, value);
}

struct head {
	struct sigv4_header header[HEADERS_MAX]; /* names terminated */
	size_t count;
	char text[320]; /* what host and length point to */
};

static enum err fill(struct head *h, const struct post_call *call, struct span amz_date, struct span token)
{
	struct buf b = BUF_OF(h->text);
	endpoint_put_host(&b, &call->endpoint);
	struct span host = buf_span(&b);
	text_u64(&b, call->body.len);
	TRY(buf_err(&b));
	const struct sigv4_header headers[HEADERS_MAX] = {
		{SPAN("Host"), host},
		{SPAN("Content-Type"), SPAN("application/x-www-form-urlencoded")},
		{SPAN("Content-Length"), span_from(buf_span(&b), host.len)},
		{SPAN("X-Amz-Date"), amz_date},
		{SPAN("X-Amz-Security-Token"), token},
		{SPAN("User-Agent"), SPAN("sealtap")},
	};
	h->count = 0;
	for (size_t i = 0; i < HEADERS_MAX; i++)
		if (headers[i].value.len)
			h->header[h->count++] = headers[i];
	return ERR_OK;
}

enum err post_sign(const struct post_call *call, const struct aws_credentials *c, struct sigv4_cache *cache,
		   uint64_t now_ns, struct buf *amz_date, struct buf *authorization)
{
	struct head h;
	size_t from = amz_date->len;
	time_basic(amz_date, now_ns);
	TRY(buf_err(amz_date));
	TRY(fill(&h, call, span_from(buf_span(amz_date), from), span_str(c->token)));
	struct sigv4_scope scope = {call->region, span_str(call->service), now_ns};
	return sigv4_sign_post(h.header, h.count, call->body, &scope, c, cache, authorization);
}

enum err post_head(const struct post_call *call, struct span amz_date, struct span authorization,
		   struct span token, struct buf *head)
{
	struct head h;
	TRY(fill(&h, call, amz_date, token));
	http1_request_line(head, "POST", SPAN("/"));
	for (size_t i = 0; i < h.count; i++)
		http1_header(head, (const char *)h.header[i].name.p, h.header[i].value);
	http1_header(head, "Authorization", authorization);
	http1_head_end(head);
	return buf_err(head);
}

enum post_verdict post_classify(unsigned status, struct span body, const struct fault_row *own,
				const char *denied, struct fault *fault)
{
	static const enum post_verdict verdicts[] = {
		[FAULT_RETRY] = POST_RETRY,
		[FAULT_REFRESH] = POST_REFRESH,
		[FAULT_SKEW] = POST_SKEW,
		[FAULT_DENIED] = POST_DENIED,
	};
	fault_clear(fault);
	if (status == 200)
		return POST_OK;
	fault_read_xml(fault, body, "ErrorResponse/Error");
	return verdicts[fault_judge(fault, status, own, denied)];
}
