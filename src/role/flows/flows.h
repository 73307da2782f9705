/* flows: the role that writes the `flows` stream: a record of each flow that the kernel's connection tracking
 * ends, and of packets that were recorded but not forwarded (format: role/flows/flowlines.c).
 *
 * It has no network and no capability: init opens the sockets and asks for dumps (role/flows/flowsockets.h).
 * A flow's record is made of its last event, which the kernel keeps until it could be delivered; the events
 * wait in the journal until their records are committed, so that a death loses none. What is not written
 * because objects could not be sealed for long is counted as lost in the stream's metadata.
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWS_H
#define SEALTAP_ROLE_FLOWS_FLOWS_H

#include "role/role.h"

extern const struct role role_flows;

#endif
