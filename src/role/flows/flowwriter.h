/* flowwriter: the recorder of the `flows` stream and the journal behind it: what is committed says up to
 * where events and logged packets have their records. flows' own.
 *
 * While objects can't be sealed for long the journal fills, then the sockets; after WAIT_NS with a full
 * journal records are dropped and counted, for connection tracking must not be held up. At the end nothing
 * waits.
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWWRITER_H
#define SEALTAP_ROLE_FLOWS_FLOWWRITER_H

#include "role/flows/journal.h"
#include "role/recorder.h"

struct flowwriter_ops {
	/* As recorder_ops'. */
	void (*want_key)(void *arg, bool any);
	void (*sign)(void *arg, const struct object_meta *meta);
	void (*sealed)(void *arg, const struct msg_segment *s);
	void (*ready)(void *arg);
};

struct flowwriter {
	const struct flowwriter_ops *ops; /* static; it and the next three are set by the caller before */
	struct loop *loop;                /* borrowed */
	const struct settings *settings;  /* borrowed */
	const struct object_identity *identity; /* borrowed */
	struct msg_clock clock;                 /* as keys said last */
	struct recorder recorder;
	struct journal journal;
	uint64_t done;                   /* what the process before read of the journal and wrote */
	bool windowed;                   /* flows from window_at on wait for a record together */
	uint64_t window_at;              /* position in the journal */
	uint64_t logged_next;            /* number of the next logged packet */
	uint64_t logged_done;            /* all before are in records */
	uint64_t logged_lost;            /* missing numbers, not told yet */
	struct msg_refused refused_done; /* what connection tracking refused up to there is in records */
	uint64_t now_ns;     /* real time of the last flowwriter_room(): that of the lines in it */
	uint64_t waiting_ns; /* monotonic: since when there is no room; 0: there is */
	bool hurried;        /* the end: what has no room now is dropped */
	uint64_t dropped;    /* records, while that lasted */
	uint8_t nowhere_bytes[RECORDER_RAW_MAX / 2];
	struct buf nowhere;
};

void flowwriter_init(struct flowwriter *w, const struct pool *journal);
/* Settings and identity are there: goes on where the process before stood. */
void flowwriter_open(struct flowwriter *w, const struct pool *pool);
/* Room for lines of so many bytes together, or NULL: wait. Each line is followed by flowwriter_wrote(); those
 * that one call made room for are in one commit. */
struct buf *flowwriter_room(struct flowwriter *w, size_t bytes);
void flowwriter_wrote(struct flowwriter *w, struct buf *b);
/* The event that is being read was written by the process before, unless it waited in a window. */
bool flowwriter_again(const struct flowwriter *w);
/* From the event that is being read on, flows wait for a record together; or no more. */
void flowwriter_window(struct flowwriter *w, bool open);
/* A logged packet came with this number. */
void flowwriter_logged(struct flowwriter *w, uint32_t seq);
/* All logged packets so far are written. */
void flowwriter_verdicts(struct flowwriter *w);
/* So is what connection tracking had refused by then. */
void flowwriter_refused(struct flowwriter *w, const struct msg_refused *at);
/* The end, with no object open: an alarm if records are dropped now; the data key is wiped. */
void flowwriter_end(struct flowwriter *w);
/* Nothing is under way: events that made no record are done with. */
void flowwriter_settle(struct flowwriter *w);

#endif
