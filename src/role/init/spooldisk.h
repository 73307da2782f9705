/* spooldisk: finds and opens the spool's volume that the configuration names, until it is there; then the
 * spool role is started. init's own.
 */
#ifndef SEALTAP_ROLE_INIT_SPOOLDISK_H
#define SEALTAP_ROLE_INIT_SPOOLDISK_H

#include "base/conf.h"
#include "role/init/supervisor.h"

/* Zeroed; loop, host and supervisor are set by init before. */
struct spooldisk {
	struct supervisor *supervisor; /* borrowed */
	bool host;
	bool used; /* there is to be one */
	char name[sizeof(((struct settings *)0)->spool)];
	struct loop_timer timer;
};

/* Does nothing where the configuration names none. */
void spooldisk_want(struct spooldisk *d, const struct settings *settings);

#endif
