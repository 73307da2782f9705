#include "role/flows/reconcile.h"

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"

#define SOON_NS NS_PER_S         /* after a loss: more may follow */
#define TWICE_NS (10 * NS_PER_S) /* until a second dump says that a flow is not there */
#define OLD_NS (300 * NS_PER_S)  /* a flow that lives longer has lines before its end */
#define MISSED_MAX 2

static uint64_t packets_of(const struct ct_flow *f)
{
	return f->packets[CT_OUT] + f->packets[CT_IN];
}

static void start(struct reconcile *r)
{
	if (r->dump.active)
		return;
	loop_timer_stop(r->dump.loop, &r->again);
	r->cycle++;
	r->telling = r->tell_wanted;
	r->sum.live = 0;
	flowdump_start(&r->dump);
}

static void start_in(struct reconcile *r, uint64_t delay_ns)
{
	if (!r->again.active)
		loop_timer_in(r->dump.loop, &r->again, delay_ns);
}

static void again(void *arg)
{
	start(arg);
}

/* ---- a dump */

static bool tell(struct reconcile *r, struct flowtable_place *p, const struct ct_flow *f, bool dying)
{
	if (p && p->told)
		return true;
	if (!(dying ? r->ops->end(r->arg, f) : r->ops->write(r->arg, f, flowlines_reason_at_shutdown(f))))
		return false;
	if (p)
		p->told = true;
	return true;
}

static bool write_live(struct reconcile *r, struct flowtable_place *p, const struct ct_flow *f)
{
	bool is_old = f->start_ns && clock_real_ns() > f->start_ns + OLD_NS;
	if (!is_old || packets_of(f) == p->told_packets)
		return true;
	if (!r->ops->write(r->arg, f, NULL))
		return false;
	p->told_packets = packets_of(f);
	return true;
}

static bool one_flow(void *arg, const struct ct_flow *f, bool dying)
{
	struct reconcile *r = arg;
	bool added;
	struct flowtable_place *p = flowtable_put(&r->table, f, &added);
	if (p) {
		r->sum.unknown += added && r->sum.losses;
		p->seen = r->cycle;
		p->missed = 0;
	}
	if (r->telling && !tell(r, p, f, dying))
		return false;
	if (r->lives && p && !p->told && !dying && !write_live(r, p, f))
		return false;
	if (p && !p->told)
		p->flow = *f;
	r->sum.live += !dying;
	return true;
}

/* What two dumps lack that follow each other at once may be told by an event that is not read yet. */
static void count_missed(struct reconcile *r)
{
	uint64_t now_ns = clock_mono_ns();
	bool soon = now_ns - r->missed_ns < TWICE_NS;
	for (uint32_t i = 0; i < r->table.slots; i++) {
		struct flowtable_place *p = &r->table.place[i];
		if (!p->used || p->told || p->seen == r->cycle || (p->missed && soon))
			continue;
		p->missed++;
		r->missed_ns = now_ns;
	}
}

/* Those that ended unseen, after so many dumps that had them not. False: some are left. */
static bool write_missed(struct reconcile *r, unsigned dumps)
{
	for (uint32_t i = 0; i < r->table.slots;) {
		struct flowtable_place *p = &r->table.place[i];
		bool gone = p->used && !p->told && p->missed >= dumps;
		if (gone && !r->ops->write(r->arg, &p->flow, "events-lost"))
			return false;
		r->sum.ended += gone;
		/* another one moves up where one goes */
		if (gone || (p->used && p->told && !r->telling))
			flowtable_remove(&r->table, p);
		else
			i++;
	}
	return true;
}

static bool any_missed(const struct reconcile *r)
{
	for (uint32_t i = 0; i < r->table.slots; i++)
		if (r->table.place[i].used && !r->table.place[i].told && r->table.place[i].missed)
			return true;
	return false;
}

static bool say(struct reconcile *r)
{
	if (!r->sum.losses)
		return true;
	if (!r->ops->reconciled(r->arg, &r->sum))
		return false;
	log_begin(LOG_WARN, "flow-events-lost");
	log_u64("losses", r->sum.losses);
	log_u64("flows", r->sum.live);
	log_u64("unknown", r->sum.unknown);
	log_u64("ended", r->sum.ended);
	log_end();
	r->sum = (struct flowlines_reconciled){.losses = 0};
	return true;
}

static void dumped(void *arg, enum err e)
{
	struct reconcile *r = arg;
	r->lives = r->lives && e;
	if (e) {
		start_in(r, SOON_NS);
	} else {
		count_missed(r);
		bool left = !write_missed(r, MISSED_MAX) || any_missed(r) || !say(r);
		if (left && !r->telling)
			start_in(r, TWICE_NS);
		r->all_told = r->telling;
	}
	if (!r->all_told && r->tell_wanted)
		start_in(r, e ? SOON_NS : 0);
	r->ops->dumped(r->arg, e);
}

/* ---- events */

void reconcile_began(struct reconcile *r, const struct ct_flow *f)
{
	bool added;
	struct flowtable_place *p = flowtable_put(&r->table, f, &added);
	if (!p)
		return;
	p->seen = r->cycle;
	p->missed = 0;
}

void reconcile_ended(struct reconcile *r, const struct ct_flow *f)
{
	bool added, keep = r->dump.active || r->telling;
	struct flowtable_place *p = keep ? flowtable_put(&r->table, f, &added) : flowtable_find(&r->table, f);
	if (p && keep)
		p->told = true;
	else if (p)
		flowtable_remove(&r->table, p);
}

bool reconcile_told(struct reconcile *r, const struct ct_flow *f)
{
	const struct flowtable_place *p = flowtable_find(&r->table, f);
	return p && p->told;
}

void reconcile_lost(struct reconcile *r)
{
	r->sum.losses++;
	start_in(r, SOON_NS);
}

/* ---- its life */

void reconcile_begin(struct reconcile *r)
{
	start(r);
}

void reconcile_live(struct reconcile *r)
{
	r->lives = true;
	start(r);
}

void reconcile_tell_all(struct reconcile *r)
{
	r->tell_wanted = true;
	start(r);
}

bool reconcile_finish(struct reconcile *r)
{
	return write_missed(r, 1) && say(r);
}

void reconcile_init(struct reconcile *r, uint32_t life, uint32_t slots)
{
	uint8_t key[SIPHASH_KEY_BYTES];
	rng_fill(key, sizeof(key));
	flowtable_init(&r->table, slots, key);
	r->again = (struct loop_timer){.fn = again, .arg = r};
	r->dump.flow = one_flow;
	r->dump.done = dumped;
	r->dump.arg = r;
	flowdump_init(&r->dump, life);
}
