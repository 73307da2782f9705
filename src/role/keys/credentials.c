#include "role/keys/credentials.h"

#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"

#define CHECK_NS (30 * NS_PER_S)
/* A refusal may come for each of many objects; IMDS is asked this often at most. */
#define ASK_MIN_NS (10 * NS_PER_S)

static const struct aws_credentials *held(const struct credentials *c)
{
	return &c->metadata->imds.result.creds;
}

static void ask(struct credentials *c)
{
	c->asked_ns = clock_mono_ns();
	metadata_start(c->metadata, IMDS_CREDENTIALS);
}

/* As AWS has it: by a clock that is off the credentials would seem fresh, or expired. */
static uint64_t now_ns(const struct credentials *c)
{
	return clock_real_ns() + (uint64_t)*c->offset_ns;
}

static uint64_t left_s(const struct credentials *c)
{
	uint64_t at_ns = now_ns(c), end_ns = held(c)->expires_ns;
	return end_ns > at_ns ? (end_ns - at_ns) / NS_PER_S : 0;
}

static void log_credentials(const struct credentials *c, enum log_level level, const char *event,
			    const char *reason)
{
	log_begin(level, event);
	log_str("reason", reason);
	if (c->metadata->imds.detail[0])
		log_str("said", c->metadata->imds.detail);
	log_u64("expire_in_s", left_s(c));
	log_end();
}

static void check(void *arg)
{
	struct credentials *c = arg;
	if (left_s(c) == 0 && !c->expired) {
		c->expired = true;
		log_credentials(c, LOG_ALARM, "credentials-expired", "no new ones came; used all the same");
	}
	if (creds_due(held(c), now_ns(c)))
		ask(c);
	else
		loop_timer_in(c->loop, &c->timer, CHECK_NS);
}

void credentials_init(struct credentials *c, struct metadata *metadata, struct loop *loop,
		      const int64_t *offset_ns)
{
	c->metadata = metadata;
	c->loop = loop;
	c->offset_ns = offset_ns;
	c->timer = (struct loop_timer){.fn = check, .arg = c};
	c->backoff = (struct backoff){.base_ms = 5000, .cap_ms = 60000};
}

static void keep_id(struct credentials *c)
{
	memcpy(c->key_id, held(c)->access_key_id, sizeof(c->key_id));
}

void credentials_start(struct credentials *c)
{
	keep_id(c);
	loop_timer_in(c->loop, &c->timer, CHECK_NS);
}

void credentials_refused(struct credentials *c)
{
	if (c->key_id[0] && clock_mono_ns() - c->asked_ns >= ASK_MIN_NS)
		ask(c);
}

static void renewed(struct credentials *c)
{
	keep_id(c);
	log_begin(LOG_INFO, "credentials-renewed");
	log_u64("expire_in_s", left_s(c));
	log_end();
	c->failing = c->expired = false;
	backoff_reset(&c->backoff);
	loop_timer_in(c->loop, &c->timer, CHECK_NS);
}

void credentials_done(struct credentials *c, enum err e, bool *changed)
{
	*changed = !e && strcmp(held(c)->access_key_id, c->key_id) != 0;
	if (*changed) {
		renewed(c);
		return;
	}
	/* also where IMDS has no others yet: it has them five minutes before the end */
	if (!c->failing && e)
		log_credentials(c, LOG_WARN, "credentials-not-renewed", err_text(e));
	c->failing = e != ERR_OK;
	loop_timer_in(c->loop, &c->timer, backoff_next_ns(&c->backoff));
}
