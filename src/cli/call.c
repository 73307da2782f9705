#include "cli/call.h"

#include <string.h>

#include "aws/endpoint.h"
#include "base/time.h"
#include "cli/interrupt.h"
#include "cli/judge.h"
#include "cli/signing.h"
#include "cli/trust.h"
#include "os/clock.h"
#include "os/lookup.h"
#include "os/rng.h"
#include "role/https.h"

#define REFUSAL_MAX_BYTES 65536
#define HOSTS 16
#define HOST_KEEP_NS (60 * NS_PER_S)
#define WAIT_FIRST_MS 100
#define WAIT_MAX_MS 8000
#define REGIONS 8
#define DATE_NS (2 * (int64_t)NS_PER_S) /* what a Date of whole seconds, that was on its way, may be off */

struct lane {
	struct https https;
	struct call *call; /* borrowed; NULL: free */
	bool begun, tls;
	uint8_t head[SIGNING_HEAD_MAX];
	uint8_t refusal[REFUSAL_MAX_BYTES];
};

struct host {
	char name[254];
	struct ip addr[HTTPS_ADDRS];
	uint32_t count;
	uint64_t at_ns;
};

/* Where a bucket was found to be. */
struct place {
	char bucket[64], region[32];
};

static struct {
	bool begun, finished; /* finished: a call is done since this was cleared */
	bool answered;        /* by any server */
	struct loop loop;
	struct lane lane[CALL_LANES];
	struct call *queue; /* in the order of their start */
	struct host host[HOSTS];
	unsigned next_host, next_place;
	struct place place[REGIONS];
	int64_t skew_ns;       /* the services' clocks ahead of ours, where they minded */
	int64_t ahead_ns;      /* S3's, as its last answer has it */
	unsigned credentials;  /* number of those in use, from 1 */
	bool renew;            /* they have expired */
	enum exit_status said; /* why no request can be made; said once, not for each */
	struct call_totals totals;
} g;

/* ---- the queue */

static void enqueue(struct call *c)
{
	struct call **at = &g.queue;
	while (*at)
		at = &(*at)->next;
	c->next = NULL;
	c->lane = 0;
	*at = c;
}

static void dequeue(const struct call *c)
{
	for (struct call **at = &g.queue; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			return;
		}
	}
}

static void finish(struct call *c, enum err e)
{
	c->error = e;
	c->lane = 0;
	c->done = true;
	g.finished = true;
}

/* Queued again, if there is patience left; else false. */
static bool wait_and_retry(struct call *c, uint64_t at_least_ms)
{
	uint64_t now_ns = clock_mono_ns(), random;
	uint64_t patience_s = g.answered ? CALL_PATIENCE_S : CALL_FIRST_PATIENCE_S;
	uint64_t top_ms = (uint64_t)WAIT_FIRST_MS << (c->attempts < 8 ? c->attempts : 8);
	if (top_ms > WAIT_MAX_MS)
		top_ms = WAIT_MAX_MS;
	rng_fill(&random, sizeof(random));
	uint64_t wait_ms = top_ms / 2 + random % (top_ms / 2 + 1);
	if (wait_ms < at_least_ms)
		wait_ms = at_least_ms;
	c->not_before_ns = now_ns + wait_ms * NS_PER_MS;
	if (c->not_before_ns - c->first_ns > patience_s * NS_PER_S)
		return false;
	g.totals.retries++;
	enqueue(c);
	return true;
}

/* At once, with something set right. */
static void retry_now(struct call *c)
{
	g.totals.retries++;
	c->not_before_ns = 0;
	enqueue(c);
}

/* ---- where buckets are */

static const char *region_of(const struct call *c)
{
	for (unsigned i = 0; c->bucket.len && i < REGIONS; i++)
		if (span_eq(c->bucket, span_str(g.place[i].bucket)))
			return g.place[i].region;
	return c->region;
}

/* False: there is no telling where, or it was said before. */
static bool take_region(struct call *c, const char *region)
{
	struct endpoint_partition p;
	if (c->moved || c->bucket.len == 0 || c->bucket.len >= sizeof(g.place[0].bucket) || !region[0] ||
	    endpoint_partition_of(span_str(region), &p))
		return false;
	struct place *to = &g.place[g.next_place++ % REGIONS];
	for (unsigned i = 0; i < REGIONS; i++)
		if (span_eq(c->bucket, span_str(g.place[i].bucket)))
			to = &g.place[i];
	memset(to, 0, sizeof(*to));
	memcpy(to->bucket, c->bucket.p, c->bucket.len);
	memcpy(to->region, region, strlen(region) + 1);
	c->moved = true;
	return true;
}

