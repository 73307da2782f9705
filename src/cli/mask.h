/* mask: takes out of texts what tells whose network it is: addresses (IP, MAC), account numbers, ids of
 * access keys. What was the same before is the same after it: "ip-1", "mac-2", "account-1".
 */
#ifndef SEALTAP_CLI_MASK_H
#define SEALTAP_CLI_MASK_H

#include "base/buf.h"

#define MASK_NAMES_MAX 8192u /* different ones; those beyond share the name "ip-more" and so on */

/* addresses: false: IP and MAC addresses stay. */
void mask_begin(bool addresses);
/* Appends text. json: of JSON lines only what stands in strings is looked at, so that they stay JSON. */
void mask_put(struct buf *b, struct span text, bool json);

#endif
