#include "role/keys/datakeys.h"

#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/progress.h"
#include "role/trouble.h"

_Static_assert(sizeof(((struct progress *)0)->keyseq) == DATAKEYS_STREAMS * sizeof(uint64_t),
	       "each stream has its count");

#define ANSWER_TIMEOUT_MS 15000

static void begin(struct datakeys *d)
{
	for (uint32_t i = 0; i < DATAKEYS_STREAMS; i++) {
		uint32_t stream = (d->current + 1 + i) % DATAKEYS_STREAMS;
		if (!d->wanted[stream])
			continue;
		d->current = stream;
		d->busy = true;
		resolver_ask(d->resolver, d->endpoint.host, d->settings->endpoint_dualstack);
		return;
	}
}

static void again(void *arg)
{
	struct datakeys *d = arg;
	if (!d->busy)
		begin(d);
}

static void try_later(struct datakeys *d)
{
	d->busy = false;
	loop_timer_in(d->loop, &d->retry, backoff_next_ns(&d->backoff));
}

static void failed(struct datakeys *d, struct trouble t)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	trouble_line(&t, "GenerateDataKey", d->endpoint.host, text, sizeof(text));
	d->ops->verdict(d->arg, false, text);
	d->failures++;
	try_later(d);
	if (!trouble_worth_saying(d->backoff.tries))
		return;
	log_begin(t.level, "data-key-failed");
	log_u64("failures", d->failures);
	log_u64("tries", d->backoff.tries);
	trouble_log(&t);
	log_end();
}

void datakeys_resolved(void *datakeys, enum err e, const struct ip *addr, uint32_t count)
{
	struct datakeys *d = datakeys;
	if (e) {
		failed(d, trouble_unresolved(e, d->settings));
		return;
	}
	struct buf aad = BUF_OF(d->context), request = BUF_OF(d->request);
	enum err built = object_context(d->identity, d->stream_name[d->current],
					(uint32_t)d->keyseq[d->current], &aad);
	ASSERT(!built);
	d->context_len = (uint32_t)aad.len;
	struct kms_call call = {
		.key_arn = span_str(d->settings->kms_key),
		.context = buf_span(&aad),
		.endpoint = &d->endpoint,
		.creds = d->creds,
		.cache = d->cache,
		.now_ns = clock_real_ns() + (uint64_t)*d->offset_ns,
	};
	built = kms_generate_data_key(&call, &request);
	ASSERT(!built);
	struct https_request q = {
		.host = d->endpoint.host,
		.addr = addr,
		.addr_count = count,
		.port = d->endpoint.port,
		.tls = true,
		.head = buf_span(&request),
		.timeout_ms = ANSWER_TIMEOUT_MS,
	};
	https_start(&d->https, &q);
}

static void deliver(struct datakeys *d, const struct kms_data_key *k)
{
	uint32_t stream = d->current;
	struct msg_key *m = &d->held[stream];
	wipe(m, sizeof(*m));
	m->signer = d->signer;
	m->made_ns = clock_mono_ns();
	memcpy(m->data_key, k->plaintext, sizeof(m->data_key));
	m->keyseq = (uint32_t)d->keyseq[stream];
	m->aad_len = d->context_len;
	memcpy(m->aad, d->context, d->context_len);
	m->provider_info_len = (uint32_t)strlen(k->key_arn);
	ASSERT(m->provider_info_len < sizeof(m->provider_info));
	memcpy(m->provider_info, k->key_arn, m->provider_info_len);
	m->edk_len = k->edk_len;
	memcpy(m->edk, k->edk, k->edk_len);
	d->keyseq[stream]++;
	d->wanted[stream] = false;
	backoff_reset(&d->backoff);
	d->busy = false;
	d->ops->deliver(d->arg, stream, m);
}

static void granted(struct datakeys *d, const struct https_result *r)
{
	static struct kms_data_key k; /* secret until wiped below */
	enum err e = kms_read_data_key(r->body, span_str(d->settings->kms_key), &k);
	if (e) {
		failed(d, (struct trouble){.level = LOG_ALARM,
					   .what = "unusable answer",
					   .why = err_text(e),
					   .remedy = "check what answers at that name",
					   .request_id = r->response->request_id});
	} else {
		d->ops->verdict(d->arg, true, k.key_arn);
		deliver(d, &k);
		again(d); /* the next that waits */
	}
	kms_data_key_wipe(&k);
}

static void refused(struct datakeys *d, enum kms_verdict verdict, const struct fault *fault,
		    const struct https_result *r)
{
	if (verdict == KMS_SKEW && r->response->has_date)
		d->ops->skew(d->arg, (int64_t)(r->response->date_ns - clock_real_ns()));
	if (verdict == KMS_REFRESH || verdict == KMS_DENIED)
		d->ops->refresh(d->arg);
	failed(d, trouble_refused(fault, r, verdict == KMS_DENIED));
}

static void answered(void *arg, const struct https_result *r)
{
	struct datakeys *d = arg;
	if (r->err) {
		failed(d, trouble_unanswered(r));
	} else {
		struct fault fault;
		enum kms_verdict v =
			kms_classify(r->response->status, span_str(r->response->error_type), r->body, &fault);
		if (v == KMS_OK)
			granted(d, r);
		else
			refused(d, v, &fault, r);
	}
	wipe(d->body, sizeof(d->body));
}

enum err datakeys_init(struct datakeys *d, const struct tls_anchors *anchors)
{
	TRY(kms_endpoint(d->settings, &d->endpoint));
	d->backoff = (struct backoff){.base_ms = 1000, .cap_ms = 30000};
	d->retry = (struct loop_timer){.fn = again, .arg = d};
	https_init(&d->https, d->loop, anchors, d->body, sizeof(d->body), answered, d);
	again(d); /* what was wanted before there was a configuration */
	return ERR_OK;
}

void datakeys_want(struct datakeys *d, uint32_t stream, bool any)
{
	if (any && d->held[stream].made_ns) {
		d->ops->deliver(d->arg, stream, &d->held[stream]);
		return;
	}
	d->wanted[stream] = true;
	if (d->endpoint.host[0] && !d->busy && !d->retry.active)
		begin(d);
}
