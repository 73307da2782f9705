/* judge: what an answer that is no success means for a call, and how it is told.
 */
#ifndef SEALTAP_CLI_JUDGE_H
#define SEALTAP_CLI_JUDGE_H

#include "cli/call.h"

/* Remedies where the credentials themselves are no good. */
#define JUDGE_NO_SUCH_KEY \
	"there is no such access key, or no longer: sealtap doctor --credentials tells where it is from"
#define JUDGE_WRONG_SECRET "check the secret access key and this machine's clock"

enum judge_kind {
	JUDGE_RETRY,   /* later */
	JUDGE_REFRESH, /* with new credentials */
	JUDGE_SKEW,    /* by the answer's Date */
	JUDGE_MOVED,   /* in another region */
	JUDGE_FINAL,
};

struct judgement {
	enum judge_kind kind;
	enum err error;  /* where it is final, or becomes so */
	char region[32]; /* JUDGE_MOVED; may be empty */
};

/* Fills c->fault. off_ns: how far the server's clock is from what was signed. */
void judge_call(struct call *c, const struct http1_response *r, struct span body, int64_t off_ns,
		struct judgement *out);

#endif
