/* poster: posts the forms of one service (CloudWatch, SNS), one at a time, signed by keys, for ever, with
 * back-off. What is posted comes from its owner.
 *
 *   IDLE --next() has one--> RESOLVING -> SIGNING -> SENDING --answer--> IDLE, or WAITING for another try
 *
 * An alarm is repeated until an answer says that it was taken: it may come twice. Metrics would be counted
 * twice: they are not repeated once they may have been taken. A form that can't ever be taken is given up.
 *
 * Each try is written anew: metrics bear the time as the clock is corrected by then.
 */
#ifndef SEALTAP_ROLE_UPLOAD_POSTER_H
#define SEALTAP_ROLE_UPLOAD_POSTER_H

#include "role/backoff.h"
#include "role/https.h"
#include "role/resolver.h"

enum poster_state { POSTER_IDLE, POSTER_RESOLVING, POSTER_SIGNING, POSTER_SENDING, POSTER_WAITING };

struct poster {
	/* set by the owner before poster_init */
	struct loop *loop;                      /* borrowed */
	struct peer *keys, *net;                /* borrowed */
	const struct settings *settings;        /* borrowed */
	const struct object_identity *identity; /* borrowed */
	const int64_t *offset_ns;               /* borrowed: what keys adds to the clock when signing */
	enum msg_form form;
	/* Fills in what is to be posted next; false: nothing. */
	bool (*next)(void *arg, struct msg_sign_post *post);
	/* This one is given up: it is refused for what it says, so it was not taken. The next comes after. */
	void (*unfit)(void *arg, const struct msg_sign_post *post);
	/* One was posted, or given up; the next is under way if there is one. */
	void (*done)(void *arg);
	void *arg; /* borrowed */

	enum poster_state state;
	unsigned failures;   /* in a row */
	enum log_level told; /* the loudest of this row */
	struct msg_sign_post post;
	uint64_t at_ns; /* of the sample, by the machine's clock */
	struct post_call call;
	struct ip addr[HTTPS_ADDRS];
	uint32_t addr_count;
	struct backoff backoff;
	struct loop_timer retry;
	struct resolver resolver;
	struct https https;
	uint8_t form_bytes[CLOUDWATCH_BODY_MAX];
	uint8_t head[POST_HEAD_MAX];
	uint8_t answer[POST_ANSWER_MAX];
};

void poster_init(struct poster *p, const struct tls_anchors *anchors);
/* There may be something to post. */
void poster_wake(struct poster *p);
/* What failed is tried again at once. */
void poster_hurry(struct poster *p);
/* MSG_POST_SIGNED for p->form. */
void poster_signed(struct poster *p, const struct msg_signed *s);
/* net or keys is a new process: asks again what it was asked. */
void poster_again(struct poster *p, enum role_id anew);
bool poster_idle(const struct poster *p);

#endif
