/* healthz: what the status role tells at /healthz: JSON with the boot verdict, and why it is not well. Sans
 * I/O. */
#ifndef SEALTAP_ROLE_STATUS_HEALTHZ_H
#define SEALTAP_ROLE_STATUS_HEALTHZ_H

#include "role/msg.h"

#define HEALTHZ_TEXT_MAX 24576 /* every character of every text escaped */

/* init tells each second; after so long it is silent. */
#define HEALTHZ_SILENT_NS (3ull * 1000000000)

/* 200 or 503; appends {"healthy":…,"version":…,"reasons":[{"code":…,"text":…}…],"steps":[{"code":…,"ok":…,
 * "text":…}…]}: the steps that have a verdict, in the order of the boot. */
unsigned healthz_write(const struct msg_health *h, const char *version, struct buf *out);

#endif
