/* call: requests to AWS: signed, sent, waited for, tried again. Up to CALL_LANES at once on one event
 * loop; the command starts some and waits for one, which drives all.
 *
 * Tried again, with growing random waits within CALL_PATIENCE_S: no connection, 5xx, SlowDown and other
 * throttling, a clock that the service finds skewed (its offset is taken over), expired credentials
 * (renewed once). A bucket in another region is asked there. Where no server of a service has answered
 * yet, CALL_FIRST_PATIENCE_S must do. What is final comes back with the service's own words.
 */
#ifndef SEALTAP_CLI_CALL_H
#define SEALTAP_CLI_CALL_H

#include "aws/fault.h"
#include "aws/sigv4.h"
#include "cli/command.h"
#include "net/http1.h"

#define CALL_LANES 16
#define CALL_PATIENCE_S 60
#define CALL_FIRST_PATIENCE_S 5
#define CALL_HEADERS 8

struct call {
	/* the request; all borrowed until the call is done */
	const char *service; /* "s3" */
	const char *region;  /* NULL: the session's */
	const char *method;  /* "GET" */
	struct span bucket;  /* of S3: goes into host or path; else empty */
	struct span path;    /* begins with '/', encoded as on the request line; S3: of the key */
	struct span query;   /* encoded, sorted or not; may be empty */
	const struct sigv4_header *headers; /* further ones, signed, names terminated; NULL */
	unsigned header_count;              /* at most CALL_HEADERS */
	struct span body;
	uint8_t *to;       /* memory of the answer's body; NULL: none is wanted */
	uint64_t to_bytes; /* so many; a longer body is ERR_TOO_LONG */
	/* Each header of a 2xx answer; an empty name: all begins anew. NULL: none. */
	void (*field)(void *arg, struct span name, struct span value);
	void *arg; /* borrowed */

	/* the outcome, once `done` */
	/* ERR_OK: status is 2xx. ERR_NOT_FOUND, ERR_DENIED, ERR_EXPIRED, ERR_THROTTLED, ERR_UNREACHABLE,
	 * ERR_CERTIFICATE, ERR_CONFLICT (412), ERR_RANGE (416), ERR_SERVICE, ERR_UNSUPPORTED
	 * (InvalidObjectState: colder storage), ERR_TOO_LONG; ERR_TIMEOUT: Ctrl-C came first;
	 * ERR_MISSING: credentials, region or trust anchors, which was said. */
	enum err error;
	unsigned status;    /* of the last answer; 0: none came */
	struct span answer; /* in `to` */
	char etag[96];
	struct fault fault; /* the service's code and message */
	char request_id[96];
	const char *where, *why; /* static: where and why no answer came */
	enum exit_status said;   /* with ERR_MISSING */
	bool done;

	/* inside */
	int lane; /* 1 and on; 0: queued, or done */
	unsigned attempts;
	unsigned credentials; /* which were used last */
	bool renewed, skewed, moved;
	uint64_t first_ns, not_before_ns; /* monotonic */
	struct call *next;
};

/* Zeroed but for the request. Queued when all lanes are busy. */
void call_start(struct call *c);
/* Drives all until this one is done. The error, as in c->error. */
enum err call_wait(struct call *c) MUST_USE;
/* Drives all until any of them is done or max_wait_ns has passed. */
void call_turn(uint64_t max_wait_ns);
/* It is heard of no more. */
void call_abort(struct call *c);
/* Both in one. */
enum err call_run(struct call *c) MUST_USE;

/* Once there were no credentials, or no trust anchors, which was said, no further call is tried: all are
 * ERR_MISSING. From here on they are looked for again: for a command that goes on. */
void call_anew(void);

/* Says what failed, in words: "can't <what> <which>: AccessDenied: ... ; needs s3:GetObject". Returns
 * the exit status that fits c->error. needs: the permission, or NULL. */
enum exit_status call_say(const struct call *c, const char *what, struct span which, const char *needs);
/* The status alone. */
enum exit_status call_exit(const struct call *c);

/* S3's clock ahead of this machine's, by the Date of its last answer: 0 before the first, and where they are
 * within the two seconds that a Date of whole seconds can't tell. */
int64_t call_ahead_ns(void);

/* Since the start: for --explain and the ends of commands. */
struct call_totals {
	uint64_t requests, retries, bytes_in;
	uint64_t kms_calls;
};
const struct call_totals *call_totals(void);

#endif
