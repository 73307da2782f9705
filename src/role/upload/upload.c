#include "role/upload/upload.h"

#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "role/anchors.h"
#include "role/trouble.h"
#include "role/upload/inventory.h"
#include "role/upload/lanes.h"
#include "role/upload/telemetry.h"

#define RENAMES_MAX 9
/* Of the log's slots so many wait for being listed at most: the others are for listing them. */
#define LOG_HELD_MAX 6
#define UNTOLD_NS (20 * NS_PER_MS)

/* How many objects are under way at once is the pace's to say. */
static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, keys, spool, status, producer[PRODUCERS]; /* the log's is keys */
	struct tls_anchors anchors;
	struct lanes lanes;
	struct settings settings;
	struct object_identity identity;
	bool has_settings;
	bool draining; /* init wants all shipped */
	bool leaving;  /* it did so */
	bool shipped;  /* and it is: init is told when telemetry has told all */
	struct endpoint endpoint;
	struct pace pace;
	struct loop_timer again, untold;
	struct inventory inventory;
	struct cloudwatch_sample counted; /* since the start */
	struct telemetry telemetry;
} g;

static void ask_signature(struct lane *l);

static uint32_t lane_number(const struct lane *l)
{
	return (uint32_t)(l - g.lanes.lane);
}

static void start_what_may(void)
{
	uint64_t now_ns = clock_mono_ns();
	struct lane *l;
	while (g.has_settings && pace_may_start(&g.pace, now_ns) && (l = lanes_next(&g.lanes))) {
		pace_started(&g.pace);
		l->started_ns = now_ns;
		if (https_kept(&l->https, g.endpoint.host, g.endpoint.port)) {
			ask_signature(l);
			continue;
		}
		l->state = LANE_RESOLVING;
		resolver_ask(&l->resolver, g.endpoint.host, g.settings.endpoint_dualstack);
	}
	if (now_ns < g.pace.not_before_ns)
		loop_timer_at(&g.loop, &g.again, g.pace.not_before_ns);
}

static void again(void *arg)
{
	(void)arg;
	start_what_may();
}

/* ---- one object's way */

static void pace_ends(const struct lane *l, enum pace_outcome outcome, uint64_t retry_after_s)
{
	uint64_t random;
	rng_fill(&random, sizeof(random));
	pace_ended(&g.pace, outcome, l->started_ns, clock_mono_ns(), retry_after_s, random);
}

static void say_failed(struct lane *l, const struct trouble *t)
{
	l->at.so_far.tries++;
	g.counted.put_failures++;
	char text[sizeof(((struct msg_verdict *)0)->text)];
	trouble_line(t, "PutObject", g.endpoint.host, text, sizeof(text));
	peer_verdict(&g.init, VERDICT_S3, false, text);
	if (!trouble_worth_saying(l->at.so_far.tries))
		return;
	log_begin(t->level, "put-failed");
	log_str("name", l->meta.name);
	log_u64("tries", l->at.so_far.tries);
	trouble_log(t);
	log_end();
}

static void failed(struct lane *l, enum pace_outcome outcome, uint64_t retry_after_s, bool behind)
{
	lanes_again(&g.lanes, l, behind);
	pace_ends(l, outcome, retry_after_s);
	start_what_may();
}

static void failed_saying(struct lane *l, struct trouble t)
{
	say_failed(l, &t);
	failed(l, PACE_BAD, 0, false);
}

static void ask_signature(struct lane *l)
{
	struct msg_sign_put ask = {.lane = lane_number(l), .meta = l->meta};
	l->state = LANE_SIGNING;
	peer_send(&g.keys, MSG_SIGN_PUT, &ask);
}

static void resolved(void *arg, enum err e, const struct ip *addr, uint32_t count)
{
	struct lane *l = arg;
	if (e) {
		failed_saying(l, trouble_unresolved(e, &g.settings));
		return;
	}
	memcpy(l->addr, addr, count * sizeof(addr[0]));
	l->addr_count = count;
	ask_signature(l);
}

