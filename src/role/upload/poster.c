#include "role/upload/poster.h"

#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/trouble.h"

#define ANSWER_TIMEOUT_MS 15000

static const struct {
	const char *call;
	enum post_verdict (*classify)(unsigned status, struct span body, struct fault *fault);
} forms[FORM_COUNT] = {
	[FORM_METRICS] = {"PutMetricData", cloudwatch_classify},
	[FORM_ALARM] = {"Publish", sns_classify},
};

static enum err write_form(struct poster *p)
{
	struct buf body = BUF_OF(p->form_bytes);
	return p->form == FORM_METRICS
		       ? cloudwatch_call(p->settings, p->identity, &p->post.sample, &body, &p->call)
		       : sns_call(p->settings, p->identity, &p->post.alarm, &body, &p->call);
}

static void begin(struct poster *p)
{
	p->post.sample.at_ns = p->at_ns + (uint64_t)*p->offset_ns;
	/* the owner asks for nothing that the settings don't provide for, and all of it fits */
	enum err e = write_form(p);
	ASSERT(!e);
	p->state = POSTER_RESOLVING;
	resolver_ask(&p->resolver, p->call.endpoint.host, p->settings->endpoint_dualstack);
}

void poster_wake(struct poster *p)
{
	if (p->state != POSTER_IDLE || !p->next(p->arg, &p->post))
		return;
	p->post.form = p->form;
	p->at_ns = p->post.sample.at_ns;
	begin(p);
}

static void again(void *arg)
{
	begin(arg);
}

void poster_hurry(struct poster *p)
{
	backoff_reset(&p->backoff);
	if (p->state == POSTER_WAITING)
		loop_timer_in(p->loop, &p->retry, 0);
}

static void over(struct poster *p)
{
	p->state = POSTER_IDLE;
	poster_wake(p);
	p->done(p->arg);
}

static void tell(const struct poster *p, const char *event, const struct trouble *t)
{
	log_begin(t->level, event);
	log_str("call", forms[p->form].call);
	log_str("host", p->call.endpoint.host);
	trouble_log(t);
	log_end();
}

/* The first failure in a row is told, the first that a person has to act on, and the end of the row. */
static void failed(struct poster *p, struct trouble t)
{
	if (p->failures++ == 0 || t.level > p->told) {
		p->told = t.level;
		tell(p, "post-failed", &t);
	}
	p->state = POSTER_WAITING;
	loop_timer_in(p->loop, &p->retry, backoff_next_ns(&p->backoff));
}

static void posted(struct poster *p)
{
	if (p->failures) {
		log_begin(LOG_INFO, "post-works");
		log_str("call", forms[p->form].call);
		log_u64("failures", p->failures);
		log_end();
	}
	p->failures = 0;
	backoff_reset(&p->backoff);
	over(p);
}

static void resolved(void *arg, enum err e, const struct ip *addr, uint32_t count)
{
	struct poster *p = arg;
	if (e) {
		failed(p, trouble_unresolved(e, p->settings));
		return;
	}
	memcpy(p->addr, addr, count * sizeof(addr[0]));
	p->addr_count = count;
	p->state = POSTER_SIGNING;
	peer_send(p->keys, MSG_SIGN_POST, &p->post);
}

void poster_signed(struct poster *p, const struct msg_signed *s)
{
	ASSERT(p->state == POSTER_SIGNING);
	if (s->error) {
		failed(p, trouble_unsigned((enum err)s->error));
		return;
	}
	struct buf head = BUF_OF(p->head);
	enum err e = post_head(&p->call, span_str(s->amz_date), span_str(s->authorization),
			       span_str(s->token), &head);
	ASSERT(!e);
	struct https_request q = {
		.host = p->call.endpoint.host,
		.addr = p->addr,
		.addr_count = p->addr_count,
		.port = p->call.endpoint.port,
		.tls = true,
		.head = buf_span(&head),
		.body = p->call.body,
		.timeout_ms = ANSWER_TIMEOUT_MS,
	};
	p->state = POSTER_SENDING;
	https_start(&p->https, &q);
}

static void give_up(struct poster *p, const struct fault *fault, const struct https_result *r)
{
	struct trouble t = trouble_refused(fault, r, false);
	tell(p, "post-given-up", &t);
	p->failures++;
	p->unfit(p->arg, &p->post);
	over(p);
}

static void refused(struct poster *p, enum post_verdict v, const struct fault *fault,
		    const struct https_result *r)
{
	if (v == POST_SKEW && r->response->has_date)
		peer_send(p->keys, MSG_CLOCK_SKEW,
			  &(struct msg_skew){(int64_t)(r->response->date_ns - clock_real_ns())});
	if (v == POST_REFRESH || v == POST_DENIED)
		peer_send(p->keys, MSG_CREDENTIALS_REFUSED, NULL);
	failed(p, trouble_refused(fault, r, v == POST_DENIED));
}

static void answered(void *arg, const struct https_result *r)
{
	struct poster *p = arg;
	struct fault fault;
	if (r->err) {
		failed(p, trouble_unanswered(r));
		if (p->form == FORM_METRICS && r->maybe_delivered) {
			loop_timer_stop(p->loop, &p->retry);
			over(p);
		}
		return;
	}
	enum post_verdict v = forms[p->form].classify(r->response->status, r->body, &fault);
	if (v == POST_OK)
		posted(p);
	else if (v == POST_UNFIT)
		give_up(p, &fault, r);
	else
		refused(p, v, &fault, r);
}

void poster_init(struct poster *p, const struct tls_anchors *anchors)
{
	p->backoff = (struct backoff){.base_ms = 1000, .cap_ms = 60000};
	p->retry = (struct loop_timer){.fn = again, .arg = p};
	/* the names' ids tell apart who asked on the same channel */
	resolver_init(&p->resolver, p->net, (uint8_t)(0x80 + p->form), resolved, p);
	https_init(&p->https, p->loop, anchors, p->answer, sizeof(p->answer), answered, p);
}

bool poster_idle(const struct poster *p)
{
	return p->state == POSTER_IDLE;
}

void poster_again(struct poster *p, enum role_id anew)
{
	if (anew == ROLE_NET)
		resolver_again(&p->resolver);
	else if (p->state == POSTER_SIGNING)
		peer_send(p->keys, MSG_SIGN_POST, &p->post);
}
