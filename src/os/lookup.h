/* lookup: a host's addresses by the machine's own means: its hosts file and name servers. Waits.
 *
 * For the operator's command; a role asks net (role/resolver.h).
 */
#ifndef SEALTAP_OS_LOOKUP_H
#define SEALTAP_OS_LOOKUP_H

#include "base/ip.h"

/* At most cap addresses, in the order that the machine prefers; an address's text gives that address, an IPv6
 * one also in the brackets that a URL puts around it.
 * ERR_NOT_FOUND: there is no such name; ERR_UNREACHABLE: nobody answers. */
enum err lookup_name(const char *host, struct ip *out, uint32_t cap, uint32_t *count) MUST_USE;

#endif
