#include "role/keys/notices.h"

#include <string.h>

#include "base/time.h"
#include "os/log.h"
#include "os/rng.h"

/* AWS says: every five seconds. Not all appliances of a host at the same moment. */
#define POLL_MIN_MS 4500
#define POLL_JITTER_MS 1000

static void poll_imds(void *arg)
{
	struct notices *n = arg;
	metadata_start(n->metadata, IMDS_NOTICES);
}

static void later(struct notices *n)
{
	uint64_t random;
	rng_fill(&random, sizeof(random));
	loop_timer_in(n->loop, &n->timer, (POLL_MIN_MS + random % POLL_JITTER_MS) * NS_PER_MS);
}

void notices_init(struct notices *n, struct metadata *metadata, struct loop *loop, struct peer *init)
{
	n->metadata = metadata;
	n->loop = loop;
	n->init = init;
	n->timer = (struct loop_timer){.fn = poll_imds, .arg = n};
}

void notices_start(struct notices *n)
{
	later(n);
}

static void log_failing(const struct notices *n, enum err e)
{
	log_begin(LOG_WARN, "notices-unread");
	log_str("request", imds_step_text(n->metadata->imds.step));
	log_str("reason", err_text(e));
	log_end();
}

void notices_done(struct notices *n, enum err e)
{
	const char *notice = n->metadata->imds.result.notice;
	if (e && !n->failing)
		log_failing(n, e);
	if (!e && n->failing)
		log_event(LOG_INFO, "notices-read-again", "from", "IMDS");
	n->failing = e != ERR_OK;
	if (notice[0] && !n->said) {
		struct msg_leave leave = {.reason = ""};
		_Static_assert(sizeof(leave.reason) >= sizeof(n->metadata->imds.result.notice), "it fits");
		memcpy(leave.reason, notice, strlen(notice));
		n->said = true;
		peer_send(n->init, MSG_LEAVE, &leave);
	}
	later(n);
}
