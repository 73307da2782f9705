#include "role/flows/flowtable.h"

#include <string.h>

void flowtable_init(struct flowtable *t, uint32_t slots, const uint8_t key[SIPHASH_KEY_BYTES])
{
	ASSERT(slots >= FLOWTABLE_MIN && slots <= FLOWTABLE_MAX && (slots & (slots - 1)) == 0);
	t->slots = slots;
	memcpy(t->key, key, sizeof(t->key));
}

static uint32_t home(const struct flowtable *t, const struct ct_flow *f)
{
	uint8_t bytes[48];
	struct buf b = BUF_OF(bytes);
	buf_put(&b, span_of(f->orig.src.bytes, 16));
	buf_put(&b, span_of(f->orig.dst.bytes, 16));
	buf_be16(&b, f->orig.sport);
	buf_be16(&b, f->orig.dport);
	buf_be16(&b, f->orig.icmp_id);
	buf_u8(&b, f->proto);
	buf_be32(&b, f->id);
	return (uint32_t)siphash(t->key, buf_span(&b)) & (t->slots - 1);
}

static bool same(const struct ct_flow *a, const struct ct_flow *b)
{
	return a->id == b->id && a->proto == b->proto && a->orig.sport == b->orig.sport &&
	       a->orig.dport == b->orig.dport && a->orig.icmp_id == b->orig.icmp_id &&
	       ip_eq(&a->orig.src, &b->orig.src) && ip_eq(&a->orig.dst, &b->orig.dst);
}

/* Its place, or the free one where it would stand. One place in four is always free. */
static struct flowtable_place *seek(struct flowtable *t, const struct ct_flow *f)
{
	uint32_t i = home(t, f);
	while (t->place[i].used && !same(&t->place[i].flow, f))
		i = (i + 1) & (t->slots - 1);
	return &t->place[i];
}

struct flowtable_place *flowtable_find(struct flowtable *t, const struct ct_flow *f)
{
	struct flowtable_place *p = seek(t, f);
	return p->used ? p : NULL;
}

struct flowtable_place *flowtable_put(struct flowtable *t, const struct ct_flow *f, bool *added)
{
	struct flowtable_place *p = seek(t, f);
	*added = !p->used;
	if (p->used)
		return p;
	if (t->count >= t->slots / 4 * 3) {
		t->full++;
		return NULL;
	}
	*p = (struct flowtable_place){.flow = *f, .used = true};
	t->count++;
	return p;
}

/* Those behind it move up, so that no search ends too early. */
void flowtable_remove(struct flowtable *t, struct flowtable_place *p)
{
	uint32_t mask = t->slots - 1, gap = (uint32_t)(p - t->place), i = gap;
	ASSERT(p->used && t->count);
	t->count--;
	for (;;) {
		i = (i + 1) & mask;
		if (!t->place[i].used)
			break;
		uint32_t from = home(t, &t->place[i].flow);
		if (((i - from) & mask) < ((i - gap) & mask))
			continue; /* its home lies behind the gap */
		t->place[gap] = t->place[i];
		gap = i;
	}
	t->place[gap].used = false;
}
