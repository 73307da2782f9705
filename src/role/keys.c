#include "role/keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "lib/ecdsa.h"
#include "lib/sha.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/secret.h"
#include "role/alarms.h"
#include "role/anchors.h"
#include "role/credentials.h"
#include "role/cutter.h"
#include "role/datakeys.h"
#include "role/logstream.h"
#include "role/notices.h"
#include "role/signer.h"

#define STREAM_LOG MSG_MAX_WORKERS /* in datakeys; 0.. are the workers */
#define CLOCK_CHECK_NS (10 * NS_PER_S)
#define COUNTERS_NS (10 * NS_PER_S)

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, upload, worker[MSG_MAX_WORKERS];
	struct tls_anchors anchors;
	struct metadata metadata;
	struct credentials credentials;
	struct notices notices;
	struct datakeys datakeys;
	struct resolver resolver;
	struct logstream log;
	struct pool log_pool;
	struct ecdsa_key signing_key; /* secret; dies with the process */
	struct settings settings;
	struct object_identity identity;
	struct aws_credentials *creds;   /* borrowed from metadata; secret */
	struct sigv4_cache signing_keys; /* of requests; secret */
	struct signer signer;
	bool configured, said_ready;
	int64_t offset_ns; /* added to the clock when signing requests */
	struct backoff boot_backoff;
	struct loop_timer boot_retry, clock_check, counters;
	char stream_names[MSG_MAX_WORKERS][4];
	uint32_t next_seq[MSG_MAX_WORKERS]; /* of each worker's next object */
} g;

/* ---- boot: IMDS, configuration, clock, boot object */

static void copy_text(char *to, size_t cap, const char *from)
{
	size_t len = strlen(from);
	ASSERT(len < cap);
	memcpy(to, from, len + 1);
}

static void fill_identity(void)
{
	const struct imds_result *r = &g.metadata.imds.result;
	struct object_identity *id = &g.identity;
	copy_text(id->prefix, sizeof(id->prefix), g.settings.s3_prefix);
	copy_text(id->account, sizeof(id->account), r->account);
	copy_text(id->region, sizeof(id->region), r->region);
	copy_text(id->vpc, sizeof(id->vpc), r->vpc);
	copy_text(id->instance, sizeof(id->instance), r->instance);
	copy_text(id->ami, sizeof(id->ami), r->ami);
	copy_text(id->appliance, sizeof(id->appliance),
		  g.settings.appliance[0] ? g.settings.appliance : r->instance);
	id->boot = g.start.boot;
	memcpy(id->image_sha256, g.start.image_sha256, sizeof(id->image_sha256));
}

static void send_config(void)
{
	static struct msg_config c;
	const struct imds_result *r = &g.metadata.imds.result;
	c.settings = g.settings;
	c.identity = g.identity;
	c.links.count = r->link_count;
	_Static_assert(IMDS_LINKS_MAX <= MSG_MAX_LINKS, "every interface fits");
	for (uint32_t i = 0; i < r->link_count; i++) {
		struct msg_link *l = &c.links.link[i];
		memcpy(l->mac, r->link[i].mac, sizeof(l->mac));
		l->device_number = r->link[i].device_number;
		l->own_addr = r->link[i].addr;
		l->prefix_len = r->link[i].prefix_len;
		memcpy(l->eni, r->link[i].eni, sizeof(l->eni));
	}
	peer_send(&g.init, MSG_CONFIG, &c);
}

static void want_log_key(void *arg)
{
	(void)arg;
	datakeys_want(&g.datakeys, STREAM_LOG);
}

static void log_sealed(void *arg, uint32_t slot)
{
	(void)arg;
	peer_send(&g.upload, MSG_SEALED, &(struct msg_segment){slot});
}

static void check_clock(void *arg)
{
	(void)arg;
	uint64_t now_ns = clock_real_ns(), built_ns = version_time_s * NS_PER_S;
	if (now_ns < built_ns) {
		char text[128];
		struct buf b = BUF_OF(text);
		buf_str(&b, "the clock shows ");
		time_date(&b, now_ns);
		buf_str(&b, ", but this image was built ");
		time_date(&b, built_ns);
		buf_str(&b, "; set the machine's clock");
		peer_verdict(&g.init, VERDICT_CLOCK, false, buf_cstr(&b));
		loop_timer_in(&g.loop, &g.clock_check, CLOCK_CHECK_NS);
		return;
	}
	peer_verdict(&g.init, VERDICT_CLOCK, true, "later than the build");
	send_config();
	logstream_open(&g.log, &g.settings, g.log_pool);
}