/* ---- answers */

static void note_date(const struct call *c, const struct http1_response *r)
{
	if (r->has_date && !strcmp(c->service, "s3"))
		g.ahead_ns = (int64_t)(r->date_ns - clock_real_ns());
}

static bool take_clock(struct call *c, const struct http1_response *r)
{
	if (c->skewed || !r->has_date)
		return false;
	g.skew_ns = (int64_t)(r->date_ns - clock_real_ns());
	c->skewed = true;
	return true;
}

/* Those that others have fetched meanwhile will do. */
static bool take_credentials(struct call *c)
{
	if (c->renewed)
		return false;
	c->renewed = true;
	if (c->credentials == g.credentials) {
		g.credentials++;
		g.renew = true;
	}
	return true;
}

static void refused(struct call *c, const struct http1_response *r, struct span body)
{
	struct judgement j;
	int64_t off_ns = r->has_date ? (int64_t)(r->date_ns - clock_real_ns()) - g.skew_ns : 0;
	judge_call(c, r, body, off_ns, &j);
	bool again = false;
	switch (j.kind) {
	case JUDGE_RETRY:
		if (wait_and_retry(c, 1000 * r->retry_after_s))
			return;
		break;
	case JUDGE_REFRESH:
		again = take_credentials(c);
		break;
	case JUDGE_SKEW:
		again = take_clock(c, r);
		break;
	case JUDGE_MOVED:
		again = take_region(c, j.region);
		break;
	case JUDGE_FINAL:
		break;
	}
	if (again)
		retry_now(c);
	else
		finish(c, j.error);
}

static void no_answer(struct call *c, const struct https_result *r)
{
	bool final = r->err == ERR_CERTIFICATE || r->err == ERR_CLOCK || r->err == ERR_TOO_LONG;
	c->where = r->where;
	c->why = r->why;
	if (!final && r->err != ERR_NOT_FOUND && wait_and_retry(c, 0)) /* there is no such name */
		return;
	finish(c, final ? r->err : ERR_UNREACHABLE);
}

static void answered(void *arg, const struct https_result *r)
{
	struct lane *l = arg;
	struct call *c = l->call;
	l->call = NULL;
	g.answered = g.answered || r->answered;
	g.totals.bytes_in += r->body.len;
	c->status = r->err ? 0 : r->response->status;
	if (r->err) {
		no_answer(c, r);
		return;
	}
	note_date(c, r->response);
	memcpy(c->request_id, r->response->request_id, sizeof(c->request_id));
	memcpy(c->etag, r->response->etag, sizeof(c->etag));
	if (c->status / 100 != 2) {
		refused(c, r->response, r->body);
		return;
	}
	c->answer = c->to ? r->body : SPAN("");
	finish(c, ERR_OK);
}

/* ---- lanes */

static enum err find_host(const char *name, const struct host **out)
{
	uint64_t now_ns = clock_mono_ns();
	struct host *h = NULL, fresh = {.at_ns = now_ns};
	for (unsigned i = 0; i < HOSTS; i++)
		if (!strcmp(g.host[i].name, name))
			h = &g.host[i];
	*out = h;
	if (h && now_ns - h->at_ns < HOST_KEEP_NS)
		return ERR_OK;
	enum err e = lookup_name(name, fresh.addr, HTTPS_ADDRS, &fresh.count);
	if (e)
		return h ? ERR_OK : e;
	if (!h)
		h = &g.host[g.next_host++ % HOSTS];
	*h = fresh;
	memcpy(h->name, name, strlen(name) + 1);
	*out = h;
	return ERR_OK;
}

/* One with a connection to this host, else one that would lose none, else any. */
static struct lane *free_lane(const char *host, uint16_t port)
{
	struct lane *any = NULL;
	for (unsigned i = 0; i < CALL_LANES; i++) {
		struct lane *l = &g.lane[i];
		if (l->call)
			continue;
		if (l->begun && https_kept(&l->https, host, port))
			return l;
		if (!any || (any->begun && !l->begun))
			any = l;
	}
	return any;
}

static bool begin_lane(struct lane *l, bool tls)
{
	const struct tls_anchors *anchors = tls ? trust_anchors() : NULL;
	if (tls && !anchors)
		return false;
	if (l->begun && l->tls == tls)
		return true;
	if (l->begun)
		https_abort(&l->https);
	https_init(&l->https, &g.loop, anchors, l->refusal, sizeof(l->refusal), answered, l);
	l->begun = true;
	l->tls = tls;
	return true;
}

static void missing(struct call *c, enum exit_status said)
{
	g.said = said;
	c->said = said;
	finish(c, ERR_MISSING);
}

