/* lanes: upload's connections, each with the one object that is under way there, and which object is next.
 *
 * One object's way: WAITING -> RESOLVING -> SIGNING -> SENDING -> stored (IDLE), or WAITING again. Objects
 * are taken up oldest first; one that is refused goes behind all others and holds no lane.
 */
#ifndef SEALTAP_ROLE_UPLOAD_LANES_H
#define SEALTAP_ROLE_UPLOAD_LANES_H

#include "aws/pace.h"
#include "role/https.h"
#include "role/outbox.h"
#include "role/resolver.h"

enum lane_state { LANE_IDLE, LANE_WAITING, LANE_RESOLVING, LANE_SIGNING, LANE_SENDING };

struct lane {
	enum lane_state state;
	struct outbox_place at;
	uint64_t ticket;             /* objects in the order in which they were taken up */
	struct object_meta meta;     /* with the name under which it is to be stored */
	uint64_t started_ns;         /* of the request under way */
	struct ip addr[HTTPS_ADDRS]; /* of the host, as last resolved */
	uint32_t addr_count;
	struct resolver resolver;
	struct https https;
	uint8_t head[S3_HEAD_MAX];
	uint8_t body[S3_ANSWER_MAX];
};

/* Zeroed before the first use. */
struct lanes {
	struct lane lane[PACE_WINDOW_MAX];
	uint64_t tickets;
	struct outbox outbox;
};

/* The lane that has waited longest since its last try; objects that were not tried yet come in their order.
 * NULL: there is nothing to be tried. */
struct lane *lanes_next(struct lanes *ls);
/* It is to be tried again; behind: what can't be stored for reasons of its own, after all others. */
void lanes_again(struct lanes *ls, struct lane *l, bool behind);
/* The name is taken by something that is not ours: the object stands beside it from now on. */
void lanes_rename(struct lanes *ls, struct lane *l);

#endif
