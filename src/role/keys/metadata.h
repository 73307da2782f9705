/* metadata: asks IMDS, one request after the other, over a plain connection. What is asked and how answers
 * are read: aws/imds.h.
 *
 * One try a start; the owner repeats with back-off. The results stay in imds.result; a failed refresh leaves
 * the old credentials. The service is asked at its IPv4 address and, where that can't be connected to, at its
 * IPv6 one; what worked last comes first.
 */
#ifndef SEALTAP_ROLE_KEYS_METADATA_H
#define SEALTAP_ROLE_KEYS_METADATA_H

#include "aws/imds.h"
#include "role/https.h"
#include "role/peer.h"

struct metadata {
	struct imds imds; /* secret inside */
	struct https https;
	struct ip addr[2]; /* in the order of trying */
	bool busy;
	bool waiting[IMDS_GOALS]; /* to be begun after the one under way */
	enum imds_goal goal;      /* under way, or done last */
	/* On error imds.step tells which request. Further goals may be started from within. */
	void (*done)(void *arg, enum imds_goal goal, enum err e);
	void *arg; /* borrowed */
	uint8_t request[IMDS_REQUEST_MAX];
	uint8_t body[IMDS_BODY_MAX];
};

void metadata_init(struct metadata *m, struct loop *loop,
		   void (*done)(void *arg, enum imds_goal goal, enum err e), void *arg);
/* At once, or after what is under way. A goal that waits already is begun once. */
void metadata_start(struct metadata *m, enum imds_goal goal);

/* The verdict on a request that failed: what, and what to do. */
void metadata_say_failed(const struct metadata *m, struct peer *init, enum err e);
/* What a boot's objects are known by, from IMDS and settings: all but hashes and key. */
void metadata_identity(const struct metadata *m, const struct settings *s, uint64_t boot,
		       struct object_identity *id);
/* Tells net of the interfaces as IMDS describes them; known: it did. */
void metadata_describe(const struct metadata *m, bool known, struct peer *net);
/* What IMDS says of the partition must be what the region's name says: else one of them is not AWS's, and the
 * verdict says so. */
bool metadata_partition_agrees(const struct metadata *m, struct peer *init);

#endif
