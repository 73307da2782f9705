/* progress: the page of a producer's pool: what must be known of it even when it died in the middle.
 *
 * The producer writes it, each word by itself; init, the spool and the producer's successor read it. Zeroed
 * when the pool is made.
 */
#ifndef SEALTAP_ROLE_PROGRESS_H
#define SEALTAP_ROLE_PROGRESS_H

#include "os/pool.h"

struct progress {
	uint64_t armed_real_ns; /* 0: recording was never armed */
	uint64_t turn_ns;       /* monotonic: when its loop last came round; 0: it does not record now */
	uint64_t drops;         /* packets that its ring lost, since it admits any */
	uint64_t drops_logged;  /* of those: told in the log */
	uint64_t counted_ns;    /* monotonic: when it last asked the ring for them */
	uint64_t full;          /* 1: it holds records back for want of a free slot */
	uint64_t exhausted;     /* 1: the day's budget is used up: packets are dropped */
	uint64_t reading_seq;   /* ring block being read; 0: none */
	uint64_t suspect_seq;   /* the block that the last process died in which died in one */
	uint64_t crashes;       /* how many have died in it, one after the other */
	/* all before this ring block is dealt with, whatever was committed last; 0: none. The others: as in
	 * commit_resume, up to there */
	uint64_t passed_seq, passed_filtered[2], passed_over_budget[2];
	uint64_t key_made_ns; /* monotonic: when the stream's data key was made */
	uint64_t key_bytes;   /* of finished objects under it */
	uint64_t keyseq[10];  /* of keys alone: next number of each stream's data key */
};

_Static_assert(sizeof(struct progress) <= POOL_PAGE_BYTES, "one page");

#endif
