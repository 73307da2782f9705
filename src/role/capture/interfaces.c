#include "role/capture/interfaces.h"

#include <string.h>

static bool was(const struct msg_link *link, uint32_t ifindex)
{
	uint32_t i = 0;
	while (i < MSG_LINK_BEFORE && link->before[i] != ifindex)
		i++;
	return i < MSG_LINK_BEFORE;
}

static uint32_t side_of(const struct msg_links *links, uint32_t ifindex)
{
	for (uint32_t side = 0; side < 2; side++)
		if (links->link[side].ifindex == ifindex)
			return side;
	for (uint32_t side = 0; side < 2; side++)
		if (was(&links->link[side], ifindex))
			return side;
	return INTERFACES_NEITHER;
}

static bool alike(const struct msg_link *a, const struct msg_link *b)
{
	return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->eni, b->eni) == 0;
}

void interfaces_take(struct interfaces *i, const struct msg_links *told)
{
	i->has_next = i->now.count &&
		      !(alike(&i->now.link[0], &told->link[0]) && alike(&i->now.link[1], &told->link[1]));
	i->own_addr = told->link[0].own_addr;
	i->next = *told;
	if (!i->has_next)
		i->now = *told;
}

void interfaces_heard(struct interfaces *i)
{
	i->heard_seq = i->asked_seq;
}

uint32_t interfaces_side(struct interfaces *i, uint32_t ifindex, uint64_t block_seq, bool *turned)
{
	uint32_t side = side_of(&i->now, ifindex);
	*turned =
		side == INTERFACES_NEITHER && i->has_next && side_of(&i->next, ifindex) != INTERFACES_NEITHER;
	if (!*turned && side == INTERFACES_NEITHER && i->heard_seq != block_seq) {
		i->asked_seq = block_seq;
		return INTERFACES_UNTOLD;
	}
	if (!*turned)
		return side;
	i->now = i->next;
	i->has_next = false;
	return side_of(&i->now, ifindex);
}
