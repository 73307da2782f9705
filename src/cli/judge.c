#include "cli/judge.h"

#include <stdio.h>
#include <string.h>

#include "aws/xml.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/env.h"
#include "cli/say.h"
#include "cli/services.h"

#define SKEW_NS (int64_t)(300 * NS_PER_S) /* more is refused by the services, too */

/* ---- what it is */

/* Answers to HEAD have no body: their status must do. */
static const char *code_of_status(unsigned status)
{
	static const struct {
		unsigned status;
		const char *code;
	} rows[] = {
		{301, "PermanentRedirect"},  {403, "AccessDenied"}, {404, "NotFound"},
		{412, "PreconditionFailed"}, {416, "InvalidRange"}, {503, "SlowDown"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].code;
	return "";
}

/* Each protocol has its own. */
static void read_fault(struct fault *f, const struct http1_response *r, struct span body)
{
	static const char *const elements[] = {"Error", "ErrorResponse/Error", "Response/Errors/Error"};
	fault_clear(f);
	if (span_starts(body, SPAN("{")))
		fault_read_json(f, span_str(r->error_type), body);
	for (size_t i = 0; !f->code[0] && i < sizeof(elements) / sizeof(elements[0]); i++)
		fault_read_xml(f, body, elements[i]);
	if (!f->code[0] && r->error_type[0])
		fault_read_json(f, span_str(r->error_type), body);
	if (!f->code[0])
		memcpy(f->code, code_of_status(r->status), strlen(code_of_status(r->status)) + 1);
}

static bool is_one_of(const char *code, const char *const *names)
{
	while (*names && strcmp(*names, code) != 0)
		names++;
	return *names;
}

static enum err error_of(const struct call *c, unsigned status, enum fault_kind kind)
{
	static const char *const cold[] = {"InvalidObjectState", NULL};
	static const char *const absent[] = {"NoSuchKey",
					     "NoSuchBucket",
					     "NoSuchVersion",
					     "NotFound",
					     "NotFoundException",
					     "NoSuchUpload",
					     "NoSuchEntity",
					     "ResourceNotFoundException",
					     NULL};
	static const char *const slow[] = {"SlowDown",
					   "Throttling",
					   "ThrottlingException",
					   "RequestLimitExceeded",
					   "TooManyRequestsException",
					   "LimitExceededException",
					   NULL};
	if (kind == FAULT_REFRESH)
		return ERR_EXPIRED;
	if (is_one_of(c->fault.code, cold))
		return ERR_UNSUPPORTED;
	if (is_one_of(c->fault.code, slow) || status == 429)
		return ERR_THROTTLED;
	if (is_one_of(c->fault.code, absent) || status == 404)
		return ERR_NOT_FOUND;
	if (status == 412)
		return ERR_CONFLICT;
	if (status == 416)
		return ERR_RANGE;
	bool denied = status == 401 || status == 403 || !strcmp(c->fault.code, "AccessDeniedException");
	return denied ? ERR_DENIED : ERR_SERVICE;
}

/* It tells where the bucket is, or that this is the wrong place. */
static bool has_moved(const struct call *c, const struct http1_response *r, struct span body, char region[32])
{
	static const char *const names[] = {"PermanentRedirect", "TemporaryRedirect",
					    "AuthorizationHeaderMalformed",
					    "IllegalLocationConstraintException", NULL};
	uint8_t text[31];
	struct buf b = BUF_OF(text);
	bool head_400 = r->status == 400 && body.len == 0 && r->bucket_region[0];
	region[0] = 0;
	if (c->bucket.len == 0 || (r->status / 100 != 3 && !is_one_of(c->fault.code, names) && !head_400))
		return false;
	if (r->bucket_region[0]) {
		memcpy(region, r->bucket_region, sizeof(r->bucket_region));
	} else if (!xml_find_text(body, "Error/Region", &b)) {
		memcpy(region, text, b.len);
		region[b.len] = 0;
	}
	return true;
}

void judge_call(struct call *c, const struct http1_response *r, struct span body, int64_t off_ns,
		struct judgement *out)
{
	static const struct fault_row rows[] = {
		{"KeyUnavailableException", FAULT_RETRY, NULL},
		{"DependencyTimeoutException", FAULT_RETRY, NULL},
		{"KMSInternalException", FAULT_RETRY, NULL},
		{"RestoreAlreadyInProgress", FAULT_DENIED, ""},
		{"OperationAborted", FAULT_RETRY, NULL},
		{"NoSuchBucket", FAULT_DENIED, "check --bucket"},
		{"InvalidAccessKeyId", FAULT_DENIED, JUDGE_NO_SUCH_KEY},
		{"InvalidClientTokenId", FAULT_DENIED, JUDGE_NO_SUCH_KEY},
		{"UnrecognizedClientException", FAULT_DENIED, JUDGE_NO_SUCH_KEY},
		{"SignatureDoesNotMatch", FAULT_DENIED, JUDGE_WRONG_SECRET},
		{"InvalidSignatureException", FAULT_DENIED, JUDGE_WRONG_SECRET},
		{"InvalidCiphertextException", FAULT_DENIED, ""},
		{"KMSInvalidStateException", FAULT_DENIED,
		 "wait until the key is ready, cancel its deletion, or look after its key store"},
		{"DisabledException", FAULT_DENIED, "enable the key"},
		{"InvalidObjectState", FAULT_DENIED, "sealtap restore asks for a copy that can be read"},
		{NULL, FAULT_DENIED, NULL},
	};
	static const enum judge_kind kinds[] = {
		[FAULT_RETRY] = JUDGE_RETRY,
		[FAULT_REFRESH] = JUDGE_REFRESH,
		[FAULT_SKEW] = JUDGE_SKEW,
		[FAULT_DENIED] = JUDGE_FINAL,
	};
	read_fault(&c->fault, r, body);
	enum fault_kind kind = fault_judge(&c->fault, r->status, rows, "");
	bool head = !strcmp(c->method, "HEAD");
	if (kind != FAULT_DENIED)
		c->fault.remedy = ""; /* what is being done, by then, was done in vain */
	out->kind = kinds[kind];
	out->error = error_of(c, r->status, kind);
	if (has_moved(c, r, body, out->region))
		out->kind = JUDGE_MOVED;
	else if (head && r->status == 403 && (off_ns > SKEW_NS || off_ns < -SKEW_NS))
		out->kind = JUDGE_SKEW; /* a HEAD's answer can't say so */
	else if (head && r->status == 400)
		out->kind = JUDGE_REFRESH; /* nor that a token has expired */
	if (out->kind == JUDGE_REFRESH)
		out->error = ERR_EXPIRED;
}

/* ---- how it is told */

static const struct telling {
	enum err error;
	enum exit_status status;
	const char *hint;
} tellings[] = {
	{ERR_NOT_FOUND, EXIT_NO_INPUT, ""},
	{ERR_DENIED, EXIT_DENIED, ""},
	{ERR_EXPIRED, EXIT_TRY_AGAIN, "the session has expired: log in again, then run the command again"},
	{ERR_THROTTLED, EXIT_TRY_AGAIN, "the service asked to slow down for a minute: try again later"},
	{ERR_UNSUPPORTED, EXIT_TRY_AGAIN, "it is in colder storage: sealtap restore asks for it"},
	{ERR_CONFLICT, EXIT_DAMAGED, "it is another object than at first: it was overwritten meanwhile"},
	{ERR_RANGE, EXIT_DAMAGED, "it is shorter than it should be"},
	{ERR_CERTIFICATE, EXIT_UNAVAILABLE,
	 "if the network inspects TLS, name its certificates: --ca-bundle FILE"},
	{ERR_CLOCK, EXIT_UNAVAILABLE, "set this machine's clock"},
	{ERR_UNREACHABLE, EXIT_UNAVAILABLE, "check network, region and endpoint"},
	{ERR_TIMEOUT, EXIT_INTERRUPTED, ""},
	{ERR_OK, EXIT_UNAVAILABLE, ""},
};

static const struct telling *telling_of(enum err e)
{
	const struct telling *t = tellings;
	while (t->error && t->error != e)
		t++;
	return t;
}

enum exit_status call_exit(const struct call *c)
{
	if (c->error == ERR_OK)
		return EXIT_DONE;
	return c->said ? c->said : telling_of(c->error)->status;
}

/* The operator's address of the service is no name: the TLS library knows names in certificates alone. */
static bool goes_to_an_address(const char *service)
{
	struct endpoint e;
	struct ip address;
	bool custom;
	if (services_endpoint(service, "us-east-1", &e, &custom) || !custom)
		return false;
	return e.host[0] == '[' || !ip_read(span_str(e.host), &address);
}

static const char *hint_of(const struct call *c, const struct telling *t)
{
	static char text[128];
	if (c->error == ERR_CERTIFICATE && goes_to_an_address(c->service))
		return "give the endpoint by the name that its certificate has: addresses in certificates "
		       "are not looked at";
	if (c->error == ERR_UNREACHABLE && env_proxy()) {
		snprintf(text, sizeof(text), "%s; sealtap does not go through the proxy of %s", t->hint,
			 env_proxy());
		return text;
	}
	return c->fault.remedy && c->fault.remedy[0] && c->error != ERR_EXPIRED ? c->fault.remedy : t->hint;
}

enum exit_status call_say(const struct call *c, const char *what, struct span which, const char *needs)
{
	const struct telling *t = telling_of(c->error);
	const char *object = say_text(which), *blank = which.len ? " " : "";
	const char *hint = hint_of(c, t);
	if (c->said)
		return c->said;
	if (c->error == ERR_TIMEOUT) /* who pressed Ctrl-C knows */
		return t->status;
	if (c->status == 0)
		return say(t->status, "can't %s%s%s: %s: %s: %s%s%s", what, blank, object, c->service,
			   c->where[0] ? c->where : "request", c->why[0] ? c->why : err_text(c->error),
			   hint[0] ? "; " : "", hint);
	bool told = needs && c->error == ERR_DENIED &&
		    (!c->fault.code[0] || span_starts(span_str(c->fault.code), SPAN("AccessDenied")));
	return say(t->status, "can't %s%s%s: %s%s%s%s%s%s%s (%u%s%s)", what, blank, object,
		   c->fault.code[0] ? c->fault.code : err_text(c->error), c->fault.message[0] ? ": " : "",
		   c->fault.message, told ? "; needs " : "", told ? needs : "", hint[0] ? "; " : "", hint,
		   c->status, c->request_id[0] ? ", request " : "", c->request_id);
}
