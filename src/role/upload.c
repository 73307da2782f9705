#include "role/upload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aws/pace.h"
#include "aws/s3.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/pool.h"
#include "os/rng.h"
#include "role/anchors.h"
#include "role/https.h"
#include "role/resolver.h"

#define PRODUCER_LOG MSG_MAX_WORKERS /* 0.. are the workers */
#define PRODUCERS (MSG_MAX_WORKERS + 1)
#define RENAMES_MAX 9
#define QUEUE_MAX (PRODUCERS * MSG_MAX_SEGMENTS)

struct job {
	uint32_t producer, slot;
};

/* One object's way, on a connection of its own: WAITING -> RESOLVING -> SIGNING -> SENDING -> stored, or
 * WAITING again. */
enum lane_state { LANE_IDLE, LANE_WAITING, LANE_RESOLVING, LANE_SIGNING, LANE_SENDING };

struct lane {
	enum lane_state state;
	struct job job;
	uint64_t ticket; /* objects in the order in which they were taken up */
	struct object_meta meta;
	unsigned renames, tries;
	struct s3_attempts attempts;
	uint64_t started_ns;         /* of the request under way */
	struct ip addr[HTTPS_ADDRS]; /* of the host, as last resolved */
	uint32_t addr_count;
	struct resolver resolver;
	struct https https;
	uint8_t head[S3_HEAD_MAX];
	uint8_t body[S3_ANSWER_MAX];
};

/* The queue's objects are taken up oldest first; how many are under way at once is the pace's to say. An
 * object that can't be stored keeps its lane and holds up no other. */
static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, keys, worker[MSG_MAX_WORKERS];
	struct tls_anchors anchors;
	struct pool pool[PRODUCERS];
	struct settings settings;
	struct object_identity identity;
	bool has_settings, draining;
	struct endpoint endpoint;
	struct job queue[QUEUE_MAX];
	uint32_t first, count;
	uint64_t tickets;
	struct lane lane[PACE_WINDOW_MAX];
	struct pace pace;
	struct loop_timer again;
} g;

static void start_what_may(void);
static void ask_signature(struct lane *l);

static uint32_t lane_number(const struct lane *l)
{
	return (uint32_t)(l - g.lane);
}

/* ---- which object is next */

/* The slot's head was written by another process: believed only as far as it is checked. */
static void read_meta(struct lane *l)
{
	const struct pool *p = &g.pool[l->job.producer];
	memcpy(&l->meta, pool_slot(p, l->job.slot), sizeof(l->meta));
	ASSERT(object_meta_sane(&l->meta) && l->meta.size_bytes <= p->slot_bytes - SEGMENT_HEAD_BYTES);
}

static struct lane *idle_lane(void)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (g.lane[i].state == LANE_IDLE)
			return &g.lane[i];
	return NULL;
}

static void take_up(struct lane *l)
{
	l->job = g.queue[g.first];
	g.first = (g.first + 1) % QUEUE_MAX;
	g.count--;
	l->ticket = g.tickets++;
	l->renames = l->tries = 0;
	l->attempts = (struct s3_attempts){0};
	read_meta(l);
	l->state = LANE_WAITING;
}

/* The one that has waited longest since its last try; objects that were not tried yet come in their order. */
static struct lane *next_lane(void)
{
	struct lane *l = idle_lane();
	if (l && g.count)
		take_up(l);
	l = NULL;
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (g.lane[i].state == LANE_WAITING && (!l || g.lane[i].ticket < l->ticket))
			l = &g.lane[i];
	return l;
}

static void start_what_may(void)
{
	uint64_t now_ns = clock_mono_ns();
	struct lane *l;
	while (g.has_settings && pace_may_start(&g.pace, now_ns) && (l = next_lane())) {
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

static void say_failed(const struct lane *l, const char *what, const char *why, const char *remedy)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	/* what the service says comes last: it is what may be cut off */
	snprintf(text, sizeof(text), "PutObject at %.80s: %s; %s%s%s", g.endpoint.host, what, remedy,
		 *why ? "; said: " : "", why);
	peer_verdict(&g.init, VERDICT_S3, false, text);
	log_begin(LOG_WARN, "put-failed");
	log_str("name", l->meta.name);
	log_str("what", what);
	log_str("why", why);
	log_u64("tries", l->tries);
	log_end();
}

static void failed(struct lane *l, enum pace_outcome outcome, uint64_t retry_after_s)
{
	l->state = LANE_WAITING;
	l->ticket = g.tickets++;
	pace_ends(l, outcome, retry_after_s);
	start_what_may();
}

static void failed_saying(struct lane *l, const char *what, const char *why, const char *remedy)
{
	l->tries++;
	say_failed(l, what, why, remedy);
	failed(l, PACE_BAD, 0);
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
		failed_saying(l, "name not resolved", err_text(e), "check the VPC's DNS");
		return;
	}
	memcpy(l->addr, addr, count * sizeof(addr[0]));
	l->addr_count = count;
	ask_signature(l);
}

