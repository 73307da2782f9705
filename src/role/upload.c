#include "role/upload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aws/s3.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/pool.h"
#include "role/anchors.h"
#include "role/backoff.h"
#include "role/https.h"
#include "role/resolver.h"

#define PRODUCER_LOG MSG_MAX_WORKERS /* 0.. are the workers */
#define PRODUCERS (MSG_MAX_WORKERS + 1)
#define RENAMES_MAX 9
#define QUEUE_MAX (PRODUCERS * MSG_MAX_SEGMENTS)

struct job {
	uint32_t producer, slot;
};

/* One object at a time, oldest first: RESOLVE -> SIGN -> SEND -> stored, or wait and again. */
static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, keys, worker[MSG_MAX_WORKERS];
	struct tls_anchors anchors;
	struct resolver resolver;
	struct https https;
	struct pool pool[PRODUCERS];
	struct settings settings;
	struct object_identity identity;
	bool has_settings, draining;
	char host[160];
	struct job queue[QUEUE_MAX];
	uint32_t first, count;
	bool busy;
	uint32_t addr;
	struct object_meta meta; /* of the job under way */
	unsigned renames;
	struct s3_attempts attempts;
	struct backoff backoff;
	struct loop_timer retry;
	uint8_t head[S3_HEAD_MAX];
	uint8_t body[S3_ANSWER_MAX];
} g;

/* ---- one object's way */

/* The slot's head was written by another process: believed only as far as it is checked. */
static void read_meta(const struct job *j)
{
	const struct pool *p = &g.pool[j->producer];
	memcpy(&g.meta, pool_slot(p, j->slot), sizeof(g.meta));
	ASSERT(object_meta_sane(&g.meta) && g.meta.size_bytes <= p->slot_bytes - SEGMENT_HEAD_BYTES);
}

static void begin(void)
{
	if (g.busy || g.count == 0 || !g.has_settings || g.retry.active)
		return;
	g.busy = true;
	read_meta(&g.queue[g.first]);
	g.attempts = (struct s3_attempts){0};
	g.renames = 0;
	resolver_ask(&g.resolver, g.host);
}

static void retry(void *arg)
{
	(void)arg;
	resolver_ask(&g.resolver, g.host);
}

static void failed(const char *what, const char *why, const char *remedy)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	snprintf(text, sizeof(text), "PutObject at %s: %s%s%s; %s", g.host, what, *why ? ": " : "", why,
		 remedy);
	peer_verdict(&g.init, VERDICT_S3, false, text);
	log_begin(LOG_WARN, "put-failed");
	log_str("name", g.meta.name);
	log_str("what", what);
	log_str("why", why);
	log_u64("tries", g.backoff.tries + 1);
	log_end();
	loop_timer_in(&g.loop, &g.retry, backoff_next_ns(&g.backoff));
}

static void resolved(void *arg, enum err e, uint32_t addr)
{
	(void)arg;
	if (e) {
		failed("name not resolved", err_text(e), "check the VPC's DNS");
		return;
	}
	g.addr = addr;
	peer_send(&g.keys, MSG_SIGN_PUT, &g.meta);
}

static void signed_put(const struct msg_put_signed *s)
{
	if (s->error) {
		failed("not signed", err_text((enum err)s->error),
		       s->error == ERR_DENIED ? "the name is none of this appliance's"
					      : "waiting for credentials");
		return;
	}
	const struct job *j = &g.queue[g.first];
	struct buf head = BUF_OF(g.head);
	enum err e = s3_put_head(&g.settings, &g.identity, &g.meta, span_str(s->amz_date),
				 span_str(s->authorization), span_str(s->token), &head);
	ASSERT(!e);
	struct https_request q = {
		.host = g.host,
		.addr = g.addr,
		.port = 443,
		.tls = true,
		.head = buf_span(&head),
		.body = span_of(pool_slot(&g.pool[j->producer], j->slot) + SEGMENT_HEAD_BYTES,
				g.meta.size_bytes),
		/* no limit for the whole: HTTPS_STALL_MS ends what does not move */
	};
	https_start(&g.https, &q);
}

static void drained_when_empty(void)
{
	static const struct msg_totals none;
	if (!g.draining || g.busy || g.count)
		return;
	g.draining = false;
	peer_send(&g.init, MSG_DRAINED, &none);
}

