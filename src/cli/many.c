#include "cli/many.h"

#include "base/time.h"

static struct {
	struct bucket_ask ask[MANY_AT_ONCE];
	bool asked[MANY_AT_ONCE];
} g;

static const struct catalog_object *object(const struct many *m, uint32_t i)
{
	return m->at ? m->at(i) : catalog_at(i);
}

uint32_t many_run(const struct many *m)
{
	uint32_t next = 0, done = 0;
	bool going = true;
	while (going ? done < m->count : m->changes && done < next) {
		for (; going && next < m->count && next - done < MANY_AT_ONCE; next++)
			g.asked[next % MANY_AT_ONCE] =
				m->ask(m->arg, &g.ask[next % MANY_AT_ONCE], object(m, next));
		struct bucket_ask *a = g.asked[done % MANY_AT_ONCE] ? &g.ask[done % MANY_AT_ONCE] : NULL;
		while (a && !a->call.done)
			call_turn(NS_PER_S);
		going = m->answered(m->arg, a, object(m, done)) && going;
		done++;
	}
	for (uint32_t i = done; i < next; i++)
		if (g.asked[i % MANY_AT_ONCE])
			call_abort(&g.ask[i % MANY_AT_ONCE].call);
	return done;
}
