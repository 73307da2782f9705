#include "role/datakeys.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"

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

static void failed(struct datakeys *d, enum log_level level, const char *what, const char *why,
		   const char *remedy)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	/* what the service says comes last: it is what may be cut off */
	snprintf(text, sizeof(text), "GenerateDataKey at %.80s: %s; %s%s%s", d->endpoint.host, what, remedy,
		 *why ? "; said: " : "", why);
	d->ops->verdict(d->arg, false, text);
	d->failures++;
	log_begin(level, "data-key-failed");
	log_str("what", what);
	log_str("why", why);
	log_u64("failures", d->failures);
	log_end();
	try_later(d);
}

void datakeys_resolved(void *datakeys, enum err e, const struct ip *addr, uint32_t count)
{
	struct datakeys *d = datakeys;
	if (e) {
		failed(d, LOG_WARN, "name not resolved", err_text(e), "check the VPC's DNS");
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

static void granted(struct datakeys *d, struct span body)
{
	static struct kms_data_key k; /* secret until wiped below */
	enum err e = kms_read_data_key(body, span_str(d->settings->kms_key), &k);
	if (e) {
		failed(d, LOG_ALARM, "unusable answer", err_text(e), "check what answers at that name");
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
	failed(d, verdict == KMS_DENIED ? LOG_ALARM : LOG_WARN, fault->code[0] ? fault->code : "refused",
	       fault->message, fault->remedy);
}

static void answered(void *arg, const struct https_result *r)
{
	struct datakeys *d = arg;
	if (r->err) {
		bool foreign = r->err == ERR_CERTIFICATE;
		failed(d, foreign ? LOG_ALARM : LOG_WARN, r->where, r->why,
		       foreign ? "check what answers at that name" : "trying again");
	} else {
		struct fault fault;
		enum kms_verdict v =
			kms_classify(r->response->status, span_str(r->response->error_type), r->body, &fault);
		if (v == KMS_OK)
			granted(d, r->body);
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
