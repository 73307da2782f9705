#include "role/upload/inventory.h"

void inventory_init(struct inventory *i, struct peer *keys, void (*listed_one)(struct outbox_place at),
		    uint32_t life)
{
	i->keys = keys;
	i->listed_one = listed_one;
	i->told = i->listed = (uint64_t)life << 32;
}

static void list_up_to(struct inventory *i, uint64_t number)
{
	while (i->listed < number)
		i->listed_one(i->entry[++i->listed % INVENTORY_MAX].at);
}

void inventory_tell(struct inventory *i, const struct object_meta *meta, struct outbox_place at)
{
	if (i->told - i->listed == INVENTORY_MAX)
		list_up_to(i, i->listed + 1); /* the log does not keep up: the slot is worth more */
	struct inventory_entry *e = &i->entry[++i->told % INVENTORY_MAX];
	e->shipped.number = i->told;
	e->shipped.meta = *meta;
	e->at = at;
	peer_send(i->keys, MSG_SHIPPED, &e->shipped);
}

void inventory_listed(struct inventory *i, const struct msg_listed *m)
{
	if (m->number <= i->told)
		list_up_to(i, m->number);
}

void inventory_again(struct inventory *i)
{
	for (uint64_t n = i->listed + 1; n <= i->told; n++)
		peer_send(i->keys, MSG_SHIPPED, &i->entry[n % INVENTORY_MAX].shipped);
}

bool inventory_holds(const struct inventory *i, uint32_t producer, uint32_t slot)
{
	for (uint64_t n = i->listed + 1; n <= i->told; n++) {
		const struct outbox_place *at = &i->entry[n % INVENTORY_MAX].at;
		if (at->producer == producer && at->slot == slot)
			return true;
	}
	return false;
}

uint32_t inventory_held(const struct inventory *i, uint32_t producer)
{
	uint32_t held = 0;
	for (uint64_t n = i->listed + 1; n <= i->told; n++)
		held += i->entry[n % INVENTORY_MAX].at.producer == producer;
	return held;
}
