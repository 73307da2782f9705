#include "role/keys/keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/sha.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/secret.h"
#include "record/rules.h"
#include "role/alarms.h"
#include "role/anchors.h"
#include "role/keys/canarywatch.h"
#include "role/keys/credentials.h"
#include "role/keys/datakeys.h"
#include "role/keys/logstream.h"
#include "role/keys/notices.h"
#include "role/keys/objectsigner.h"
#include "role/keys/signer.h"
#include "role/progress.h"

#define COUNTERS_NS (10 * NS_PER_S)

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, upload, spool, producer[PRODUCERS]; /* the log's own is not used */
	struct tls_anchors anchors;
	struct metadata metadata;
	struct credentials credentials;
	struct notices notices;
	struct datakeys datakeys;
	struct resolver resolver;
	struct logstream log;
	struct pool log_pool;
	struct objectsigner objectsigner;
	struct settings settings;
	struct object_identity identity;
	struct aws_credentials *creds;   /* borrowed from metadata; secret */
	struct sigv4_cache signing_keys; /* of requests; secret */
	struct signer signer;
	struct canarywatch canarywatch;
	bool configured, said_ready;
	int64_t offset_ns; /* added to the clock when signing requests */
	struct backoff boot_backoff;
	struct loop_timer boot_retry, counters;
	char stream_names[MSG_MAX_WORKERS][4];
} g;

/* ---- boot: IMDS, configuration, clock, boot object */

static void send_config(void)
{
	static struct msg_config c;
	c.settings = g.settings;
	c.identity = g.identity;
	metadata_describe(&g.metadata, true, &g.net);
	peer_send(&g.init, MSG_CONFIG, &c);
}

static void want_log_key(void *arg, bool any)
{
	(void)arg;
	datakeys_want(&g.datakeys, PRODUCER_LOG, any);
}

static void log_sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	peer_hand_on(&g.settings, &g.spool, &g.upload, s);
}

static void log_progressed(void *arg)
{
	(void)arg;
	peer_send(&g.upload, MSG_LISTED, &(struct msg_listed){g.log.committed.shipped});
	peer_send(&g.init, MSG_LOGGED, &(struct msg_listed){g.log.committed.log});
}

/* net keeps the clock: nothing is stamped or signed before it says that it can be used. */
static void ask_for_clock(void)
{
	if (g.configured)
		peer_send(&g.net, MSG_TIME_SERVERS, &(struct msg_time_servers){g.settings.ntp});
}

static void clock_told(const struct msg_clock *clock)
{
	g.log.clock = *clock;
	for (uint32_t i = 0; i < PRODUCERS; i++)
		if (i != PRODUCER_LOG)
			peer_send(&g.producer[i], MSG_CLOCK_STATE, clock);
	if (!g.configured || logstream_opened(&g.log))
		return;
	send_config();
	logstream_open(&g.log, &g.settings, g.log_pool, g.start.life);
}

static enum err read_settings(struct span text, struct conf_error *at)
{
	TRY(conf_read(text, &g.settings, at));
	if (g.settings.spool[0] == '/' && !g.start.host_mode) {
		snprintf(at->key, sizeof(at->key), "spool");
		return ERR_UNSUPPORTED; /* a path is for a host's file */
	}
	TRY(rules_check(&g.settings, at));
	sha256_of(text, g.identity.config_sha256);
	metadata_identity(&g.metadata, &g.settings, g.start.boot, &g.identity);
	const char *key;
	enum err e = endpoint_check(&g.settings, span_str(g.identity.region), &key);
	snprintf(at->key, sizeof(at->key), "%s", e ? key : "");
	TRY(e);
	return datakeys_init(&g.datakeys, &g.anchors);
}

