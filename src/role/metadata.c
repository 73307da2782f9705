#include "role/metadata.h"

#include "os/clock.h"

#define ANSWER_TIMEOUT_MS 5000

static void next(struct metadata *m);

static void finish(struct metadata *m, enum err e)
{
	m->busy = false;
	m->done(m->arg, e);
}

static void answered(void *arg, const struct https_result *r)
{
	struct metadata *m = arg;
	enum err e = r->err ? r->err : imds_answer(&m->imds, r->response->status, r->body);
	wipe(m->body, r->body.len);
	if (e)
		finish(m, e);
	else
		next(m);
}

static void next(struct metadata *m)
{
	struct buf head = BUF_OF(m->request);
	if (!imds_next(&m->imds, &head)) {
		finish(m, ERR_OK);
		return;
	}
	ASSERT(!head.overflow);
	const struct ip addr = ip_from_v4(IMDS_ADDR);
	struct https_request q = {
		.host = "169.254.169.254",
		.addr = &addr,
		.addr_count = 1,
		.port = IMDS_PORT,
		.head = buf_span(&head),
		.timeout_ms = ANSWER_TIMEOUT_MS,
	};
	https_start(&m->https, &q);
}

void metadata_init(struct metadata *m, struct loop *loop, void (*done)(void *arg, enum err e), void *arg)
{
	m->done = done;
	m->arg = arg;
	https_init(&m->https, loop, NULL, m->body, sizeof(m->body), answered, m);
}

void metadata_start(struct metadata *m, enum imds_goal goal)
{
	if (m->busy)
		return;
	m->busy = true;
	imds_begin(&m->imds, goal, clock_mono_ns());
	next(m);
}
