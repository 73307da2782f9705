/* goals: lets keys and upload speak to the services that the configuration gives them: opens the packet
 * filter for the addresses of a name before the role that asked for it learns them. net's own.
 *
 * keys has KMS; upload has S3, CloudWatch and SNS, each at its endpoint's port. S3 may be another region's:
 * the bucket is where S3 says that it is. For any other name nothing is opened: whoever takes a role over
 * finds no new goals by asking.
 */
#ifndef SEALTAP_ROLE_NET_GOALS_H
#define SEALTAP_ROLE_NET_GOALS_H

#include "role/net/gateway.h"

/* uid: of the role that asked, UID_KEYS or UID_UPLOAD. c: the settings; until they are there no name is
 * answered. A kernel that refuses is an alarm. */
void goals_open(struct gateway *g, const struct msg_config *c, uint32_t uid, const char *host,
		const struct msg_addresses *a);
/* 0: the user has no such service. */
uint16_t goals_port(const struct msg_config *c, uint32_t uid, const char *host);

#endif
