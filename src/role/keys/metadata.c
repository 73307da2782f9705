#include "role/keys/metadata.h"

#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "os/clock.h"

/* Both addresses may have to be tried. */
#define ANSWER_TIMEOUT_MS (2 * HTTPS_CONNECT_MS + 2000)

static void next(struct metadata *m);

static void begin(struct metadata *m, enum imds_goal goal)
{
	m->busy = true;
	m->waiting[goal] = false;
	m->goal = goal;
	imds_begin(&m->imds, goal, clock_mono_ns());
	next(m);
}

static void finish(struct metadata *m, enum err e)
{
	m->busy = false;
	m->done(m->arg, m->goal, e);
	for (int goal = 0; !m->busy && goal < IMDS_GOALS; goal++)
		if (m->waiting[goal])
			begin(m, (enum imds_goal)goal);
}

static void keep_working_address(struct metadata *m)
{
	if (ip_eq(&m->https.peer, &m->addr[0]))
		return;
	m->addr[1] = m->addr[0];
	m->addr[0] = m->https.peer;
}

static void answered(void *arg, const struct https_result *r)
{
	struct metadata *m = arg;
	if (!r->err)
		keep_working_address(m);
	enum err e = r->err ? r->err : imds_answer(&m->imds, r->response->status, r->body);
	wipe(m->body, r->body.len);
	wipe(m->request, sizeof(m->request)); /* the token */
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
	struct https_request q = {
		.host = "169.254.169.254",
		.addr = m->addr,
		.addr_count = 2,
		.port = IMDS_PORT,
		.head = buf_span(&head),
		.timeout_ms = ANSWER_TIMEOUT_MS,
	};
	https_start(&m->https, &q);
}

void metadata_init(struct metadata *m, struct loop *loop,
		   void (*done)(void *arg, enum imds_goal goal, enum err e), void *arg)
{
	m->addr[0] = ip_from_v4(IMDS_ADDR);
	m->addr[1] = (struct ip)IMDS_ADDR6;
	m->done = done;
	m->arg = arg;
	https_init(&m->https, loop, NULL, m->body, sizeof(m->body), answered, m);
}

void metadata_start(struct metadata *m, enum imds_goal goal)
{
	if (m->busy)
		m->waiting[goal] = true;
	else
		begin(m, goal);
}

void metadata_say_failed(const struct metadata *md, struct peer *init, enum err e)
{
	const struct imds *m = &md->imds;
	bool role = m->step == IMDS_ROLE || m->step == IMDS_ROLE_CREDENTIALS;
	const char *remedy = role ? "attach an instance profile whose role may PutObject and GenerateDataKey"
			     : e == ERR_DENIED ? "enable the instance's metadata service"
			     : e == ERR_TIMEOUT
				     ? "is IMDSv2 enabled for the instance, with a hop limit of 1 or more?"
				     : "is IMDSv2 enabled for the instance?";
	char text[200];
	snprintf(text, sizeof(text), "%s: %s%s%s; %s", imds_step_text(m->step), err_text(e),
		 m->detail[0] ? ": " : "", m->detail, remedy);
	peer_verdict(init, role ? VERDICT_CREDENTIALS : VERDICT_IMDS, false, text);
}

static void copy_text(char *to, size_t cap, const char *from)
{
	size_t len = strlen(from);
	ASSERT(len < cap);
	memcpy(to, from, len + 1);
}

void metadata_identity(const struct metadata *m, const struct settings *s, uint64_t boot,
		       struct object_identity *id)
{
	const struct imds_result *r = &m->imds.result;
	copy_text(id->prefix, sizeof(id->prefix), s->s3_prefix);
	copy_text(id->account, sizeof(id->account), r->account);
	copy_text(id->region, sizeof(id->region), r->region);
	copy_text(id->vpc, sizeof(id->vpc), r->vpc);
	copy_text(id->instance, sizeof(id->instance), r->instance);
	copy_text(id->ami, sizeof(id->ami), r->ami);
	copy_text(id->appliance, sizeof(id->appliance), s->appliance[0] ? s->appliance : r->instance);
	id->boot = boot;
}

void metadata_describe(const struct metadata *m, bool known, struct peer *net)
{
	static struct msg_described d;
	const struct imds_result *r = &m->imds.result;
	d.count = known ? r->link_count : 0;
	memcpy(d.link, r->link, sizeof(d.link));
	peer_send(net, MSG_DESCRIBED, &d);
}

bool metadata_partition_agrees(const struct metadata *md, struct peer *init)
{
	const struct imds_result *r = &md->imds.result;
	struct endpoint_partition p;
	if (endpoint_partition_of(span_str(r->region), &p))
		return true; /* endpoint_check says it better */
	if ((!r->partition[0] || strcmp(r->partition, p.name) == 0) &&
	    (!r->domain[0] || strcmp(r->domain, "amazonaws.com") == 0))
		return true;
	char text[200];
	snprintf(text, sizeof(text),
		 "region %s is of partition %s, but IMDS says %s (%s): what answers there?", r->region,
		 p.name, r->partition, r->domain);
	peer_verdict(init, VERDICT_IMDS, false, text);
	return false;
}
