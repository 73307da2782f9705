/* fault: what a service's error means and what a person can do about it.
 *
 * A service has a table of its own errors; what all services have in common (throttling, credentials, the
 * clock, signatures) stands in fault.c. Sources: the API references' "Common Errors", the AWS SDKs' lists of
 * errors that are retried.
 */
#ifndef SEALTAP_AWS_FAULT_H
#define SEALTAP_AWS_FAULT_H

#include "base/span.h"

enum fault_kind {
	FAULT_RETRY,   /* back off with full jitter and repeat */
	FAULT_REFRESH, /* fetch new credentials and repeat */
	FAULT_SKEW,    /* correct the clock's offset by the answer's Date, sign anew and repeat */
	FAULT_DENIED,  /* will not get better by itself: say so, keep trying slowly */
};

struct fault {
	char code[64];      /* "SlowDown"; empty when none was given */
	char message[160];  /* printable, cut to fit */
	const char *remedy; /* what to do, or what is being done; static, never NULL */
};

struct fault_row {
	const char *code;
	enum fault_kind kind;
	const char *remedy; /* of FAULT_DENIED; NULL with the others */
};

/* Begins *f: no code, no message, a remedy that says nothing. */
void fault_clear(struct fault *f);
/* Reads code and message out of an XML error, "Error" or "ErrorResponse/Error"; what is not there stays
 * empty, of what is too long the beginning is kept. */
void fault_read_xml(struct fault *f, struct span body, const char *element);
/* Reads both out of the JSON protocol's error, {"__type":"<namespace>#<Name>","message":"..."}. error_type:
 * the x-amzn-errortype header, used when the body names no error; may be empty. */
void fault_read_json(struct fault *f, struct span error_type, struct span body);
/* Judges an answer that is no success by f->code, f->message and its status, and sets f->remedy. own: the
 * service's rows, which go first, up to one without code; denied: the remedy of a refusal without a row. */
enum fault_kind fault_judge(struct fault *f, unsigned status, const struct fault_row *own,
			    const char *denied);

#endif
