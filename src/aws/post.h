/* post: a call of a service with the query protocol (CloudWatch, SNS): its form, signature, head, answer.
 * Sans I/O.
 *
 * The caller makes one struct post_call on both sides: keys signs it, upload writes the head and sends the
 * body; both walk one table of headers in post.c, so they can't disagree. Source: the services' API
 * references, "Making API requests"; their models (protocol "query").
 */
#ifndef SEALTAP_AWS_POST_H
#define SEALTAP_AWS_POST_H

#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/sigv4.h"

#define POST_HEAD_MAX 6144   /* a request's head */
#define POST_ANSWER_MAX 8192 /* longest answer body to be read */

struct post_call {
	struct endpoint endpoint;
	struct span region;  /* borrowed from settings or identity */
	const char *service; /* of the signature's scope; static */
	struct span body;    /* the whole form; borrowed */
};

/* Appends "name=value" to a form, after '&' when it is not the first. name has nothing to encode. */
void post_field(struct buf *form, const char *name, struct span value);
/* The same for a member of a list: "list.member.number.name=value". */
void post_member(struct buf *form, const char *list, unsigned number, const char *name, struct span value);

/* Appends X-Amz-Date's value and Authorization's value. */
enum err post_sign(const struct post_call *call, const struct aws_credentials *c, struct sigv4_cache *cache,
		   uint64_t now_ns, struct buf *amz_date, struct buf *authorization) MUST_USE;
/* Appends the head; call->body follows it. token may be empty. */
enum err post_head(const struct post_call *call, struct span amz_date, struct span authorization,
		   struct span token, struct buf *head) MUST_USE;

enum post_verdict {
	POST_OK,
	POST_RETRY, /* these four as enum fault_kind says */
	POST_REFRESH,
	POST_SKEW,
	POST_DENIED,
	POST_UNFIT, /* this form will never be taken; another may */
};

/* What an answer means; own and denied as in fault_judge. *fault is for the log and the verdict. */
enum post_verdict post_classify(unsigned status, struct span body, const struct fault_row *own,
				const char *denied, struct fault *fault);

#endif