static void configure(void)
{
	const struct imds_result *r = &g.metadata.imds.result;
	struct span text = g.start.host_mode ? span_of(g.start.config, g.start.config_len)
					     : span_of(r->user_data, r->user_data_len);
	struct conf_error at = {.line = 0};
	char line[200], where[24] = "";
	enum err e = read_settings(text, &at);
	if (e) {
		if (at.line)
			snprintf(where, sizeof(where), "line %u, ", at.line);
		snprintf(line, sizeof(line), "%skey \"%s\": %s; correct the user data", where, at.key,
			 at.text[0] ? at.text : err_text(e));
		peer_verdict(&g.init, VERDICT_CONFIGURATION, false, line);
		loop_timer_in(&g.loop, &g.boot_retry, backoff_next_ns(&g.boot_backoff));
		return;
	}
	snprintf(line, sizeof(line), "%zu bytes, bucket %s", text.len, g.settings.s3_bucket);
	peer_verdict(&g.init, VERDICT_CONFIGURATION, true, line);
	g.configured = true;
	credentials_start(&g.credentials);
	notices_start(&g.notices);
	ask_for_clock();
}

static void boot_again(void *arg)
{
	(void)arg;
	metadata_start(&g.metadata, IMDS_BOOT);
}

static void boot_done(enum err e)
{
	const struct imds_result *r = &g.metadata.imds.result;
	if (e)
		metadata_say_failed(&g.metadata, &g.init, e);
	if (e || !metadata_partition_agrees(&g.metadata, &g.init)) {
		loop_timer_in(&g.loop, &g.boot_retry, backoff_next_ns(&g.boot_backoff));
		return;
	}
	peer_verdict(&g.init, VERDICT_CREDENTIALS, true, r->role);
	peer_verdict(&g.init, VERDICT_IMDS, true, r->instance);
	configure();
}

static void refresh_done(enum err e)
{
	bool changed;
	credentials_done(&g.credentials, e, &changed);
	if (changed)
		wipe(&g.signing_keys, sizeof(g.signing_keys)); /* those of the old secret */
	if (e)
		metadata_say_failed(&g.metadata, &g.init, e);
	else
		peer_verdict(&g.init, VERDICT_CREDENTIALS, true, g.metadata.imds.result.role);
}

static void metadata_done(void *arg, enum imds_goal goal, enum err e)
{
	(void)arg;
	if (goal == IMDS_BOOT)
		boot_done(e);
	else if (goal == IMDS_CREDENTIALS)
		refresh_done(e);
	else if (goal == IMDS_LINKS)
		metadata_describe(&g.metadata, !e, &g.net);
	else
		notices_done(&g.notices, e);
}

static void refresh_credentials(void *arg)
{
	(void)arg;
	credentials_refused(&g.credentials);
}

/* ---- signatures */

static void sign_object(void *arg, struct object_meta *m)
{
	(void)arg;
	objectsigner_sign(&g.objectsigner, m);
}

static void correct_clock(void *arg, int64_t offset_ns)
{
	(void)arg;
	int64_t limit_ns = 24 * 3600 * (int64_t)NS_PER_S;
	bool sane = offset_ns > -limit_ns && offset_ns < limit_ns;
	log_begin(sane ? LOG_WARN : LOG_ALARM, sane ? "clock-offset" : "clock-offset-refused");
	log_str("sign", offset_ns < 0 ? "-" : "+");
	log_u64("seconds", (uint64_t)(offset_ns < 0 ? -offset_ns : offset_ns) / NS_PER_S);
	log_end();
	g.offset_ns = sane ? offset_ns : g.offset_ns;
	peer_send(&g.upload, MSG_CLOCK_OFFSET, &(struct msg_skew){g.offset_ns});
}

/* ---- data keys */

static void deliver_key(void *arg, uint32_t stream, const struct msg_key *key)
{
	(void)arg;
	if (stream == PRODUCER_LOG)
		recorder_key(&g.log.recorder, key);
	else
		peer_send(&g.producer[stream], MSG_KEY, key);
}

static void kms_verdict_said(void *arg, bool ok, const char *text)
{
	(void)arg;
	peer_verdict(&g.init, VERDICT_KMS, ok, text);
}

static const struct datakeys_ops datakeys_ops = {
	.deliver = deliver_key,
	.verdict = kms_verdict_said,
	.refresh = refresh_credentials,
	.skew = correct_clock,
};

/* ---- messages */

static void goodbye_when_closed(void)
{
	if (logstream_closed(&g.log))
		peer_send(&g.init, MSG_GOODBYE, NULL);
}

