#include "role/net/goals.h"

#include <string.h>

#include "aws/endpoint.h"
#include "aws/kms.h"
#include "aws/s3.h"

_Static_assert(sizeof(((struct msg_addresses *)0)->addr) / sizeof(struct ip) <= NFT_GOALS_MAX,
	       "an answer's addresses fit a batch");

/* 0: it is another host. */
static uint16_t port_at(enum err e, const struct endpoint *of, const char *host)
{
	return !e && strcmp(of->host, host) == 0 ? of->port : 0;
}

static uint16_t port_of_sns(const struct settings *s, const char *host)
{
	struct endpoint sns;
	struct sns_arn topic;
	enum err e = endpoint_sns_arn(span_str(s->alarm_topic), &topic);
	if (!e)
		e = endpoint_of(s, ENDPOINT_SNS, topic.region, &sns);
	return port_at(e, &sns, host);
}

static uint16_t port_of_cloudwatch(const struct msg_config *c, const char *host)
{
	struct endpoint cloudwatch;
	enum err e = c->settings.metrics_namespace[0] ? endpoint_of(&c->settings, ENDPOINT_MONITORING,
								    span_str(c->identity.region), &cloudwatch)
						      : ERR_MISSING;
	return port_at(e, &cloudwatch, host);
}

/* Each label of the host may be the region that the bucket is in. */
static uint16_t port_of_s3(const struct msg_config *c, const char *host)
{
	static struct settings moved;
	struct endpoint s3;
	uint16_t port = port_at(s3_endpoint(&c->settings, &c->identity, &s3), &s3, host);
	moved = c->settings;
	for (const char *label = host; !port && label; label = strchr(label, '.')) {
		label += *label == '.';
		size_t len = strcspn(label, ".");
		if (len >= sizeof(moved.s3_region) ||
		    endpoint_same_partition(span_of(label, len), span_str(c->identity.region)))
			continue;
		memcpy(moved.s3_region, label, len);
		moved.s3_region[len] = 0;
		port = port_at(s3_endpoint(&moved, &c->identity, &s3), &s3, host);
	}
	return port;
}

uint16_t goals_port(const struct msg_config *c, uint32_t uid, const char *host)
{
	struct endpoint kms;
	if (uid == UID_KEYS)
		return port_at(kms_endpoint(&c->settings, &kms), &kms, host);
	uint16_t port = port_of_s3(c, host);
	if (!port)
		port = port_of_cloudwatch(c, host);
	return port ? port : port_of_sns(&c->settings, host);
}

void goals_open(struct gateway *g, const struct msg_config *c, uint32_t uid, const char *host,
		const struct msg_addresses *a)
{
	uint8_t bytes[NFT_GOALS_BYTES];
	struct buf b = BUF_OF(bytes);
	if (a->error)
		return;
	uint16_t port = goals_port(c, uid, host);
	if (port == 0) {
		log_event(LOG_ALARM, "name-of-no-service", "host", host);
		return;
	}
	nft_own_goals(&b, 1, uid, a->addr, a->count, port);
	if (gateway_transact(g, g->filter, &b, "open the packet filter for", host))
		log_event(LOG_WARN, "service-stays-closed", "host", host);
}
