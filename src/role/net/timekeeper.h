/* timekeeper: keeps the machine's clock by what NTP servers say (net/ntp), and says how right it is. Lives in
 * net; there is one.
 *
 * keys gives the servers (MSG_TIME_SERVERS) and hears MSG_CLOCK as soon as the clock can be used: before that
 * nothing is signed, named or forwarded. What came before, the boot's own packets and log lines, keeps the
 * time that the clock showed.
 *
 * - Before: two answers that agree, or five seconds. An offset of half a second and more is stepped, less is
 *   slewed. Without an answer, or a majority, the machine's own clock is used, and said to be unsynchronised.
 * One that is earlier than the build never is (VERDICT_CLOCK).
 * - After: less than half a second is slewed. More is stepped when NTP_CONFIRM answers in a row agree on it:
 *   that is an alarm (`clock-step`), and workers begin new objects. So it is with a net that is new.
 * - In host mode the clock is the host's: it is measured, never set.
 *
 * Events: `clock` at each change of what objects say, and each hour; `clock-step`; ntp-spike, ntp-kiss,
 * ntp-answer-refused, ntp-silent, ntp-disagree.
 */
#ifndef SEALTAP_ROLE_NET_TIMEKEEPER_H
#define SEALTAP_ROLE_NET_TIMEKEEPER_H

#include "role/report.h"

/* All borrowed. start: of this process. */
void timekeeper_init(struct loop *loop, struct peer *keys, struct report *report,
		     const struct msg_start *start);
/* keys says whom to ask. Said again, it is answered again. */
void timekeeper_servers(const struct msg_time_servers *m);

#endif
