#include "role/keys/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "lib/sha.h"
#include "os/log.h"
#include "os/rng.h"
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

static void clock_told(const void *payload)
{
	const struct msg_clock *clock = payload;
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
	if (!logstream_closed(&g.log))
		return;
	/* nothing is signed or asked for any more */
	wipe(g.datakeys.held, sizeof(g.datakeys.held));
	wipe(&g.objectsigner.key, sizeof(g.objectsigner.key));
	peer_send(&g.init, MSG_GOODBYE, NULL);
}

static void send_counters(void *arg)
{
	(void)arg;
	struct cloudwatch_sample c = {.kms_failures = g.datakeys.failures,
				      .canaries_stored = g.canarywatch.stored,
				      .key_age_s = recorder_key_age_s(&g.log.recorder)};
	peer_send(&g.upload, MSG_COUNTERS, &c);
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
}

static void all_shipped(void)
{
	send_counters(NULL);
	peer_send(&g.upload, MSG_COUNTED, NULL);
}

static void shipped(const void *payload)
{
	const struct msg_shipped *s = payload;
	ASSERT(object_meta_sane(&s->meta));
	logstream_shipped(&g.log, s);
	if (s->meta.boot != g.start.boot)
		return; /* from the volume, of a boot before */
	if (canarywatch_stored(&g.canarywatch, &s->meta))
		send_counters(NULL);
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

static void logged(const void *payload)
{
	static struct sns_alarm alarm;
	const struct msg_log *log = payload;
	logstream_line(&g.log, log);
	if (alarms_of_line(&log->line, &alarm))
		peer_send(&g.upload, MSG_ALARM, &alarm);
}

static void net_anew(void)
{
	resolver_again(&g.resolver);
	ask_for_clock();
}

static void spool_anew(void)
{
	if (logstream_opened(&g.log))
		recorder_announce(&g.log.recorder);
}

static void upload_anew(void)
{
	peer_send(&g.upload, MSG_CLOCK_OFFSET, &(struct msg_skew){g.offset_ns});
	spool_anew();
}

static void producer_anew(const void *payload)
{
	const struct msg_peer *p = payload;
	uint32_t producer = msg_own_pool((enum role_id)p->role, p->index);
	objectsigner_producer_anew(&g.objectsigner, producer);
	peer_send(&g.producer[producer], MSG_CLOCK_STATE, &g.log.clock);
}

static void ask_imds(void)
{
	metadata_start(&g.metadata, IMDS_BOOT);
}

static void shut_down(const void *payload)
{
	struct msg_totals totals;
	memcpy(&totals, payload, sizeof(totals));
	peer_read(&g.upload); /* what was shipped before, told on another channel: it belongs into the
				 inventory */
	logstream_close(&g.log, &totals);
}

static void canary_sent(const void *payload)
{
	canarywatch_sent(&g.canarywatch, payload);
}

static void describe(void)
{
	metadata_start(&g.metadata, IMDS_LINKS);
}

static void resolved(const void *payload)
{
	resolver_answer(&g.resolver, payload);
}

static void key_wanted(struct peer *producer, const void *payload)
{
	const struct msg_flag *any = payload;
	datakeys_want(&g.datakeys, producer->pool, any->on);
}

static void sign_for(struct peer *producer, const void *payload)
{
	struct object_meta meta;
	memcpy(&meta, payload, sizeof(meta));
	objectsigner_check(&g.objectsigner, producer->pool, &meta);
	sign_object(NULL, &meta);
	peer_send(producer, MSG_OBJECT_SIGNED, &meta);
}

static void sign_put(const void *payload)
{
	const struct msg_sign_put *ask = payload;
	ASSERT(object_meta_sane(&ask->meta));
	signer_put(&g.signer, ask);
}

static void sign_post(const void *payload)
{
	signer_post(&g.signer, payload);
}

static void bucket_elsewhere(const void *payload)
{
	signer_bucket_region(&g.signer, payload);
}

static void log_freed(const void *payload)
{
	logstream_free(&g.log, payload);
	goodbye_when_closed();
}

static void log_stored(const void *payload)
{
	logstream_free(&g.log, payload);
}

static void creds_refused(void)
{
	refresh_credentials(NULL);
}

static void clock_skewed(const void *payload)
{
	const struct msg_skew *skew = payload;
	correct_clock(NULL, skew->offset_ns);
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

static void set_up(const int fds[START_FDS])
{
	anchors_load(fds[START_ANCHORS], &g.init, &g.anchors);
	role_own_pool(fds, &g.log_pool);
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
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_ONLINE, .call = ask_imds},
	{ROLE_INIT, MSG_LOG, .take = logged},
	{ROLE_INIT, MSG_SHUTDOWN, .take = shut_down},
	{ROLE_NET, MSG_PEER, .call = net_anew},
	{ROLE_NET, MSG_RESOLVED, .take = resolved},
	{ROLE_NET, MSG_CANARY, .take = canary_sent},
	{ROLE_NET, MSG_CLOCK, .take = clock_told},
	{ROLE_NET, MSG_DESCRIBE, .call = describe},
	{ROLE_UPLOAD, MSG_PEER, .call = upload_anew},
	{ROLE_UPLOAD, MSG_SIGN_PUT, .take = sign_put},
	{ROLE_UPLOAD, MSG_SIGN_POST, .take = sign_post},
	{ROLE_UPLOAD, MSG_BUCKET_REGION, .take = bucket_elsewhere},
	{ROLE_UPLOAD, MSG_SHIPPED, .take = shipped},
	{ROLE_UPLOAD, MSG_COUNT, .call = all_shipped},
	{ROLE_UPLOAD, MSG_FREE, .take = log_freed},
	{ROLE_UPLOAD, MSG_CREDENTIALS_REFUSED, .call = creds_refused},
	{ROLE_UPLOAD, MSG_CLOCK_SKEW, .take = clock_skewed},
	{ROLE_SPOOL, MSG_PEER, .call = spool_anew},
	{ROLE_SPOOL, MSG_STORED, .take = log_stored},
	{ROLE_PRODUCER, MSG_PEER, .take = producer_anew},
	{ROLE_PRODUCER, MSG_KEY_WANTED, .take_from = key_wanted},
	{ROLE_PRODUCER, MSG_SIGN_OBJECT, .take_from = sign_for},
};

const struct role role_keys = {
	.id = ROLE_KEYS,
	.spawn = {.uid = UID_KEYS, .secrets = true},
	.descriptors = START_BIT(START_ANCHORS) | START_BIT(START_OWN_POOL),
	.sandbox = &calls_keys,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init,
		  [ROLE_NET] = &g.net,
		  [ROLE_UPLOAD] = &g.upload,
		  [ROLE_SPOOL] = &g.spool,
		  [ROLE_FLOWS] = &g.producer[PRODUCER_FLOWS],
		  [ROLE_CAPTURE] = g.producer},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
