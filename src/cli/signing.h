/* signing: a call's request head: where it goes, its headers, its signature.
 */
#ifndef SEALTAP_CLI_SIGNING_H
#define SEALTAP_CLI_SIGNING_H

#include "base/conf.h"
#include "cli/call.h"

#define SIGNING_HEAD_MAX 16384

struct signing_target {
	struct endpoint endpoint; /* with the bucket, where that goes into the host */
	bool tls;
};

/* Appends the head. region: NULL: the session's. now_ns: as the service's clock shows. renew: the
 * credentials in use have expired. EXIT_DONE; else it was said what is missing. */
enum exit_status signing_head(const struct call *c, const char *region, uint64_t now_ns, bool renew,
			      struct signing_target *to, struct buf *head);

#endif
