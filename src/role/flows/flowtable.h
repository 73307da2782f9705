/* flowtable: the flows that live, as far as they are known: so that after a loss of events those that ended
 * unseen can be found, by a dump that has them no longer. A flow's record needs it not: its last event tells
 * all.
 *
 * A hash table of fixed size, keyed so that nobody can make flows collide. When it is full flows go without
 * it.
 */
#ifndef SEALTAP_ROLE_FLOWS_FLOWTABLE_H
#define SEALTAP_ROLE_FLOWS_FLOWTABLE_H

#include "base/siphash.h"
#include "net/ct.h"

#define FLOWTABLE_MIN 4096u
#define FLOWTABLE_MAX 131072u /* a power of two */
#define FLOWTABLE_PLACE_BYTES sizeof(struct flowtable_place)

struct flowtable_place {
	struct ct_flow flow;   /* as last told */
	uint64_t told_packets; /* of both ways, in its last record; 0: none yet */
	uint32_t seen;         /* number of the last dump that had it, or before which it began */
	uint8_t missed;        /* dumps in a row that had it not */
	bool used, told;       /* told: its record is written, its end is no news */
};

/* Zeroed before the first use. */
struct flowtable {
	struct flowtable_place place[FLOWTABLE_MAX];
	uint8_t key[SIPHASH_KEY_BYTES];
	uint32_t slots, count;
	uint64_t full; /* flows for which there was no place */
};

/* slots: a power of two within both limits. */
void flowtable_init(struct flowtable *t, uint32_t slots, const uint8_t key[SIPHASH_KEY_BYTES]);
/* The flow's place, or NULL. */
struct flowtable_place *flowtable_find(struct flowtable *t, const struct ct_flow *f);
/* The same; it is made when there is none. NULL: the table is full. *added: it is new. */
struct flowtable_place *flowtable_put(struct flowtable *t, const struct ct_flow *f, bool *added);
void flowtable_remove(struct flowtable *t, struct flowtable_place *p);

#endif