static void signed_put(const void *payload)
{
	const struct msg_signed *s = payload;
	ASSERT(s->what < PACE_WINDOW_MAX && g.lanes.lane[s->what].state == LANE_SIGNING);
	struct lane *l = &g.lanes.lane[s->what];
	if (s->error) {
		failed_saying(l, trouble_unsigned((enum err)s->error));
		return;
	}
	struct buf head = BUF_OF(l->head);
	enum err e = s3_put_head(&g.settings, &g.identity, &l->meta, span_str(s->amz_date),
				 span_str(s->authorization), span_str(s->token), &head);
	ASSERT(!e);
	struct https_request q = {
		.host = g.endpoint.host,
		.addr = l->addr,
		.addr_count = l->addr_count,
		.port = g.endpoint.port,
		.tls = true,
		.head = buf_span(&head),
		.body = outbox_body(&g.lanes.outbox, l->at, l->meta.size_bytes),
		/* no limit for the whole: HTTPS_STALL_MS ends what does not move */
	};
	l->state = LANE_SENDING;
	https_start(&l->https, &q);
}

/* All objects that are sealed are known here. At the end this process may be a new one: a producer that lives
 * tells it of them, or frees them by what its predecessor said; those of a dead one are taken up here. Of the
 * log's keys takes care. */
static bool all_told(void)
{
	struct msg_segment s;
	bool all = true;
	for (uint32_t i = 0; i < PRODUCERS && !g.settings.spool[0]; i++) {
		if (i == OUTBOX_LOG)
			continue;
		while (!peer_there(&g.producer[i]) && outbox_untold(&g.lanes.outbox, i, &s))
			outbox_told(&g.lanes.outbox, i, &s);
		all = all && !outbox_untold(&g.lanes.outbox, i, &s);
	}
	start_what_may();
	return all;
}

static void drained_when_empty(void)
{
	if (!g.draining || g.lanes.outbox.unshipped)
		return;
	bool all = all_told();
	if (!all)
		loop_timer_in(&g.loop, &g.untold, UNTOLD_NS);
	if (!all || g.lanes.outbox.unshipped)
		return;
	g.draining = false;
	g.shipped = true;
	peer_send(&g.keys, MSG_COUNT, NULL); /* what shipped last may hold a canary */
}

static void look_again(void *arg)
{
	(void)arg;
	drained_when_empty();
}

static void all_counted(void)
{
	if (g.shipped)
		telemetry_flush(&g.telemetry);
}

static void flushed(void *arg)
{
	static const struct msg_totals none;
	(void)arg;
	if (g.shipped && !g.lanes.outbox.unshipped)
		peer_send(&g.init, MSG_DRAINED, &none);
	else
		g.draining |= g.shipped; /* one was sealed meanwhile */
	g.shipped = false;
}

static void give_back(struct outbox_place at)
{
	struct peer *producer = at.producer == OUTBOX_LOG     ? &g.keys
				: at.producer == OUTBOX_SPOOL ? &g.spool
							      : &g.producer[at.producer];
	peer_send(producer, MSG_FREE, &(struct msg_segment){at.slot, 0, at.generation});
}

static void stored(struct lane *l)
{
	peer_verdict(&g.init, VERDICT_S3, true, g.settings.s3_bucket);
	outbox_shipped(&g.lanes.outbox, l->at);
	/* told before it is given back: the log's end waits for the last slot to be free */
	inventory_tell(&g.inventory, &l->meta, l->at);
	/* the log needs free slots to list anything, and its last object is listed by none */
	bool log_at_once = g.leaving || (l->at.producer == OUTBOX_LOG &&
					 inventory_held(&g.inventory, OUTBOX_LOG) > LOG_HELD_MAX);
	if (l->meta.kind == OBJECT_LOG && log_at_once)
		give_back(l->at);
	g.counted.shipped_objects++;
	g.counted.shipped_bytes += l->meta.size_bytes;
	l->state = LANE_IDLE;
	pace_ends(l, PACE_GOOD, 0);
	drained_when_empty();
	start_what_may();
}

/* The bucket is elsewhere: keys signs for that region from now on. */
static void follow(const struct msg_region *to)
{
	memcpy(g.settings.s3_region, to->region, sizeof(to->region));
	enum err e = s3_endpoint(&g.settings, &g.identity, &g.endpoint);
	ASSERT(!e);
	peer_send(&g.keys, MSG_BUCKET_REGION, to);
}