static void send(struct call *c, struct lane *l, const struct signing_target *to, const struct host *h,
		 struct span head)
{
	struct ip addr[HTTPS_ADDRS];
	unsigned number = (unsigned)(l - g.lane);
	for (uint32_t i = 0; i < h->count; i++) /* so that load spreads */
		addr[i] = h->addr[(i + number) % h->count];
	struct https_request q = {
		.host = to->endpoint.host,
		.addr = addr,
		.addr_count = h->count,
		.port = to->endpoint.port,
		.tls = to->tls,
		.head = head,
		.body = c->body,
		.head_method = !strcmp(c->method, "HEAD"),
		.to = c->to,
		.to_bytes = c->to_bytes,
		.field = c->field,
		.field_arg = c->arg,
	};
	l->call = c;
	c->lane = (int)number + 1;
	c->attempts++;
	g.totals.requests++;
	g.totals.kms_calls += !strcmp(c->service, "kms");
	https_start(&l->https, &q);
}

/* False: all lanes are busy. */
static bool begin(struct call *c)
{
	static uint8_t text[SIGNING_HEAD_MAX];
	struct buf head = BUF_OF(text);
	struct signing_target to;
	const struct host *h;
	if (!free_lane("", 0))
		return false;
	dequeue(c);
	uint64_t now_ns = clock_real_ns() + (uint64_t)g.skew_ns;
	enum exit_status s = g.said ? g.said : signing_head(c, region_of(c), now_ns, g.renew, &to, &head);
	g.renew = false;
	if (s) {
		missing(c, s);
		return true;
	}
	c->credentials = g.credentials;
	enum err e = find_host(to.endpoint.host, &h);
	if (e) {
		struct https_result r = {.err = e, .where = "name lookup", .why = err_text(e)};
		no_answer(c, &r);
		return true;
	}
	struct lane *l = free_lane(to.endpoint.host, to.endpoint.port);
	if (!begin_lane(l, to.tls)) {
		missing(c, EXIT_NOT_SET_UP);
		return true;
	}
	memcpy(l->head, text, head.len);
	send(c, l, &to, h, span_of(l->head, head.len));
	return true;
}

/* Starts what may start; until when there is nothing more to start. */
static uint64_t start_what_may(uint64_t until_ns)
{
	uint64_t now_ns = clock_mono_ns();
	for (struct call *c = g.queue, *next; c; c = next) {
		next = c->next;
		if (c->not_before_ns > now_ns) {
			if (c->not_before_ns < until_ns)
				until_ns = c->not_before_ns;
		} else if (!begin(c)) {
			break;
		}
	}
	return until_ns;
}

/* ---- the caller's side */

void call_start(struct call *c)
{
	ASSERT(c->header_count <= CALL_HEADERS);
	if (!g.begun) {
		loop_init(&g.loop);
		g.begun = true;
		g.credentials = 1;
	}
	fault_clear(&c->fault);
	c->done = false;
	c->error = ERR_MORE;
	c->attempts = 0;
	c->renewed = c->skewed = c->moved = false;
	c->where = c->why = "";
	c->first_ns = clock_mono_ns();
	c->not_before_ns = 0;
	enqueue(c);
	(void)start_what_may(0);
}

void call_turn(uint64_t max_wait_ns)
{
	uint64_t now_ns = clock_mono_ns(), end_ns = now_ns + max_wait_ns;
	g.finished = false;
	do {
		uint64_t until_ns = start_what_may(end_ns);
		now_ns = clock_mono_ns();
		if (!g.finished)
			loop_turn(&g.loop, until_ns > now_ns ? until_ns - now_ns : 0);
		now_ns = clock_mono_ns();
	} while (!g.finished && now_ns < end_ns);
	(void)start_what_may(0);
}

enum err call_wait(struct call *c)
{
	while (!c->done && !interrupt_happened())
		call_turn(NS_PER_S);
	if (!c->done) {
		call_abort(c);
		finish(c, ERR_TIMEOUT);
	}
	return c->error;
}

void call_abort(struct call *c)
{
	if (c->lane) {
		struct lane *l = &g.lane[c->lane - 1];
		https_abort(&l->https);
		l->call = NULL;
		c->lane = 0;
	}
	dequeue(c);
}

enum err call_run(struct call *c)
{
	call_start(c);
	return call_wait(c);
}

int64_t call_ahead_ns(void)
{
	return g.ahead_ns > -DATE_NS && g.ahead_ns < DATE_NS ? 0 : g.ahead_ns;
}

void call_anew(void)
{
	g.said = EXIT_DONE;
}

const struct call_totals *call_totals(void)
{
	return &g.totals;
}