static void stored(void)
{
	struct job j = g.queue[g.first];
	struct peer *producer = j.producer == PRODUCER_LOG ? &g.keys : &g.worker[j.producer];
	backoff_reset(&g.backoff);
	peer_verdict(&g.init, VERDICT_S3, true, g.settings.s3_bucket);
	peer_send(producer, MSG_FREE, &(struct msg_segment){j.slot});
	peer_send(&g.keys, MSG_SHIPPED, &g.meta);
	g.first = (g.first + 1) % QUEUE_MAX;
	g.count--;
	g.busy = false;
	drained_when_empty();
	begin();
}

/* The name is taken by something that is not ours: ship beside it, `…-r1.<ext>` and so on. The signature
 * goes on covering the name without -r1. */
static void rename_object(void)
{
	read_meta(&g.queue[g.first]);
	struct span name = span_str(g.meta.name);
	size_t slash = 0;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '/')
			slash = i + 1;
	/* the first '.' of the last component belongs to the start's fraction; the extension begins after the
	 * sequence number */
	size_t dot = slash + span_find(span_from(name, slash), 'Z');
	dot += span_find(span_from(name, dot), '.');
	char renamed[OBJECT_NAME_MAX];
	int n = snprintf(renamed, sizeof(renamed), "%.*s-r%u%s", (int)dot, g.meta.name, ++g.renames,
			 g.meta.name + dot);
	ASSERT(n > 0 && (size_t)n < sizeof(renamed));
	memcpy(g.meta.name, renamed, (size_t)n + 1);
	g.attempts = (struct s3_attempts){0};
}

static void refused(enum s3_verdict v, const struct s3_fault *fault, const struct https_result *r)
{
	static const char *const remedies[] = {
		[S3_STORED] = "",
		[S3_RETRY] = "trying again",
		[S3_REFRESH] = "fetching new credentials",
		[S3_SKEW] = "correcting the clock's offset",
		[S3_EXISTS] = "the name is taken: shipping beside it",
		[S3_DENIED] = "check the bucket, its policy and the role's s3:PutObject",
	};
	if (v == S3_SKEW && r->response->has_date)
		peer_send(&g.keys, MSG_CLOCK_SKEW,
			  &(struct msg_skew){(int64_t)(r->response->date_ns - clock_real_ns())});
	if (v == S3_REFRESH || v == S3_DENIED)
		peer_send(&g.keys, MSG_CREDENTIALS_REFUSED, NULL);
	if (v == S3_EXISTS && g.renames < RENAMES_MAX)
		rename_object();
	failed(fault->code[0] ? fault->code : "refused", fault->message, remedies[v]);
}

static void answered(void *arg, const struct https_result *r)
{
	(void)arg;
	struct s3_fault fault;
	/* also where the client repeated the request by itself: the answer may then speak of the first
	 * sending */
	if (r->maybe_delivered)
		s3_no_answer(&g.attempts);
	if (r->err) {
		failed(r->where, r->why,
		       r->err == ERR_CERTIFICATE ? "check what answers at that name" : "trying again");
		return;
	}
	enum s3_verdict v = s3_classify(&g.attempts, r->response->status, r->body, &fault);
	if (v == S3_STORED)
		stored();
	else
		refused(v, &fault, r);
}

/* ---- messages */

static void enqueue(uint32_t producer, const struct msg_segment *s)
{
	ASSERT(g.count < QUEUE_MAX && s->index < g.pool[producer].slots);
	g.queue[(g.first + g.count) % QUEUE_MAX] = (struct job){producer, s->index};
	g.count++;
	begin();
}

static void settle(const struct msg_config *c)
{
	g.settings = c->settings;
	g.identity = c->identity;
	struct buf host = buf_over(g.host, sizeof(g.host));
	enum err e = s3_host(&g.settings, &g.identity, &host);
	ASSERT(!e && buf_cstr(&host));
	g.has_settings = true;
	begin();
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
	resolver_answer(&g.resolver, (const void *)m->payload);
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
	g.resolver = (struct resolver){.net = &g.net, .fn = resolved};
	g.backoff = (struct backoff){.base_ms = 500, .cap_ms = 30000};
	g.retry.fn = retry;
	https_init(&g.https, &g.loop, &g.anchors, g.body, sizeof(g.body), answered, NULL);
	loop_run(&g.loop);
	_exit(0);
}
