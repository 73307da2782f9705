/* canary: sends one (net/canary.h) every CANARY_NS while traffic is forwarded, and tells keys of it. net's
 * own. */
#ifndef SEALTAP_ROLE_NET_CANARY_H
#define SEALTAP_ROLE_NET_CANARY_H

#include "base/time.h"
#include "role/net/names.h"
#include "role/peer.h"

#define CANARY_NS (300 * NS_PER_S)
#define CANARY_FIRST_NS (5 * NS_PER_S)
#define CANARY_ANSWER_NS (5 * NS_PER_S)

struct canary {
	struct loop *loop; /* borrowed, as all here */
	struct peer *keys;
	const struct names *names; /* knows the DNS server */
	uint64_t boot;
	uint32_t number;
	int fd; /* owned; of the one under way, else -1 */
	struct loop_timer due, patience;
};

void canary_init(struct canary *c, struct loop *loop, struct peer *keys, const struct names *names,
		 uint64_t boot, uint32_t life);
/* Traffic is forwarded now, or no longer. */
void canary_on(struct canary *c, bool on);

#endif