static void shipped(const struct msg_shipped *s)
{
	logstream_shipped(&g.log, s);
	if (s->meta.boot != g.start.boot)
		return; /* from the volume, of a boot before */
	canarywatch_stored(&g.canarywatch, &s->meta);
	if (strcmp(s->meta.stream, "log") != 0)
		return;
	if (!g.said_ready) {
		g.said_ready = true;
		peer_send(&g.init, MSG_READY, NULL);
	}
	/* on a volume it was free before: this one must be the last */
	if (s->meta.seq + 1 == g.log.recorder.next_seq)
		goodbye_when_closed();
}

static void logged(const struct msg_log *log)
{
	static struct sns_alarm alarm;
	logstream_line(&g.log, log);
	if (alarms_of_line(&log->line, &alarm))
		peer_send(&g.upload, MSG_ALARM, &alarm);
}

static void net_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	resolver_again(&g.resolver);
	ask_for_clock();
}

static void spool_anew(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	if (logstream_opened(&g.log))
		recorder_announce(&g.log.recorder);
}

static void upload_anew(void *arg, uint32_t index)
{
	peer_send(&g.upload, MSG_CLOCK_OFFSET, &(struct msg_skew){g.offset_ns});
	spool_anew(arg, index);
}

static void producer_anew(void *arg, uint32_t index)
{
	(void)arg;
	objectsigner_producer_anew(&g.objectsigner, index);
	peer_send(&g.producer[index], MSG_CLOCK_STATE, &g.log.clock);
}

static void join(const struct msg_peer *p, const struct chan_msg *m)
{
	peer_join(p->role == ROLE_NET      ? &g.net
		  : p->role == ROLE_UPLOAD ? &g.upload
		  : p->role == ROLE_SPOOL  ? &g.spool
		  : p->role == ROLE_FLOWS  ? &g.producer[PRODUCER_FLOWS]
					   : &g.producer[p->index % MSG_MAX_WORKERS],
		  m);
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	struct msg_totals totals;
	switch (m->type) {
	case MSG_PEER:
		join((const void *)m->payload, m);
		break;
	case MSG_ONLINE:
		metadata_start(&g.metadata, IMDS_BOOT);
		break;
	case MSG_LOG:
		logged((const void *)m->payload);
		break;
	case MSG_SHUTDOWN:
		memcpy(&totals, m->payload, sizeof(totals));
		peer_read(&g.upload); /* what was shipped before, told on another channel: it belongs into the
					 inventory */
		logstream_close(&g.log, &totals);
		break;
	default:
		trap();
	}
}

static void from_net(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	if (m->type == MSG_CANARY)
		canarywatch_sent(&g.canarywatch, (const void *)m->payload);
	else if (m->type == MSG_CLOCK)
		clock_told((const void *)m->payload);
	else if (m->type == MSG_DESCRIBE)
		metadata_start(&g.metadata, IMDS_LINKS);
	else
		resolver_answer(&g.resolver, (const void *)m->payload);
}

static void from_producer(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	if (m->type == MSG_KEY_WANTED) {
		datakeys_want(&g.datakeys, index, ((const struct msg_flag *)(const void *)m->payload)->on);
		return;
	}
	struct object_meta meta;
	memcpy(&meta, m->payload, sizeof(meta));
	objectsigner_check(&g.objectsigner, index, &meta);
	sign_object(NULL, &meta);
	peer_send(&g.producer[index], MSG_OBJECT_SIGNED, &meta);
}

static void from_upload(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	struct msg_skew skew;
	const struct msg_sign_put *ask = (const void *)m->payload;
	if (m->type == MSG_SIGN_PUT)
		ASSERT(object_meta_sane(&ask->meta));
	if (m->type == MSG_SHIPPED)
		ASSERT(object_meta_sane(&((const struct msg_shipped *)(const void *)m->payload)->meta));
	switch (m->type) {
	case MSG_SIGN_PUT:
		signer_put(&g.signer, ask);
		break;
	case MSG_SIGN_POST:
		signer_post(&g.signer, (const void *)m->payload);
		break;
	case MSG_BUCKET_REGION:
		signer_bucket_region(&g.signer, (const void *)m->payload);
		break;
	case MSG_SHIPPED:
		shipped((const void *)m->payload);
		break;
	case MSG_FREE:
		logstream_free(&g.log, (const void *)m->payload);
		goodbye_when_closed();
		break;
	case MSG_CREDENTIALS_REFUSED:
		refresh_credentials(NULL);
		break;
	case MSG_CLOCK_SKEW:
		memcpy(&skew, m->payload, sizeof(skew));
		correct_clock(NULL, skew.offset_ns);
		break;
	default:
		trap();
	}
}