static void signed_put(const struct msg_put_signed *s)
{
	ASSERT(s->lane < PACE_WINDOW_MAX && g.lane[s->lane].state == LANE_SIGNING);
	struct lane *l = &g.lane[s->lane];
	if (s->error) {
		failed_saying(l, "not signed", err_text((enum err)s->error),
			      s->error == ERR_DENIED ? "the name is none of this appliance's"
						     : "waiting for credentials");
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
		.body = span_of(pool_slot(&g.pool[l->job.producer], l->job.slot) + SEGMENT_HEAD_BYTES,
				l->meta.size_bytes),
		/* no limit for the whole: HTTPS_STALL_MS ends what does not move */
	};
	l->state = LANE_SENDING;
	https_start(&l->https, &q);
}

static bool all_idle(void)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		if (g.lane[i].state != LANE_IDLE)
			return false;
	return true;
}

static void drained_when_empty(void)
{
	static const struct msg_totals none;
	if (!g.draining || g.count || !all_idle())
		return;
	g.draining = false;
	peer_send(&g.init, MSG_DRAINED, &none);
}

static void stored(struct lane *l)
{
	struct job j = l->job;
	struct peer *producer = j.producer == PRODUCER_LOG ? &g.keys : &g.worker[j.producer];
	peer_verdict(&g.init, VERDICT_S3, true, g.settings.s3_bucket);
	peer_send(producer, MSG_FREE, &(struct msg_segment){j.slot});
	peer_send(&g.keys, MSG_SHIPPED, &l->meta);
	l->state = LANE_IDLE;
	pace_ends(l, PACE_GOOD, 0);
	drained_when_empty();
	start_what_may();
}

/* The name is taken by something that is not ours: ship beside it, `…-r1.<ext>` and so on. The signature
 * goes on covering the name without -r1. */
static void rename_object(struct lane *l)
{
	read_meta(l);
	struct span name = span_str(l->meta.name);
	size_t slash = 0;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '/')
			slash = i + 1;
	/* the first '.' of the last component belongs to the start's fraction; the extension begins after the
	 * sequence number */
	size_t dot = slash + span_find(span_from(name, slash), 'Z');
	dot += span_find(span_from(name, dot), '.');
	char renamed[OBJECT_NAME_MAX];
	int n = snprintf(renamed, sizeof(renamed), "%.*s-r%u%s", (int)dot, l->meta.name, ++l->renames,
			 l->meta.name + dot);
	ASSERT(n > 0 && (size_t)n < sizeof(renamed));
	memcpy(l->meta.name, renamed, (size_t)n + 1);
	l->attempts = (struct s3_attempts){0};
}

static void refused(struct lane *l, enum s3_verdict v, const struct fault *fault,
		    const struct https_result *r)
{
	static const enum pace_outcome outcomes[] = {
		[S3_STORED] = PACE_GOOD, [S3_RETRY] = PACE_BAD, [S3_REFRESH] = PACE_BAD,
		[S3_SKEW] = PACE_BAD,    [S3_MOVED] = PACE_BAD, [S3_EXISTS] = PACE_ASIDE,
		[S3_DENIED] = PACE_BAD,
	};
	l->tries++;
	say_failed(l, fault->code[0] ? fault->code : "refused", fault->message, fault->remedy);
	if (v == S3_SKEW && r->response->has_date)
		peer_send(&g.keys, MSG_CLOCK_SKEW,
			  &(struct msg_skew){(int64_t)(r->response->date_ns - clock_real_ns())});
	if (v == S3_REFRESH || v == S3_DENIED)
		peer_send(&g.keys, MSG_CREDENTIALS_REFUSED, NULL);
	enum pace_outcome outcome = outcomes[v];
	if (v == S3_EXISTS && l->renames < RENAMES_MAX)
		rename_object(l);
	else if (v == S3_EXISTS)
		outcome = PACE_BAD; /* nothing more to try: slowly */
	failed(l, outcome, r->response->retry_after_s);
}