static void refused(struct lane *l, enum s3_verdict v, const struct fault *fault,
		    const struct https_result *r)
{
	static const enum pace_outcome outcomes[] = {
		[S3_STORED] = PACE_GOOD, [S3_RETRY] = PACE_BAD, [S3_REFRESH] = PACE_BAD,
		[S3_SKEW] = PACE_BAD,    [S3_MOVED] = PACE_BAD, [S3_EXISTS] = PACE_ASIDE,
		[S3_DENIED] = PACE_BAD,
	};
	struct msg_region to = {.region = ""};
	bool lost = v == S3_MOVED && s3_redirect(&g.settings, &g.identity, r->response, r->body, to.region);
	struct trouble t = trouble_refused(fault, r, v == S3_EXISTS || v == S3_DENIED || lost);
	say_failed(l, &t);
	if (v == S3_SKEW && r->response->has_date)
		peer_send(&g.keys, MSG_CLOCK_SKEW,
			  &(struct msg_skew){(int64_t)(r->response->date_ns - clock_real_ns())});
	if (v == S3_MOVED && !lost)
		follow(&to);
	if (v == S3_REFRESH || v == S3_DENIED)
		peer_send(&g.keys, MSG_CREDENTIALS_REFUSED, NULL);
	enum pace_outcome outcome = outcomes[v];
	if (v == S3_EXISTS && l->at.so_far.renames < RENAMES_MAX)
		lanes_rename(&g.lanes, l);
	else if (v == S3_EXISTS)
		outcome = PACE_BAD; /* nothing more to try: slowly */
	failed(l, outcome, r->response->retry_after_s,
	       outcome == PACE_BAD && (v == S3_EXISTS || v == S3_DENIED));
}

static void answered(void *arg, const struct https_result *r)
{
	struct lane *l = arg;
	struct fault fault;
	/* also where the client repeated the request by itself: the answer may then speak of the first
	 * sending */
	if (r->maybe_delivered)
		s3_no_answer(&l->at.so_far.attempts);
	if (r->err) {
		failed_saying(l, trouble_unanswered(r));
		return;
	}
	enum s3_verdict v = s3_classify(&l->at.so_far.attempts, r->response->status, r->body, &fault);
	if (v == S3_STORED)
		stored(l);
	else
		refused(l, v, &fault, r);
}

static void count(void *arg, struct cloudwatch_sample *own)
{
	(void)arg;
	*own = g.counted;
	if (!g.settings.spool[0]) /* else the spool tells of its volume */
		outbox_count(&g.lanes.outbox, clock_real_ns(), own);
}

/* ---- the end */

static void drain(void)
{
	/* what producers sealed, net counted and keys has to alarm of was told before, on other channels */
	for (uint32_t i = 0; i < PRODUCERS; i++)
		peer_read(&g.producer[i]);
	peer_read(&g.net);
	peer_read(&g.keys);
	peer_read(&g.spool);
	g.draining = g.leaving = true;
	pace_hurry(&g.pace, clock_mono_ns());
	all_told();
	drained_when_empty();
}

/* The machine goes off soon: the last moment to say what will be lost with its memory, if no volume keeps it.
 */
static void say_unshipped(void)
{
	log_begin(LOG_ALARM, "not-shipped");
	log_u64("objects", g.lanes.outbox.unshipped);
	log_u64("bytes", outbox_bytes(&g.lanes.outbox));
	log_str("remedy",
		g.settings.spool[0]
			? "what is on the volume ships at the next boot with it"
			: "it is lost with the memory unless S3 takes it before the machine is off");
	log_end();
	telemetry_flush(&g.telemetry);
}

/* ---- messages */

static void enqueue(uint32_t producer, const struct msg_segment *s)
{
	if (!outbox_told(&g.lanes.outbox, producer, s) && !inventory_holds(&g.inventory, producer, s->index))
		give_back((struct outbox_place){producer, s->index, s->generation, {0}});
	start_what_may();
}

static void settle(const void *payload)
{
	const struct msg_config *c = payload;
	g.settings = c->settings;
	g.identity = c->identity;
	enum err e = s3_endpoint(&g.settings, &g.identity, &g.endpoint);
	ASSERT(!e);
	g.has_settings = true;
	telemetry_start(&g.telemetry);
	start_what_may();
}

static void net_anew(void)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		resolver_again(&g.lanes.lane[i].resolver);
	telemetry_again(&g.telemetry, ROLE_NET);
}

static void keys_anew(void)
{
	inventory_again(&g.inventory);
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (g.lanes.lane[i].state == LANE_SIGNING)
			ask_signature(&g.lanes.lane[i]);
	telemetry_again(&g.telemetry, ROLE_KEYS);
	all_counted(); /* what the one before did not tell is gone */
}

static void status_anew(void)
{
	telemetry_status_anew(&g.telemetry);
}

