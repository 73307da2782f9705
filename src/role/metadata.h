/* metadata: asks IMDS, one request after the other, over a plain connection. What is asked and how answers
 * are read: aws/imds.h.
 *
 * One try a start; the owner repeats with back-off. The results stay in imds.result; a failed refresh leaves
 * the old credentials.
 */
#ifndef SEALTAP_ROLE_METADATA_H
#define SEALTAP_ROLE_METADATA_H

#include "aws/imds.h"
#include "role/https.h"

struct metadata {
	struct imds imds; /* secret inside */
	struct https https;
	bool busy;
	void (*done)(void *arg, enum err e); /* on error imds.step tells which request */
	void *arg;                           /* borrowed */
	uint8_t request[IMDS_REQUEST_MAX];
	uint8_t body[IMDS_BODY_MAX];
};

void metadata_init(struct metadata *m, struct loop *loop, void (*done)(void *arg, enum err e), void *arg);
/* Nothing happens while one is under way. */
void metadata_start(struct metadata *m, enum imds_goal goal);

#endif
