/* journal: the events that flows took from the kernel and whose records are not committed yet. It lies in
 * memory that outlives the role: the next process goes on where the records end, and no flow's end is lost
 * with a process.
 *
 * The memory is init's, a pool of one slot (os/pool.h); only flows maps it. An event is received right into
 * its place. Positions are bytes since the boot began and only grow.
 */
#ifndef SEALTAP_ROLE_FLOWS_JOURNAL_H
#define SEALTAP_ROLE_FLOWS_JOURNAL_H

#include "net/nlmsg.h"
#include "os/pool.h"

#define JOURNAL_BYTES (8u << 20)
#define JOURNAL_EVENT_MAX 4096u /* the kernel's have some hundred bytes */

struct journal {
	struct journal_page *page; /* borrowed: what outlives this process */
	uint8_t *ring;             /* borrowed; JOURNAL_BYTES */
	uint64_t keep, next;       /* of the oldest event that is still needed; of the next one to be read */
};

/* Takes up what is there. */
void journal_init(struct journal *j, const struct pool *pool);
/* The next event to be read stands there. */
void journal_resume(struct journal *j, uint64_t at);
/* All before `at` needs no record any more, though none says so: kept for the next process. */
void journal_settled(struct journal *j, uint64_t at);
/* Up to where the last process had settled all. */
uint64_t journal_settled_up_to(const struct journal *j);
/* Where the next event may be received: a place of JOURNAL_EVENT_MAX bytes. False: it is full. */
bool journal_room(struct journal *j, struct buf *place);
/* One was: `bytes` long. */
void journal_received(struct journal *j, size_t bytes);
/* The next event, the same until journal_read() goes on behind it; false: there is none. */
bool journal_next(struct journal *j, struct nlmsg *m);
void journal_read(struct journal *j);
/* Events before `keep` are not needed any more. */
void journal_release(struct journal *j, uint64_t keep);
/* Three quarters are in use. */
bool journal_tight(const struct journal *j);

#endif