static void host_resolved(const void *payload)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		resolver_answer(&g.lanes.lane[i].resolver, payload);
	telemetry_resolved(&g.telemetry, payload);
}

static void counted(struct peer *from, const void *payload)
{
	static const uint32_t source[ROLE_COUNT] = {
		[ROLE_NET] = COUNTER_NET, [ROLE_KEYS] = COUNTER_KEYS, [ROLE_SPOOL] = COUNTER_SPOOL};
	uint32_t i = from->other == ROLE_CAPTURE ? from->pool : source[from->other];
	telemetry_counters(&g.telemetry, i, payload);
}

static void sealed(struct peer *from, const void *payload)
{
	enqueue(from->pool, payload);
}

static void listed(const void *payload)
{
	inventory_listed(&g.inventory, payload);
}

static void signed_post(const void *payload)
{
	telemetry_signed(&g.telemetry, payload);
}

static void clock_offset(const void *payload)
{
	telemetry_clock(&g.telemetry, payload);
}

static void alarmed(const void *payload)
{
	telemetry_alarm(&g.telemetry, payload);
}

/* ---- start */

static void set_up_lanes(void)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++) {
		struct lane *l = &g.lanes.lane[i];
		/* the names' ids tell the lanes apart */
		resolver_init(&l->resolver, &g.net, (uint8_t)i, resolved, l);
		https_init(&l->https, &g.loop, &g.anchors, l->body, sizeof(l->body), answered, l);
	}
}

static void set_up_telemetry(void)
{
	struct telemetry *t = &g.telemetry;
	t->loop = &g.loop;
	t->keys = &g.keys;
	t->net = &g.net;
	t->status = &g.status;
	t->settings = &g.settings;
	t->identity = &g.identity;
	t->count = count;
	t->flushed = flushed;
	t->again = g.start.life > 0;
	telemetry_init(t, &g.anchors);
}

static void set_up(const int fds[START_FDS])
{
	inventory_init(&g.inventory, &g.keys, give_back, g.start.life);
	anchors_load(fds[START_ANCHORS], &g.init, &g.anchors);
	role_read_pools(fds, g.lanes.outbox.pool);
	g.again.fn = again;
	g.untold.fn = look_again;
	set_up_lanes();
	set_up_telemetry();
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_SETTINGS, .take = settle},
	{ROLE_INIT, MSG_DRAIN, .call = drain},
	{ROLE_INIT, MSG_LATE, .call = say_unshipped},
	{ROLE_NET, MSG_PEER, .call = net_anew},
	{ROLE_NET, MSG_RESOLVED, .take = host_resolved},
	{ROLE_NET, MSG_COUNTERS, .take_from = counted},
	{ROLE_KEYS, MSG_PEER, .call = keys_anew},
	{ROLE_KEYS, MSG_SEALED, .take_from = sealed},
	{ROLE_KEYS, MSG_LISTED, .take = listed},
	{ROLE_KEYS, MSG_PUT_SIGNED, .take = signed_put},
	{ROLE_KEYS, MSG_POST_SIGNED, .take = signed_post},
	{ROLE_KEYS, MSG_COUNTERS, .take_from = counted},
	{ROLE_KEYS, MSG_COUNTED, .call = all_counted},
	{ROLE_KEYS, MSG_CLOCK_OFFSET, .take = clock_offset},
	{ROLE_KEYS, MSG_ALARM, .take = alarmed},
	{ROLE_SPOOL, MSG_SEALED, .take_from = sealed},
	{ROLE_SPOOL, MSG_COUNTERS, .take_from = counted},
	{ROLE_STATUS, MSG_PEER, .call = status_anew},
	{ROLE_PRODUCER, MSG_SEALED, .take_from = sealed},
	{ROLE_CAPTURE, MSG_COUNTERS, .take_from = counted},
};

const struct role role_upload = {
	.id = ROLE_UPLOAD,
	.spawn = {.uid = UID_UPLOAD},
	.spared = true,
	.descriptors = START_BIT(START_ANCHORS) | START_PRODUCERS | START_BIT(START_POOLS + POOL_WINDOW),
	.sandbox = &calls_upload,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_NET] = &g.net,
		  [ROLE_KEYS] = &g.keys,
		  [ROLE_SPOOL] = &g.spool,
		  [ROLE_STATUS] = &g.status,
		  [ROLE_FLOWS] = &g.producer[PRODUCER_FLOWS],
		  [ROLE_CAPTURE] = g.producer},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
