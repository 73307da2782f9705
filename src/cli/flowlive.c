#include "cli/flowlive.h"

#include <string.h>

#define SLOTS (FLOWLIVE_MAX * 2) /* a power of two */
#define ID_MAX 32u

struct kept {
	uint64_t boot;
	struct flowline flow;
	bool ended;
	uint8_t id[2][ID_MAX]; /* what community_id and community_id_nat point to */
};

static struct {
	uint32_t count;
	struct kept kept[FLOWLIVE_MAX];
	uint32_t slot[SLOTS]; /* place in kept, plus 1 */
} g;

/* A flow is known by its boot, the kernel's id and its start: no packet's sender chooses these. */
static uint32_t *slot_of(uint64_t boot, const struct flowline *f)
{
	uint64_t h = (boot ^ f->id * 0x9e3779b97f4a7c15u ^ f->from_ns) * 0xff51afd7ed558ccdu;
	uint32_t i = (uint32_t)(h >> 32) & (SLOTS - 1);
	while (g.slot[i]) {
		const struct kept *k = &g.kept[g.slot[i] - 1];
		if (k->boot == boot && k->flow.id == f->id && k->flow.from_ns == f->from_ns)
			break;
		i = (i + 1) & (SLOTS - 1);
	}
	return &g.slot[i];
}

void flowlive_begin(void)
{
	g.count = 0;
	memset(g.slot, 0, sizeof(g.slot));
}

static struct span own(uint8_t to[ID_MAX], struct span s)
{
	s = span_first(s, ID_MAX);
	if (s.len)
		memcpy(to, s.p, s.len);
	return span_of(to, s.len);
}

/* Those that ended make room. */
static void compact(void)
{
	uint32_t kept = 0;
	memset(g.slot, 0, sizeof(g.slot));
	for (uint32_t i = 0; i < g.count; i++) {
		if (g.kept[i].ended)
			continue;
		struct kept *k = &g.kept[kept++];
		*k = g.kept[i];
		k->flow.community_id.p = k->id[0];
		k->flow.community_id_nat.p = k->id[1];
		*slot_of(k->boot, &k->flow) = kept;
	}
	g.count = kept;
}

bool flowlive_keep(uint64_t boot, const struct flowline *f)
{
	uint32_t *slot = slot_of(boot, f);
	if (!*slot) {
		if (g.count == FLOWLIVE_MAX) {
			compact();
			slot = slot_of(boot, f);
		}
		if (g.count == FLOWLIVE_MAX)
			return false;
		*slot = ++g.count;
	}
	struct kept *k = &g.kept[*slot - 1];
	k->boot = boot;
	k->ended = false;
	k->flow = *f;
	k->flow.reason = k->flow.sources = span_of(NULL, 0);
	k->flow.community_id = own(k->id[0], f->community_id);
	k->flow.community_id_nat = own(k->id[1], f->community_id_nat);
	return true;
}

void flowlive_ended(uint64_t boot, const struct flowline *f)
{
	uint32_t *slot = slot_of(boot, f);
	if (*slot)
		g.kept[*slot - 1].ended = true;
}

const struct flowline *flowlive_left(uint32_t *i)
{
	while (*i < g.count && g.kept[*i].ended)
		++*i;
	return *i < g.count ? &g.kept[(*i)++].flow : NULL;
}