static enum err read_settings(struct span text, struct conf_error *at)
{
	TRY(conf_read(text, &g.settings, at));
	TRY(cutter_check(&g.settings, at));
	sha256_of(text, g.identity.config_sha256);
	fill_identity();
	const char *key;
	enum err e = endpoint_check(&g.settings, span_str(g.identity.region), &key);
	copy_text(at->key, sizeof(at->key), e ? key : "");
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
	check_clock(NULL);
}

static void boot_again(void *arg)
{
	(void)arg;
	metadata_start(&g.metadata, IMDS_BOOT);
}

static void say_failed(enum err e)
{
	const struct imds *m = &g.metadata.imds;
	bool role = m->step == IMDS_ROLE || m->step == IMDS_ROLE_CREDENTIALS;
	const char *remedy = role ? "attach an instance profile whose role may PutObject and GenerateDataKey"
			     : e == ERR_DENIED ? "enable the instance's metadata service"
			     : e == ERR_TIMEOUT
				     ? "is IMDSv2 enabled for the instance, with a hop limit of 1 or more?"
				     : "is IMDSv2 enabled for the instance?";
	char text[200];
	snprintf(text, sizeof(text), "%s: %s%s%s; %s", imds_step_text(m->step), err_text(e),
		 m->detail[0] ? ": " : "", m->detail, remedy);
	peer_verdict(&g.init, role ? VERDICT_CREDENTIALS : VERDICT_IMDS, false, text);
}

/* What IMDS says of the partition must be what the region's name says: else one of them is not AWS's. */
static bool partition_agrees(void)
{
	const struct imds_result *r = &g.metadata.imds.result;
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
	peer_verdict(&g.init, VERDICT_IMDS, false, text);
	return false;
}

