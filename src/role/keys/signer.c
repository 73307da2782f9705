#include "role/keys/signer.h"

#include <string.h>

#include "aws/s3.h"
#include "os/clock.h"
#include "os/log.h"

static struct msg_signed answer; /* one at a time */
static struct buf date, authorization;

static void begin(uint32_t what)
{
	memset(&answer, 0, sizeof(answer));
	answer.what = what;
	date = buf_over(answer.amz_date, sizeof(answer.amz_date) - 1);
	authorization = buf_over(answer.authorization, sizeof(answer.authorization) - 1);
}

static void send_answer(struct signer *s, enum msg_type type, enum err e)
{
	if (e)
		begin(answer.what); /* nothing half-signed leaves */
	answer.error = (uint32_t)e;
	_Static_assert(sizeof(answer.token) >= sizeof(s->creds->token), "the token fits");
	if (!e)
		memcpy(answer.token, s->creds->token, strlen(s->creds->token));
	peer_send(s->upload, type, &answer);
}

static uint64_t signing_time_ns(const struct signer *s)
{
	return clock_real_ns() + (uint64_t)*s->offset_ns;
}

void signer_put(struct signer *s, const struct msg_sign_put *ask)
{
	begin(ask->lane);
	enum err e = s->creds->access_key_id[0]
			     ? s3_put_sign(s->settings, s->identity, &ask->meta, s->creds, s->cache,
					   signing_time_ns(s), &date, &authorization)
			     : ERR_MISSING;
	send_answer(s, MSG_PUT_SIGNED, e);
}

static enum err sign_form(struct signer *s, const struct msg_sign_post *ask)
{
	static uint8_t form[CLOUDWATCH_BODY_MAX];
	_Static_assert(SNS_BODY_MAX <= CLOUDWATCH_BODY_MAX, "either form fits");
	struct buf body = BUF_OF(form);
	struct post_call call;
	if (!s->creds->access_key_id[0])
		return ERR_MISSING;
	if (ask->form == FORM_METRICS)
		TRY(cloudwatch_call(s->settings, s->identity, &ask->sample, &body, &call));
	else
		TRY(sns_call(s->settings, s->identity, &ask->alarm, &body, &call));
	return post_sign(&call, s->creds, s->cache, signing_time_ns(s), &date, &authorization);
}

void signer_post(struct signer *s, const struct msg_sign_post *ask)
{
	begin(ask->form);
	send_answer(s, MSG_POST_SIGNED, ask->form < FORM_COUNT ? sign_form(s, ask) : ERR_DENIED);
}

void signer_bucket_region(struct signer *s, const struct msg_region *r)
{
	size_t len = strnlen(r->region, sizeof(r->region));
	bool sane = len > 0 && len < sizeof(s->settings->s3_region) &&
		    endpoint_same_partition(span_of(r->region, len), span_str(s->identity->region)) == ERR_OK;
	log_begin(sane ? LOG_WARN : LOG_ALARM, sane ? "bucket-region" : "bucket-region-refused");
	log_span("region", span_of(r->region, len));
	log_end();
	if (!sane)
		return;
	memset(s->settings->s3_region, 0, sizeof(s->settings->s3_region));
	memcpy(s->settings->s3_region, r->region, len);
}
