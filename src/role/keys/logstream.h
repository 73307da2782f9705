/* logstream: the `log` stream: events of all roles as JSON lines, sealed like packets. Heartbeat, event log
 * and inventory. Lives in keys.
 *
 * Its first object (`boot`) ships before recording is armed and proves both permissions; further ones at
 * least every log.interval_seconds, also when idle; the last says `shutdown`. Each lists every object shipped
 * since the one before. The boot object has an event `setting` for each effective setting. A line:
 * {"time":…,"level":…,"role":…,"event":…,key:value…}; the first line of each object is the event `object`
 * with the chain (seq, prev, prev_sig) and what the packets' section header says.
 */
#ifndef SEALTAP_ROLE_KEYS_LOGSTREAM_H
#define SEALTAP_ROLE_KEYS_LOGSTREAM_H

#include "base/conf_show.h"
#include "role/clocknote.h"
#include "role/recorder.h"

/* Events of the roles wait in this many places at most; the rest are kept for what must not be missed: every
 * object shipped while no log object can be, the heartbeat, the shutdown. */
#define LOGSTREAM_LINES 256
#define LOGSTREAM_QUEUE (LOGSTREAM_LINES + PRODUCERS * MSG_MAX_SEGMENTS + 16)
#define LOGSTREAM_JSON_MAX 2048

/* One event waiting to be written, already JSON. */
struct logstream_line {
	uint64_t real_ns;
	uint64_t shipped; /* number of the object that it lists; 0: another line */
	uint64_t log;     /* number of init's line; 0: another line */
	bool settings;    /* they follow this line */
	uint32_t len;
	uint8_t json[LOGSTREAM_JSON_MAX];
};

struct logstream {
	struct recorder recorder;
	struct settings settings;               /* with the log's own rotation time */
	const struct object_identity *identity; /* borrowed */
	struct msg_clock clock;                 /* as the next object says it; the caller's to set */
	struct loop *loop;                      /* borrowed */
	struct loop_timer heartbeat;
	struct logstream_line queue[LOGSTREAM_QUEUE];
	uint32_t first, count;
	uint64_t dropped; /* lines that found the queue full */
	bool ship_wanted, close_wanted, closing;
	/* numbers of the last object listed and of init's last line: in what was written, in what is
	 * committed */
	struct logstream_numbers {
		uint64_t shipped, log;
	} written, committed;
	struct settings effective; /* for the boot's events `setting` */
	struct conf_cursor setting;
	bool showing;
	uint64_t boot_ns;
	struct msg_totals totals; /* for the `shutdown` event */
	void (*want_key)(void *arg, bool any);
	void (*sign)(void *arg, struct object_meta *meta); /* fills sig */
	void (*sealed)(void *arg, const struct msg_segment *s);
	/* s->committed is new. */
	void (*progressed)(void *arg);
	void *arg; /* borrowed */
};

/* Lines may be given from the process's start on; they wait for logstream_open(). */
void logstream_line(struct logstream *s, const struct msg_log *log);
/* A slot is free: its object is shipped and listed, or is on the volume. */
void logstream_free(struct logstream *s, const struct msg_segment *m);
void logstream_shipped(struct logstream *s, const struct msg_shipped *shipped);
/* The callbacks, loop, identity and arg are set by the caller before. Asks for the first data key; the boot
 * object is sealed as soon as it comes. life: how many processes before this one wrote to the pool. */
void logstream_open(struct logstream *s, const struct settings *settings, struct pool pool, uint32_t life);
bool logstream_opened(const struct logstream *s);
/* As soon as the stream's objects so far are stored: writes the `shutdown` event and seals the last object;
 * later lines are dropped. */
void logstream_close(struct logstream *s, const struct msg_totals *totals);
/* The last object is stored. */
bool logstream_closed(const struct logstream *s);

#endif