static void boot_done(enum err e)
{
	const struct imds_result *r = &g.metadata.imds.result;
	if (e)
		say_failed(e);
	if (e || !partition_agrees()) {
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
		say_failed(e);
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
	uint8_t text[2048], hash[32];
	struct buf b = BUF_OF(text);
	size_t len = 0;
	enum err e = object_signed_text(m, &b);
	ASSERT(!e);
	sha256_of(buf_span(&b), hash);
	ecdsa_sign(&g.signing_key, hash, m->sig, &len);
	m->sig_len = (uint32_t)len;
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
	if (sane)
		g.offset_ns = offset_ns;
}

/* ---- data keys */

static void deliver_key(void *arg, uint32_t stream, const struct msg_key *key)
{
	(void)arg;
	if (stream == STREAM_LOG)
		recorder_key(&g.log.recorder, key);
	else
		peer_send(&g.worker[stream], MSG_KEY, key);
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

static void shipped(const struct object_meta *m)
{
	logstream_shipped(&g.log, m);
	if (strcmp(m->stream, "log") != 0)
		return;
	if (!g.said_ready) {
		g.said_ready = true;
		peer_send(&g.init, MSG_READY, NULL);
	}
	if (logstream_closed(&g.log))
		peer_send(&g.init, MSG_GOODBYE, NULL);
}

static void logged(const struct log_line *line)
{
	static struct sns_alarm alarm;
	logstream_line(&g.log, line);
	if (alarms_of_line(line, &alarm))
		peer_send(&g.upload, MSG_ALARM, &alarm);
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	struct msg_totals totals;
	switch (m->type) {
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
	resolver_answer(&g.resolver, (const void *)m->payload);
}

static void from_worker(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	if (m->type == MSG_KEY_WANTED) {
		datakeys_want(&g.datakeys, index);
		return;
	}
	struct object_meta meta;
	memcpy(&meta, m->payload, sizeof(meta));
	/* a worker has its own stream's objects signed, each number once, nothing else */
	ASSERT(object_meta_sane(&meta) && strcmp(meta.stream, g.stream_names[index]) == 0 &&
	       meta.kind == OBJECT_PACKETS && meta.seq == g.next_seq[index]);
	g.next_seq[index]++;
	sign_object(NULL, &meta);
	peer_send(&g.worker[index], MSG_OBJECT_SIGNED, &meta);
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
		ASSERT(object_meta_sane((const void *)m->payload));
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
		recorder_free(&g.log.recorder, ((const struct msg_segment *)(const void *)m->payload)->index);
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

static void send_counters(void *arg)
{
	(void)arg;
	struct cloudwatch_sample c = {.kms_failures = g.datakeys.failures,
				      .key_age_s = recorder_key_age_s(&g.log.recorder)};
	peer_send(&g.upload, MSG_COUNTERS, &c);
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
}

/* ---- start */

static void make_signing_key(void)
{
	uint8_t seed[32];
	rng_fill(seed, sizeof(seed));
	ecdsa_keypair(seed, &g.signing_key, g.identity.pub);
	wipe(seed, sizeof(seed));
}

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
	for (uint32_t i = 0; i < MSG_MAX_WORKERS; i++) {
		snprintf(g.stream_names[i], sizeof(g.stream_names[i]), "w%u", i);
		d->stream_name[i] = g.stream_names[i];
	}
	d->stream_name[STREAM_LOG] = "log";
	g.resolver = (struct resolver){.net = &g.net, .fn = datakeys_resolved, .arg = d};
}

static void watch_peers(const int *fds)
{
	g.net = (struct peer){.self = ROLE_KEYS, .other = ROLE_NET, .loop = &g.loop, .fn = from_net};
	g.upload = (struct peer){.self = ROLE_KEYS, .other = ROLE_UPLOAD, .loop = &g.loop, .fn = from_upload};
	peer_watch(&g.net, fds[0]);
	peer_watch(&g.upload, fds[1]);
	for (uint32_t i = 0; i < g.start.workers; i++) {
		g.worker[i] = (struct peer){.self = ROLE_KEYS,
					    .other = ROLE_CAPTURE,
					    .loop = &g.loop,
					    .fn = from_worker,
					    .index = i};
		peer_watch(&g.worker[i], fds[2 + i]);
	}
}

_Noreturn void role_keys(int channel)
{
	int fds[CHAN_MAX_FDS];
	enum err locked = secret_guard();
	peer_start(channel, ROLE_KEYS, &g.start, fds, CHAN_MAX_FDS);
	log_open(channel, MSG_LOG_LINE, "keys");
	log_event(locked ? LOG_WARN : LOG_INFO, "memory", "locked", locked ? "no" : "yes");
	loop_init(&g.loop);
	g.init = (struct peer){.self = ROLE_KEYS, .other = ROLE_INIT, .loop = &g.loop, .fn = from_init};
	peer_watch(&g.init, channel);
	anchors_load(fds[0], &g.init, &g.anchors);
	enum err e = pool_map(fds[1], 1, g.start.log_segment_bytes, g.start.log_segments, &g.log_pool);
	ASSERT(!e);
	g.creds = &g.metadata.imds.result.creds;
	g.boot_backoff = (struct backoff){.base_ms = 500, .cap_ms = 10000};
	g.boot_retry.fn = boot_again;
	g.clock_check.fn = check_clock;
	g.counters.fn = send_counters;
	make_signing_key();
	set_up_datakeys();
	metadata_init(&g.metadata, &g.loop, metadata_done, NULL);
	credentials_init(&g.credentials, &g.metadata, &g.loop);
	notices_init(&g.notices, &g.metadata, &g.loop, &g.init);
	g.log.loop = &g.loop;
	g.log.identity = &g.identity;
	g.log.want_key = want_log_key;
	g.log.sign = sign_object;
	g.log.sealed = log_sealed;
	g.signer =
		(struct signer){&g.upload, &g.settings, &g.identity, g.creds, &g.signing_keys, &g.offset_ns};
	watch_peers(fds + 2);
	loop_timer_in(&g.loop, &g.counters, COUNTERS_NS);
	loop_run(&g.loop);
	_exit(0);
}
