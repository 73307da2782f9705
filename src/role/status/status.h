/* status: answers GET /healthz (200 or 503, with the boot verdict) and GET /metrics (OpenMetrics) to the
 * configured sources. It has the listening socket that init gave it, in a network namespace that is empty
 * otherwise, and no say: init and upload tell it what they know and read nothing that it sends, but its log.
 */
#ifndef SEALTAP_ROLE_STATUS_STATUS_H
#define SEALTAP_ROLE_STATUS_STATUS_H

#include "role/role.h"

extern const struct role role_status;

#endif
