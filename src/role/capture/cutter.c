#include "role/capture/cutter.h"

#include <linux/if_packet.h>
#include <string.h>

#include "base/text.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "record/pcapng.h"

#define MAC_BYTES 12 /* in front of the EtherType */
#define TAG_BYTES 4
#define SAY_NS (60 * NS_PER_S)
#define HEAVIEST 4
#define ALARM_PERCENT 80

void cutter_init(struct cutter *c, const struct settings *s, uint32_t workers)
{
	struct conf_error at;
	uint8_t key[SIPHASH_KEY_BYTES];
	enum err e = rules_compile(s, &c->rules, &at);
	ASSERT(!e && workers);
	rng_fill(key, sizeof(key));
	c->has_cutoff = s->flow_cutoff_bytes;
	if (c->has_cutoff)
		cutoff_init(&c->cutoff, s->flow_cutoff_bytes, key);
	c->has_budget = s->budget_bytes_per_day;
	if (c->has_budget)
		budget_init(&c->budget, (s->budget_bytes_per_day + workers - 1) / workers,
			    s->on_loss == CONF_ON_LOSS_STOP, key);
	c->on = c->rules.count || c->has_cutoff || c->has_budget;
}

void cutter_own(struct cutter *c, const struct msg_links *links)
{
	c->own_count = 0;
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t k = 0; k < links->link[i].own_count && k < MSG_LINK_OWN; k++)
			c->own[c->own_count++] = links->link[i].own[k];
}

/* Without the 12 bytes of addresses, with its VLAN tag taken out: how ring_walk gives it. */
static struct span from_type(const struct ring_packet *p)
{
	return span_from(p->tail, p->vlan ? 0 : MAC_BYTES);
}

/* As the ring's filter decides, but with packets, too, that have no payload to be cut. */
static bool is_own(const struct cutter *c, const struct ring_packet *p, const struct headers *h)
{
	if (p->cap_len < p->len)
		return true;
	if (p->vlan || p->type != PACKET_HOST || !h->has_ports || h->protocol != HEADERS_TCP ||
	    h->to_port < OWN_PORT_FIRST)
		return false;
	for (uint32_t i = 0; i < c->own_count; i++)
		if (ip_eq(&h->to, &c->own[i]))
			return true;
	return false;
}

/* The frame as on the wire, in one piece. */
static struct span whole(struct cutter *c, const struct ring_packet *p)
{
	if (!p->vlan)
		return p->tail;
	struct buf b = BUF_OF(c->frame);
	buf_put(&b, p->head);
	buf_be16(&b, p->tpid);
	buf_be16(&b, p->tci);
	buf_put(&b, span_first(p->tail, buf_room(&b)));
	return buf_span(&b);
}

/* kept: bytes from the EtherType on; *p loses the others. */
static void shorten(struct ring_packet *p, uint32_t kept)
{
	p->tail = span_first(p->tail, kept + (p->vlan ? 0 : MAC_BYTES));
	p->cap_len = (uint32_t)(p->head.len + p->tail.len) + (p->vlan ? TAG_BYTES : 0);
}

static enum cutter_verdict keep_budget(struct cutter *c, struct ring_packet *p, const struct headers *h,
				       uint32_t kept)
{
	struct ring_packet cut = *p;
	shorten(&cut, kept);
	switch (budget_decide(&c->budget, &h->from, pcapng_packet_bytes(p), pcapng_packet_bytes(&cut),
			      p->ts_ns)) {
	case BUDGET_DROP:
		c->dropped++;
		return CUTTER_DROPPED;
	case BUDGET_CUT:
		*p = cut;
		return CUTTER_RECORD;
	default:
		return CUTTER_RECORD;
	}
}

enum cutter_verdict cutter_decide(struct cutter *c, struct ring_packet *p)
{
	struct headers h;
	if (!c->on)
		return CUTTER_RECORD;
	bool read = !headers_read(from_type(p), &h);
	if (is_own(c, p, &h)) {
		if (c->has_budget)
			budget_took(&c->budget, pcapng_packet_bytes(p), p->ts_ns);
		return CUTTER_RECORD;
	}
	enum conf_keep keep = c->rules.count ? rules_verdict(&c->rules, whole(c, p), p->len) : CONF_KEEP_FULL;
	if (keep == CONF_KEEP_NONE)
		return CUTTER_REFUSED;
	if (keep == CONF_KEEP_FULL && c->has_cutoff && read &&
	    cutoff_reached(&c->cutoff, &h, p->len, p->ts_ns))
		keep = CONF_KEEP_HEADERS;
	if (keep == CONF_KEEP_HEADERS && read)
		shorten(p, h.len);
	return c->has_budget ? keep_budget(c, p, &h, read ? h.len : CUTTER_UNREAD_KEPT) : CUTTER_RECORD;
}

bool cutter_exhausted(struct cutter *c)
{
	return c->has_budget && budget_exhausted(&c->budget, clock_real_ns());
}

/* ---- the log */

static void put_heaviest(const struct cutter *c)
{
	struct budget_source top[HEAVIEST];
	unsigned n = budget_heaviest(&c->budget, top, HEAVIEST);
	char text[HEAVIEST * 90];
	struct buf b = BUF_OF(text);
	for (unsigned i = 0; i < n; i++) {
		buf_str(&b, i ? ", " : "");
		ip_text(&b, &top[i].address);
		buf_str(&b, " cut ");
		text_u64(&b, top[i].cut);
		buf_str(&b, " dropped ");
		text_u64(&b, top[i].dropped);
	}
	log_span("heaviest", buf_span(&b));
}

static void say_budget(struct cutter *c)
{
	const struct budget *b = &c->budget;
	unsigned percent = budget_used_percent(b);
	/* a new day */
	if (percent < c->said_percent)
		c->said_percent = 0;
	if (b->cut < c->said_cut || b->dropped < c->said_dropped)
		c->said_cut = c->said_dropped = 0;
	bool begins = percent >= ALARM_PERCENT && c->said_percent < ALARM_PERCENT;
	bool ends = b->dropped && c->said_dropped == 0;
	if (!begins && !ends && b->cut == c->said_cut && b->dropped == c->said_dropped)
		return;
	log_begin(begins || ends ? LOG_ALARM : LOG_WARN, b->dropped ? "budget-exceeded" : "budget");
	log_u64("used_percent", percent);
	log_u64("used_bytes", b->used_bytes);
	log_u64("cut", b->cut);
	log_u64("dropped", b->dropped);
	put_heaviest(c);
	log_end();
	c->said_percent = percent;
	c->said_cut = b->cut;
	c->said_dropped = b->dropped;
}

void cutter_say(struct cutter *c, bool now)
{
	uint64_t now_ns = clock_mono_ns();
	if (!c->on || (!now && c->said_ns && now_ns - c->said_ns < SAY_NS))
		return;
	c->said_ns = now_ns;
	if (c->has_budget)
		say_budget(c);
	if (c->cutoff.untracked > c->said_untracked) {
		log_begin(LOG_WARN, "flow-table-full");
		log_u64("packets", c->cutoff.untracked - c->said_untracked);
		log_end();
		c->said_untracked = c->cutoff.untracked;
	}
}
