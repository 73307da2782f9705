/* net: the role that sets up the network: links, DHCP, addresses, routes, the packet filter and NAT; and
 * resolves names for keys and upload. It sees no secret and no packet but DHCP's and DNS's.
 *
 *   START -> LINKS; LINKS_UP -> ADDRESSED; SETTINGS -> CONFIGURED; FORWARD -> FORWARDING; RESOLVE -> RESOLVED
 *
 * What fails is told by VERDICT and tried again, for ever. With IMDS and KMS it never speaks: keys does.
 */
#ifndef SEALTAP_ROLE_NET_NET_H
#define SEALTAP_ROLE_NET_NET_H

#include "role/role.h"

extern const struct role role_net;

#endif
