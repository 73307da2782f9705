/* sns: one call, Publish: an alarm to the operator's topic. Sans I/O.
 *
 * Region and account are those of the topic's ARN. keys and upload make the same call from the same alarm.
 * Source: Amazon SNS API reference, Publish.
 */
#ifndef SEALTAP_AWS_SNS_H
#define SEALTAP_AWS_SNS_H

#include "aws/post.h"
#include "record/object.h"

#define SNS_SUBJECT_MAX 100 /* characters, AWS's limit */
#define SNS_MESSAGE_MAX 4096
#define SNS_BODY_MAX 6144 /* the longest form: each character may take three */

/* Fixed size, no pointers: it is sent between roles. Texts may come from anywhere: they end at their first
 * NUL or with the array, and what is not printable ASCII is sent as '?'. */
struct sns_alarm {
	uint64_t at_ns; /* real time */
	char event[32]; /* "recording-lost" */
	char text[1024];
	uint32_t suppressed; /* alarms that were not sent since the last one */
};

/* Appends the form to *body, which is empty and outlives *call. ERR_MISSING: the settings have no topic. */
enum err sns_call(const struct settings *s, const struct object_identity *id, const struct sns_alarm *alarm,
		  struct buf *body, struct post_call *call) MUST_USE;
/* What the answer means. *fault is for the log. */
enum post_verdict sns_classify(unsigned status, struct span body, struct fault *fault);

#endif
