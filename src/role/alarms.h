/* alarms: which of the log's alarms are sent, and when: of each event the first at once, then one in
 * ALARMS_QUIET_NS at most, the latest, with the number of those that it stands for. Sans I/O.
 *
 * Times are monotonic.
 */
#ifndef SEALTAP_ROLE_ALARMS_H
#define SEALTAP_ROLE_ALARMS_H

#include "aws/sns.h"
#include "base/time.h"
#include "os/log.h"

#define ALARMS_EVENTS 24 /* different ones; more than the roles have */
#define ALARMS_QUIET_NS (300 * NS_PER_S)

/* One event. */
struct alarms_event {
	struct sns_alarm latest; /* not yet sent when waiting */
	bool waiting;
	uint64_t since_ns;      /* waiting for so long */
	uint64_t not_before_ns; /* of the next one */
};

/* Zeroed before the first use. */
struct alarms {
	struct alarms_event event[ALARMS_EVENTS];
	uint64_t suppressed; /* alarms that were not sent by themselves, in all */
};

/* Whether the line's level is LOG_ALARM; then *alarm is that line, its event taken out. */
bool alarms_of_line(const struct log_line *line, struct sns_alarm *alarm);
void alarms_add(struct alarms *a, const struct sns_alarm *alarm, uint64_t now_ns);
/* Takes the one that has waited longest and may be sent now, or ERR_NOT_FOUND; then *wait_ns is how long the
 * next one has to wait, UINT64_MAX when there is none. all: also those that were sent a short while ago. */
enum err alarms_next(struct alarms *a, uint64_t now_ns, bool all, struct sns_alarm *alarm, uint64_t *wait_ns)
	MUST_USE;

#endif
