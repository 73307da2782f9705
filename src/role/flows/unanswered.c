#include "role/flows/unanswered.h"

#include <string.h>

#include "base/siphash.h"

static uint32_t home(const struct unanswered *u, const struct ct_flow *f)
{
	uint8_t bytes[24];
	struct buf b = BUF_OF(bytes);
	buf_put(&b, span_of(f->orig.dst.bytes, 16));
	buf_be16(&b, f->orig.dport);
	buf_u8(&b, f->proto);
	return (uint32_t)siphash(u->key, buf_span(&b)) % (2 * UNANSWERED_KEYS);
}

/* The crowd of its destination; NULL: there are too many. */
static struct unanswered_crowd *crowd_of(struct unanswered *u, const struct ct_flow *f)
{
	uint32_t i = home(u, f);
	for (; u->index[i]; i = (i + 1) % (2 * UNANSWERED_KEYS)) {
		struct unanswered_crowd *c = &u->crowd[u->index[i] - 1];
		if (c->proto == f->proto && c->dport == f->orig.dport && ip_eq(&c->dst, &f->orig.dst))
			return c;
	}
	if (u->count == UNANSWERED_KEYS)
		return NULL;
	struct unanswered_crowd *c = &u->crowd[u->count++];
	*c = (struct unanswered_crowd){.dst = f->orig.dst, .dport = f->orig.dport, .proto = f->proto};
	u->index[i] = (uint16_t)u->count;
	return c;
}

static void note_source(struct unanswered_crowd *c, const struct ip *src)
{
	for (uint32_t i = 0; i < c->source_count; i++)
		if (ip_eq(&c->source[i], src))
			return;
	if (c->source_count == UNANSWERED_SOURCES)
		c->more_sources = true;
	else
		c->source[c->source_count++] = *src;
}

bool unanswered_take(struct unanswered *u, const struct ct_flow *f)
{
	if (f->status & CT_ANSWERED || f->packets[CT_OUT] > UNANSWERED_PACKETS_MAX)
		return false;
	struct unanswered_crowd *c = crowd_of(u, f);
	if (!c)
		return false;
	if (c->alone < UNANSWERED_ALONE || (c->flows == 0 && u->crowds == UNANSWERED_CROWDS)) {
		c->alone++;
		return false;
	}
	u->crowds += c->flows == 0;
	c->flows++;
	c->packets += f->packets[CT_OUT];
	c->bytes += f->bytes[CT_OUT];
	if (c->flows == 1 || f->start_ns < c->first_ns)
		c->first_ns = f->start_ns;
	if (f->stop_ns > c->last_ns)
		c->last_ns = f->stop_ns;
	note_source(c, &f->orig.src);
	return true;
}

bool unanswered_next(const struct unanswered *u, uint32_t *i, const struct unanswered_crowd **c)
{
	for (; *i < u->count; ++*i) {
		if (u->crowd[*i].flows == 0)
			continue;
		*c = &u->crowd[(*i)++];
		return true;
	}
	return false;
}

void unanswered_reset(struct unanswered *u)
{
	memset(u->index, 0, sizeof(u->index));
	u->count = u->crowds = 0;
}
