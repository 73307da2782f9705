#include "role/upload/lanes.h"

static struct lane *idle_lane(struct lanes *ls)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (ls->lane[i].state == LANE_IDLE)
			return &ls->lane[i];
	return NULL;
}

static void read_meta(struct lanes *ls, struct lane *l)
{
	unsigned n = l->at.so_far.renames;
	outbox_meta(&ls->outbox, l->at, &l->meta);
	enum err e = n ? object_rename(&l->meta, n) : ERR_OK;
	ASSERT(!e);
}

static void take_up(struct lanes *ls, struct lane *l)
{
	l->at = outbox_take(&ls->outbox);
	l->ticket = ls->tickets++;
	read_meta(ls, l);
	l->state = LANE_WAITING;
}

struct lane *lanes_next(struct lanes *ls)
{
	struct lane *l = idle_lane(ls);
	if (l && ls->outbox.count)
		take_up(ls, l);
	l = NULL;
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (ls->lane[i].state == LANE_WAITING && (!l || ls->lane[i].ticket < l->ticket))
			l = &ls->lane[i];
	return l;
}

void lanes_again(struct lanes *ls, struct lane *l, bool behind)
{
	l->state = behind ? LANE_IDLE : LANE_WAITING;
	l->ticket = ls->tickets++;
	if (behind)
		outbox_add(&ls->outbox, l->at);
}

void lanes_rename(struct lanes *ls, struct lane *l)
{
	l->at.so_far.renames++;
	l->at.so_far.attempts = (struct s3_attempts){0};
	read_meta(ls, l);
}
