/* health: init's part of the status port: has the listener opened where the configuration wants one, and the
 * status role started, and tells it whether packets can be forwarded and recorded now, each second and when
 * it changes. init's own.
 */
#ifndef SEALTAP_ROLE_INIT_HEALTH_H
#define SEALTAP_ROLE_INIT_HEALTH_H

#include "base/time.h"
#include "role/init/gate.h"
#include "role/init/supervisor.h"

/* A worker's pulse (role/guard.h) is late after so long. */
#define HEALTH_LATE_NS (2 * NS_PER_S)
#define HEALTH_LOOK_NS (100 * NS_PER_MS)
#define HEALTH_TELL_NS NS_PER_S

/* Zeroed; supervisor and gate are set by init before. */
struct health {
	struct supervisor *supervisor; /* borrowed */
	const struct gate *gate;       /* borrowed */
	bool open;                     /* net has opened forwarding */
	bool leaving;                  /* the shutdown has begun */
	bool used;                     /* there is to be a port */
	bool said;                     /* that it could not be opened */
	uint16_t port;
	uint32_t ifindex; /* of the link that the listener is bound to; 0: there is none */
	struct msg_link link;
	struct msg_health last;
	uint64_t told_ns;
	struct loop_timer open_again, look;
};

/* The links have their roles: [0] outside, [1] inside. Does nothing where no port is configured. */
void health_want(struct health *h, const struct settings *settings, const struct msg_links *links);
/* 503 from now on. */
void health_leaving(struct health *h);

#endif
