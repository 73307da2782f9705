#include "role/inventory.h"

void inventory_init(struct inventory *i, struct peer *keys, uint32_t life)
{
	i->keys = keys;
	i->told = i->listed = (uint64_t)life << 32;
}

void inventory_tell(struct inventory *i, const struct object_meta *meta)
{
	struct msg_shipped *s = &i->shipped[++i->told % INVENTORY_MAX];
	s->number = i->told;
	s->meta = *meta;
	peer_send(i->keys, MSG_SHIPPED, s);
}

void inventory_listed(struct inventory *i, const struct msg_listed *m)
{
	if (m->number > i->listed && m->number <= i->told)
		i->listed = m->number;
}

void inventory_again(struct inventory *i)
{
	uint64_t from = i->told - i->listed > INVENTORY_MAX ? i->told - INVENTORY_MAX : i->listed;
	for (uint64_t n = from + 1; n <= i->told; n++)
		peer_send(i->keys, MSG_SHIPPED, &i->shipped[n % INVENTORY_MAX]);
}
