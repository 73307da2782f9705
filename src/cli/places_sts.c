/* Credentials that the Security Token Service gives, for others or for a token. */
#include <stdio.h>
#include <string.h>

#include "aws/fault.h"
#include "aws/post.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/env.h"
#include "cli/exchange.h"
#include "cli/judge.h"
#include "cli/places.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "cli/session.h"
#include "net/http1.h"
#include "os/clock.h"
#include "os/file.h"

#define TOKEN_BYTES_MAX 20000
#define STS_TIMEOUT_MS 20000

static uint8_t form_memory[3 * TOKEN_BYTES_MAX + 8192], answer[STS_ANSWER_MAX]; /* secret */

static enum err put_head(const struct post_call *call, const struct aws_credentials *signer, uint64_t now_ns,
			 struct buf *head)
{
	char host_text[300], length_text[24], date_text[32], authorization_text[SIGV4_AUTHORIZATION_MAX];
	struct buf host = BUF_OF(host_text), length = BUF_OF(length_text);
	struct buf date = BUF_OF(date_text), authorization = BUF_OF(authorization_text);
	if (signer) {
		TRY(post_sign(call, signer, NULL, now_ns, &date, &authorization));
		return post_head(call, buf_span(&date), buf_span(&authorization), span_str(signer->token),
				 head);
	}
	endpoint_put_host(&host, &call->endpoint);
	text_u64(&length, call->body.len);
	http1_request_line(head, "POST", SPAN("/"));
	http1_header(head, "Host", buf_span(&host));
	http1_header(head, "Content-Type", SPAN("application/x-www-form-urlencoded"));
	http1_header(head, "Content-Length", buf_span(&length));
	http1_header(head, "User-Agent", SPAN("sealtap"));
	http1_head_end(head);
	return buf_err(head);
}

static enum exit_status refused(const char *what, const struct exchange *x)
{
	static const struct fault_row rows[] = {
		{"InvalidClientTokenId", FAULT_DENIED, JUDGE_NO_SUCH_KEY},
		{"SignatureDoesNotMatch", FAULT_DENIED, JUDGE_WRONG_SECRET},
		{NULL, FAULT_DENIED, NULL},
	};
	struct fault fault;
	fault_clear(&fault);
	fault_read_xml(&fault, x->answer, "ErrorResponse/Error");
	enum fault_kind kind = fault_judge(&fault, x->response->status, rows, "");
	return say(kind == FAULT_RETRY     ? EXIT_UNAVAILABLE
		   : kind == FAULT_REFRESH ? EXIT_TRY_AGAIN
					   : EXIT_DENIED,
		   "%s: STS answered %u %s: %s%s%s", what, x->response->status, fault.code, fault.message,
		   *fault.remedy ? "; " : "", fault.remedy);
}

/* *got: in `answer`. what: for messages. */
static enum exit_status ask(const char *what, struct span form, const struct aws_credentials *signer,
			    uint64_t now_ns, struct span *got)
{
	static uint8_t head_memory[POST_HEAD_MAX];
	struct post_call call = {.region = span_str(session_names()->region), .service = "sts", .body = form};
	struct buf head = BUF_OF(head_memory);
	bool custom;
	enum exit_status s = session_endpoint("sts", NULL, &call.endpoint, &custom);
	if (s)
		return s;
	if (put_head(&call, signer, now_ns, &head))
		return say(EXIT_NOT_SET_UP, "%s: the request to STS is too long", what);
	struct exchange x = {.host = call.endpoint.host,
			     .port = call.endpoint.port,
			     .tls = !session_plain("sts"),
			     .head = buf_span(&head),
			     .body = form,
			     .timeout_ms = STS_TIMEOUT_MS,
			     .to = answer,
			     .to_bytes = sizeof(answer)};
	enum err e = exchange_run(&x);
	wipe(head_memory, sizeof(head_memory));
	const char *proxy = env_proxy();
	if (e)
		return say(e == ERR_MISSING ? EXIT_NOT_SET_UP : EXIT_UNAVAILABLE,
			   "%s: can't ask %s: %s: %s%s%s", what, call.endpoint.host, x.where, x.why,
			   proxy ? "; sealtap does not go through the proxy of " : "", proxy ? proxy : "");
	*got = x.answer;
	return x.response->status == 200 ? EXIT_DONE : refused(what, &x);
}

enum place_found place_ask_sts(struct place_search *s, const struct sts_role *role,
			       const struct aws_credentials *signer, struct aws_credentials *out)
{
	char what[320];
	struct buf form = BUF_OF(form_memory);
	struct span got = SPAN("");
	snprintf(what, sizeof(what), "can't assume role %s of profile %s", say_text(span_str(role->arn)),
		 say_text(span_str(s->profile)));
	sts_put_role(&form, role);
	if (form.overflow)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "%s: its settings are too long", what);
	s->why = ask(what, buf_span(&form), signer, s->now_ns, &got);
	enum err e = s->why ? ERR_OK : sts_read_role(got, role->web_token.len, out);
	if (e)
		s->why = say(EXIT_UNAVAILABLE, "%s: STS' answer can't be read: %s", what, err_text(e));
	wipe(form_memory, form.len);
	wipe(answer, sizeof(answer));
	return s->why ? PLACE_FAILED : PLACE_FOUND;
}

enum exit_status place_ask_caller(const struct aws_credentials *signer, uint64_t now_ns,
				  struct sts_caller *out)
{
	static const char what[] = "can't find out who you are to AWS";
	struct buf form = BUF_OF(form_memory);
	struct span got = SPAN("");
	sts_put_caller(&form);
	enum exit_status s = ask(what, buf_span(&form), signer, now_ns, &got);
	enum err e = s ? ERR_OK : sts_read_caller(got, out);
	return e ? say(EXIT_UNAVAILABLE, "%s: STS' answer can't be read: %s", what, err_text(e)) : s;
}

/* A setting that the environment goes before. */
static bool find(const struct place_search *s, const char *variable, const char *setting, char *out,
		 size_t cap)
{
	const char *value = s->environment ? env_get(variable) : NULL;
	if (!value)
		return profiles_get(s->profile, setting, out, cap) && out[0];
	return (size_t)snprintf(out, cap, "%s", value) < cap;
}

enum place_found place_web_identity(struct place_search *s, struct aws_credentials *out)
{
	static uint8_t token[TOKEN_BYTES_MAX]; /* secret */
	char path[4096], arn[2100], session[65];
	size_t len;
	if (!find(s, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file", path, sizeof(path)))
		return PLACE_EMPTY;
	if (!find(s, "AWS_ROLE_ARN", "role_arn", arn, sizeof(arn)))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "a web identity token is given, but no role: set AWS_ROLE_ARN, or role_arn "
				  "in profile %s",
				  say_text(span_str(s->profile)));
	if (!find(s, "AWS_ROLE_SESSION_NAME", "role_session_name", session, sizeof(session)))
		snprintf(session, sizeof(session), "sealtap-%llu",
			 (unsigned long long)(s->now_ns / NS_PER_S));
	enum err e = file_read(path, token, sizeof(token), &len);
	if (e || !len)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "can't read the web identity token in %s: %s",
				  say_text(span_str(path)), e ? err_text(e) : "it is empty");
	struct sts_role role = {.arn = arn, .session = session, .web_token = span_of(token, len)};
	enum place_found found = place_ask_sts(s, &role, NULL, out);
	wipe(token, sizeof(token));
	return found;
}
