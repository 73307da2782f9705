/* health: what the log tells of each appliance's state: taken line by line, shown as text, as JSON, or asked.
 *
 * By lines of a window, in the order of their times. What happened before the window is known only as far as
 * each object's first line repeats it.
 */
#ifndef SEALTAP_CLI_HEALTH_H
#define SEALTAP_CLI_HEALTH_H

#include "base/buf.h"
#include "cli/lines.h"

#define HEALTH_APPLIANCES_MAX 256u
#define HEALTH_ALARMS_MAX 32u /* kinds of alarms an appliance */
#define HEALTH_TEXT_MAX 32768u

enum health_state {
	HEALTH_UNKNOWN,  /* neither armed nor closed in this time */
	HEALTH_STARTING, /* booted, not armed yet */
	HEALTH_ARMED,    /* it forwards and records */
	HEALTH_STOPPED,  /* recording can't go on: forwarding is closed (on_loss = stop) */
	HEALTH_CLOSED,   /* shut down in order */
};

struct health_alarm {
	char event[40], last[160];
	uint64_t count, last_ns;
};

struct health {
	char name[160]; /* account/region/appliance; of files alone the appliance's name */
	char instance[32], ami[32], version[64], image[65], config[65], clock[32], spool[64], spool_event[40],
		reason[120];
	char clock_smeared[16], clock_offset_ms[32], secure_boot[16], measured[16];
	enum health_state state;
	uint64_t state_ns, boot, boots, boot_ns; /* boot_ns: of its `boot` line; 0: before this time */
	uint64_t last_ns, heartbeat_ns, uptime_s, interval_s, clock_error_ns;
	uint64_t objects, object_bytes;                       /* that the log lists as stored */
	uint64_t lost, lost_before_ring, gaps, not_forwarded; /* packets; how often */
	uint64_t credentials_ns, credentials_until_ns; /* when they were renewed last; 0: not in this time */
	bool credentials_failing;
	uint32_t alarms;
	struct health_alarm alarm[HEALTH_ALARMS_MAX];
};

void health_begin(void);
void health_take(const struct lines_line *line);
uint32_t health_count(void);
const struct health *health_at(uint32_t i);

/* At now_ns: the last heartbeat is older than three intervals. */
bool health_is_stale(const struct health *h, uint64_t now_ns);
/* 0 healthy; 1 stale, or alarmed since the window began; 2 closed: EXIT_DONE, EXIT_INCOMPLETE, EXIT_DAMAGED.
 * The worst of all appliances. */
enum exit_status health_verdict(uint64_t now_ns);
/* "ARMED", "CLOSED" ... */
const char *health_state_name(enum health_state s);

/* Some lines for people; a JSON object and an end of line. */
void health_text(struct buf *b, const struct health *h, uint64_t now_ns);
void health_json(struct buf *b, const struct health *h, uint64_t now_ns);

#endif
