/* trouble: why a call of AWS failed, in words: for the boot verdict, the log and the alarm. The same for S3,
 * KMS, CloudWatch and SNS; what their answers mean is aws/fault's.
 *
 * LOG_WARN where it is tried again and may come right by itself, LOG_ALARM where a person has to act.
 */
#ifndef SEALTAP_ROLE_TROUBLE_H
#define SEALTAP_ROLE_TROUBLE_H

#include "aws/fault.h"
#include "base/conf.h"
#include "os/log.h"
#include "role/https.h"

/* Texts are static or borrowed from what it was made of. */
struct trouble {
	enum log_level level;
	const char *what;       /* "AccessDenied", "TLS handshake" */
	const char *why;        /* in other words; may be empty */
	const char *remedy;     /* what to do, or what is being done */
	const char *request_id; /* AWS's, for its support; empty: none */
};

/* No address of the host. */
struct trouble trouble_unresolved(enum err e, const struct settings *s);
/* keys gave no signature. */
struct trouble trouble_unsigned(enum err e);
/* r->err instead of an answer. */
struct trouble trouble_unanswered(const struct https_result *r);
/* The answer is no success. final: it will not get better by itself. */
struct trouble trouble_refused(const struct fault *f, const struct https_result *r, bool final);

/* Whether the log is to tell of a failure that is the tries-th in a row: of the first 8, then of each power
 * of two, lest an outage of hours push all else out of it. The line says how many there were. */
bool trouble_worth_saying(uint64_t tries);
/* One line, cut to fit: "CALL at HOST: ..."; what the service said comes last. */
void trouble_line(const struct trouble *t, const char *call, const char *host, char *out, size_t cap);
/* Adds it to the log line that was begun with its level. */
void trouble_log(const struct trouble *t);

#endif