static void answered(void *arg, const struct https_result *r)
{
	struct lane *l = arg;
	struct fault fault;
	/* also where the client repeated the request by itself: the answer may then speak of the first
	 * sending */
	if (r->maybe_delivered)
		s3_no_answer(&l->attempts);
	if (r->err) {
		failed_saying(l, r->where, r->why,
			      r->err == ERR_CERTIFICATE ? "check what answers at that name" : "trying again");
		return;
	}
	enum s3_verdict v = s3_classify(&l->attempts, r->response->status, r->body, &fault);
	if (v == S3_STORED)
		stored(l);
	else
		refused(l, v, &fault, r);
}

/* ---- messages */

static void enqueue(uint32_t producer, const struct msg_segment *s)
{
	ASSERT(g.count < QUEUE_MAX && s->index < g.pool[producer].slots);
	g.queue[(g.first + g.count) % QUEUE_MAX] = (struct job){producer, s->index};
	g.count++;
	start_what_may();
}

static void settle(const struct msg_config *c)
{
	g.settings = c->settings;
	g.identity = c->identity;
	enum err e = s3_endpoint(&g.settings, &g.identity, &g.endpoint);
	ASSERT(!e);
	g.has_settings = true;
	start_what_may();
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_SETTINGS) {
		settle((const void *)m->payload);
	} else {
		ASSERT(m->type == MSG_DRAIN);
		/* the workers sealed their last objects before init heard of it, but on another channel */
		for (uint32_t i = 0; i < g.start.workers; i++)
			peer_read(&g.worker[i]);
		g.draining = true;
		drained_when_empty();
	}
}

static void from_net(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++)
		resolver_answer(&g.lane[i].resolver, (const void *)m->payload);
}

static void from_keys(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_SEALED)
		enqueue(PRODUCER_LOG, (const void *)m->payload);
	else
		signed_put((const void *)m->payload);
}

static void from_worker(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	enqueue(index, (const void *)m->payload);
}

/* ---- start */

static void map(int fd, uint64_t slot_bytes, uint32_t slots, struct pool *p)
{
	enum err e = pool_map(fd, 0, slot_bytes, slots, p);
	ASSERT(!e);
}

static void set_up_lanes(void)
{
	for (uint32_t i = 0; i < PACE_WINDOW_MAX; i++) {
		struct lane *l = &g.lane[i];
		/* the names' ids tell the lanes apart */
		l->resolver = (struct resolver){.net = &g.net, .fn = resolved, .arg = l, .last_id = i << 24};
		https_init(&l->https, &g.loop, &g.anchors, l->body, sizeof(l->body), answered, l);
	}
}

_Noreturn void role_upload(int channel)
{
	int fds[CHAN_MAX_FDS];
	peer_start(channel, ROLE_UPLOAD, &g.start, fds, CHAN_MAX_FDS);
	log_open(channel, MSG_LOG_LINE, "upload");
	loop_init(&g.loop);
	g.init = (struct peer){.self = ROLE_UPLOAD, .other = ROLE_INIT, .loop = &g.loop, .fn = from_init};
	g.net = (struct peer){.self = ROLE_UPLOAD, .other = ROLE_NET, .loop = &g.loop, .fn = from_net};
	g.keys = (struct peer){.self = ROLE_UPLOAD, .other = ROLE_KEYS, .loop = &g.loop, .fn = from_keys};
	peer_watch(&g.init, channel);
	anchors_load(fds[0], &g.init, &g.anchors);
	peer_watch(&g.net, fds[1]);
	peer_watch(&g.keys, fds[2]);
	map(fds[3], g.start.log_segment_bytes, g.start.log_segments, &g.pool[PRODUCER_LOG]);
	for (uint32_t i = 0; i < g.start.workers; i++) {
		g.worker[i] = (struct peer){.self = ROLE_UPLOAD,
					    .other = ROLE_CAPTURE,
					    .loop = &g.loop,
					    .fn = from_worker,
					    .index = i};
		peer_watch(&g.worker[i], fds[4 + 2 * i]);
		map(fds[5 + 2 * i], g.start.segment_bytes, g.start.segments, &g.pool[i]);
	}
	g.again.fn = again;
	set_up_lanes();
	loop_run(&g.loop);
	_exit(0);
}
