/* attendance: how far each role is on its way through boot and shutdown. init's own. */
#ifndef SEALTAP_ROLE_INIT_ATTENDANCE_H
#define SEALTAP_ROLE_INIT_ATTENDANCE_H

#include "role/init/roster.h"

struct attendance {
	bool armed;   /* capture */
	bool drained; /* capture, flows, spool: all that it had is handed on */
	bool settled; /* it has the configuration */
};

/* The roles that record: they arm and drain. */
bool attendance_records(const struct roster_child *c);
/* of: by number of the child. Every worker is armed; every role that records has drained. */
bool attendance_all_armed(const struct roster *r, const struct attendance of[ROSTER_MAX]);
bool attendance_all_drained(const struct roster *r, const struct attendance of[ROSTER_MAX]);
/* Its word that it has drained means that nothing is left to ship: upload's once the spool gives it nothing
 * more; the spool's when time is short (late): the volume has the rest. Nobody else's does. */
bool attendance_shipped(const struct roster_child *who, bool spool_drained, bool late);

#endif