static void from_spool(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	logstream_free(&g.log, (const void *)m->payload);
}

static void send_counters(void *arg)
{
	(void)arg;
	struct cloudwatch_sample c = {.kms_failures = g.datakeys.failures,
				      .key_age_s = recorder_key_age_s(&g.log.recorder)};
	peer_send(&g.upload, MSG_COUNTERS, &c);
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
}

/* ---- start */

static void set_up_datakeys(void)
{
	struct datakeys *d = &g.datakeys;
	d->ops = &datakeys_ops;
	d->loop = &g.loop;
	d->settings = &g.settings;
	d->identity = &g.identity;
	d->creds = g.creds;
	d->cache = &g.signing_keys;
	d->offset_ns = &g.offset_ns;
	d->resolver = &g.resolver;
	d->signer = g.objectsigner.id;
	d->keyseq = ((struct progress *)pool_page(&g.log_pool))->keyseq;
	for (uint32_t i = 0; i < MSG_MAX_WORKERS; i++) {
		snprintf(g.stream_names[i], sizeof(g.stream_names[i]), "w%u", i);
		d->stream_name[i] = g.stream_names[i];
	}
	d->stream_name[PRODUCER_LOG] = "log";
	d->stream_name[PRODUCER_FLOWS] = "flows";
	resolver_init(&g.resolver, &g.net, 0, datakeys_resolved, d);
}

static void set_up_peers(void)
{
	peer_init(&g.net, ROLE_KEYS, ROLE_NET, &g.loop, from_net, net_anew);
	peer_init(&g.upload, ROLE_KEYS, ROLE_UPLOAD, &g.loop, from_upload, upload_anew);
	peer_init(&g.spool, ROLE_KEYS, ROLE_SPOOL, &g.loop, from_spool, spool_anew);
	for (uint32_t i = 0; i < g.start.workers; i++)
		peer_init(&g.producer[i], ROLE_KEYS, ROLE_CAPTURE, &g.loop, from_producer, producer_anew);
	peer_init(&g.producer[PRODUCER_FLOWS], ROLE_KEYS, ROLE_FLOWS, &g.loop, from_producer, producer_anew);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		g.producer[i].index = i;
}

_Noreturn void role_keys(int channel)
{
	int fds[2];
	enum err locked = secret_guard();
	peer_start(channel, ROLE_KEYS, &g.start, fds, 2);
	log_open(channel, MSG_LOG_LINE, "keys");
	log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(&g.loop);
	peer_init(&g.init, ROLE_KEYS, ROLE_INIT, &g.loop, from_init, NULL);
	set_up_peers();
	peer_watch(&g.init, channel);
	anchors_load(fds[0], &g.init, &g.anchors);
	enum err e = pool_map(fds[1], 1, g.start.log_segment_bytes, g.start.log_segments, &g.log_pool);
	ASSERT(!e);
	g.creds = &g.metadata.imds.result.creds;
	g.boot_backoff = (struct backoff){.base_ms = 500, .cap_ms = 10000};
	g.boot_retry.fn = boot_again;
	g.counters.fn = send_counters;
	memcpy(g.identity.image_sha256, g.start.image_sha256, sizeof(g.identity.image_sha256));
	objectsigner_init(&g.objectsigner, g.start.life, g.identity.pub);
	set_up_datakeys();
	canarywatch_init(&g.canarywatch, &g.loop, &g.settings);
	metadata_init(&g.metadata, &g.loop, metadata_done, NULL);
	credentials_init(&g.credentials, &g.metadata, &g.loop, &g.offset_ns);
	notices_init(&g.notices, &g.metadata, &g.loop, &g.init);
	g.log.loop = &g.loop;
	g.log.identity = &g.identity;
	g.log.want_key = want_log_key;
	g.log.sign = sign_object;
	g.log.sealed = log_sealed;
	g.log.progressed = log_progressed;
	g.signer =
		(struct signer){&g.upload, &g.settings, &g.identity, g.creds, &g.signing_keys, &g.offset_ns};
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
	loop_run(&g.loop);
	_exit(0);
}
