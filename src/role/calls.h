/* calls: which system calls each role may make, with what arguments, and why: one table. Who may not do
 * something there dies of it (os/sandbox, role/role).
 */
#ifndef SEALTAP_ROLE_CALLS_H
#define SEALTAP_ROLE_CALLS_H

#include "os/sandbox.h"

extern const struct sandbox calls_net, calls_keys, calls_upload, calls_spool, calls_status, calls_flows,
	calls_capture;

#endif
