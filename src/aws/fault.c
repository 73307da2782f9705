#include "aws/fault.h"

#include <string.h>

#include "aws/json.h"
#include "aws/xml.h"
#include "base/text.h"

#define SIGNATURE "check the clock and what answers at that name"
#define CREDENTIALS "check that the role exists and that the region is enabled for the account"

static const struct fault_row common[] = {
	{"SlowDown", FAULT_RETRY, NULL},
	{"Throttling", FAULT_RETRY, NULL},
	{"ThrottlingException", FAULT_RETRY, NULL},
	{"ThrottledException", FAULT_RETRY, NULL},
	{"RequestThrottled", FAULT_RETRY, NULL},
	{"RequestThrottledException", FAULT_RETRY, NULL},
	{"RequestLimitExceeded", FAULT_RETRY, NULL},
	{"LimitExceededException", FAULT_RETRY, NULL},
	{"BandwidthLimitExceeded", FAULT_RETRY, NULL},
	{"TooManyRequestsException", FAULT_RETRY, NULL},
	{"PriorRequestNotComplete", FAULT_RETRY, NULL},
	{"InternalError", FAULT_RETRY, NULL},
	{"InternalFailure", FAULT_RETRY, NULL},
	{"InternalServerError", FAULT_RETRY, NULL},
	{"InternalServiceError", FAULT_RETRY, NULL},
	{"ServiceUnavailable", FAULT_RETRY, NULL},
	{"ServiceUnavailableException", FAULT_RETRY, NULL},
	{"RequestTimeout", FAULT_RETRY, NULL},
	{"RequestTimeoutException", FAULT_RETRY, NULL},
	{"ExpiredToken", FAULT_REFRESH, NULL},
	{"ExpiredTokenException", FAULT_REFRESH, NULL},
	{"TokenRefreshRequired", FAULT_REFRESH, NULL},
	{"InvalidToken", FAULT_REFRESH, NULL},
	{"RequestTimeTooSkewed", FAULT_SKEW, NULL},
	{"RequestExpired", FAULT_SKEW, NULL},
	{"RequestInTheFuture", FAULT_SKEW, NULL},
	{"NotYetValid", FAULT_SKEW, NULL},
	{"IncompleteSignature", FAULT_DENIED, SIGNATURE},
	{"InvalidSignatureException", FAULT_DENIED, SIGNATURE},
	{"SignatureDoesNotMatch", FAULT_DENIED, SIGNATURE},
	{"MissingAuthenticationToken", FAULT_DENIED, SIGNATURE},
	{"MissingAuthenticationTokenException", FAULT_DENIED, SIGNATURE},
	{"InvalidAccessKeyId", FAULT_DENIED, CREDENTIALS},
	{"InvalidClientTokenId", FAULT_DENIED, CREDENTIALS},
	{"UnrecognizedClientException", FAULT_DENIED, CREDENTIALS},
	{"OptInRequired", FAULT_DENIED, "subscribe the account to the service, or enable the region"},
	{NULL, FAULT_DENIED, NULL},
};

void fault_clear(struct fault *f)
{
	memset(f, 0, sizeof(*f));
	f->remedy = "";
}

static void read_element(struct span body, const char *element, const char *name, char *out, size_t cap)
{
	uint8_t text[1024], path_text[64];
	struct buf b = BUF_OF(text), path = BUF_OF(path_text);
	buf_str(&path, element);
	buf_u8(&path, '/');
	buf_str(&path, name);
	enum err e = xml_find_text(body, buf_cstr(&path), &b);
	text_printable_str(e && e != ERR_FULL ? SPAN("") : buf_span(&b), out, cap);
}

void fault_read_xml(struct fault *f, struct span body, const char *element)
{
	read_element(body, element, "Code", f->code, sizeof(f->code));
	read_element(body, element, "Message", f->message, sizeof(f->message));
}

/* "com.amazonaws.kms#NotFoundException:http://..." names NotFoundException. */
void fault_read_json(struct fault *f, struct span error_type, struct span body)
{
	uint8_t text[256], message[1024];
	struct buf type = BUF_OF(text), m = BUF_OF(message);
	if (json_find_string(body, "__type", &type))
		buf_reset(&type);
	struct span name = type.len ? buf_span(&type) : error_type;
	name = span_cut(&name, ':');
	size_t hash = span_find(name, '#');
	text_printable_str(hash < name.len ? span_from(name, hash + 1) : name, f->code, sizeof(f->code));
	enum err e = json_find_string(body, "message", &m);
	if (e == ERR_MISSING)
		e = json_find_string(body, "Message", &m);
	text_printable_str(e && e != ERR_FULL ? SPAN("") : buf_span(&m), f->message, sizeof(f->message));
}

static const struct fault_row *find(const struct fault_row *rows, const char *code)
{
	while (rows->code && strcmp(rows->code, code) != 0)
		rows++;
	return rows;
}

/* With these two names the message alone says that it is the clock. */
static bool clock_is_off(const struct fault *f)
{
	struct span code = span_str(f->code), message = span_str(f->message);
	return (span_eq(code, SPAN("InvalidSignatureException")) ||
		span_eq(code, SPAN("SignatureDoesNotMatch"))) &&
	       (span_starts(message, SPAN("Signature expired")) ||
		span_starts(message, SPAN("Signature not yet current")));
}

static enum fault_kind by_status(unsigned status)
{
	bool passing = status < 300 || status == 408 || status == 409 || status == 429 ||
		       (status >= 500 && status != 501); /* 501: a header that it does not know */
	return passing ? FAULT_RETRY : FAULT_DENIED;
}

enum fault_kind fault_judge(struct fault *f, unsigned status, const struct fault_row *own, const char *denied)
{
	static const char *const remedies[] = {
		[FAULT_RETRY] = "trying again",
		[FAULT_REFRESH] = "fetching new credentials",
		[FAULT_SKEW] = "correcting the clock's offset",
	};
	const struct fault_row *row = find(own, f->code);
	if (!row->code)
		row = find(common, f->code);
	enum fault_kind kind = row->code ? row->kind : by_status(status);
	if (clock_is_off(f))
		kind = FAULT_SKEW;
	f->remedy = kind != FAULT_DENIED ? remedies[kind] : row->code ? row->remedy : denied;
	return kind;
}
