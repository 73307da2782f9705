#include "role/keys/logstream.h"

#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "os/clock.h"
#include "role/jsonlines.h"

#define RAW_MAX (256u * 1024)

/* ---- JSON */

static bool number(struct span s)
{
	bool digits = s.len > 0 && s.len <= 15 && (s.p[0] != '0' || s.len == 1);
	for (size_t i = 0; i < s.len; i++)
		digits = digits && s.p[i] >= '0' && s.p[i] <= '9';
	return digits;
}

/* A value as os/log writes it: bare, or quoted with JSON's own escapes. Cuts it off *rest. The line may come
 * from a role that is no longer its own master: what is badly escaped becomes "?". */
static void put_value(struct buf *b, struct span *rest)
{
	if (rest->len == 0 || rest->p[0] != '"') {
		struct span bare = span_cut(rest, ' ');
		if (number(bare))
			buf_put(b, bare);
		else
			json_put_string(b, bare);
		return;
	}
	uint8_t plain[2 * LOG_LINE_BYTES];
	struct buf value = BUF_OF(plain);
	size_t end = 1;
	while (end < rest->len && rest->p[end] != '"')
		end += rest->p[end] == '\\' ? 2 : 1;
	struct span token = span_from(span_first(*rest, end), 1);
	if (end >= rest->len || json_unescape(token, &value))
		json_put_string(b, SPAN("?"));
	else
		json_put_string(b, buf_span(&value));
	*rest = span_from(*rest, end + 2);
}

/* `<level> <role> <event> key=value ...` as one JSON line. */
static void put_line(struct buf *b, const struct log_line *line)
{
	static const char *const names[] = {"level", "role", "event"};
	uint8_t text[LOG_LINE_BYTES];
	struct span rest = span_str(line->line);
	for (size_t i = 0; i < rest.len; i++)
		text[i] = line->line[i] >= ' ' && line->line[i] <= '~' ? (uint8_t)line->line[i] : '?';
	rest.p = text;
	buf_u8(b, '{');
	jsonlines_key(b, "time");
	buf_u8(b, '"');
	time_rfc3339(b, line->real_ns);
	buf_u8(b, '"');
	for (int i = 0; i < 3; i++) {
		jsonlines_key(b, names[i]);
		json_put_string(b, span_cut(&rest, ' '));
	}
	while (rest.len) {
		struct span key = span_cut(&rest, '=');
		buf_u8(b, ',');
		json_put_string(b, key);
		buf_u8(b, ':');
		put_value(b, &rest);
	}
	buf_str(b, "}\n");
}

/* ---- the queue, and from it into the object */

static struct buf queue_line(struct logstream *s, uint32_t places)
{
	if (s->count >= places) {
		s->dropped++;
		return buf_over(NULL, 0);
	}
	struct logstream_line *l = &s->queue[(s->first + s->count) % LOGSTREAM_QUEUE];
	l->settings = false;
	return buf_over(l->json, sizeof(l->json));
}

static void pump(struct logstream *s);

static void queue_numbered(struct logstream *s, const struct buf *b, uint64_t real_ns,
			   struct logstream_numbers numbers)
{
	if (b->overflow) {
		s->dropped += b->cap != 0;
		return;
	}
	struct logstream_line *l = &s->queue[(s->first + s->count) % LOGSTREAM_QUEUE];
	l->real_ns = real_ns;
	l->shipped = numbers.shipped;
	l->log = numbers.log;
	l->len = (uint32_t)b->len;
	s->count++;
	pump(s);
}

static void queue_done(struct logstream *s, const struct buf *b, uint64_t real_ns)
{
	queue_numbered(s, b, real_ns, (struct logstream_numbers){0, 0});
}

/* The next setting; false: there is no room for it now. */
static bool write_setting(struct logstream *s)
{
	uint8_t text[CONF_VALUE_MAX], json[6 * CONF_VALUE_MAX + 256];
	struct buf value = BUF_OF(text), b = BUF_OF(json);
	struct conf_cursor next = s->setting;
	const char *key;
	s->showing = conf_show(&s->effective, &next, &key, &value);
	if (!s->showing)
		return true;
	jsonlines_event(&b, s->boot_ns, "info", "keys", "setting");
	jsonlines_text(&b, "key", key);
	jsonlines_key(&b, "value");
	json_put_string(&b, buf_span(&value));
	buf_str(&b, "}\n");
	ASSERT(!value.overflow && !b.overflow);
	struct buf *room = recorder_room(&s->recorder, b.len, s->boot_ns);
	if (!room)
		return false;
	buf_put(room, buf_span(&b));
	recorder_wrote(&s->recorder, s->boot_ns, 0, false);
	s->setting = next;
	return true;
}

static void pump(struct logstream *s)
{
	if (!s->recorder.with.ops)
		return; /* not open yet */
	while (s->count || s->showing) {
		if (s->showing) {
			if (!write_setting(s))
				return;
			continue;
		}
		struct logstream_line *l = &s->queue[s->first];
		struct buf *room = recorder_room(&s->recorder, l->len, l->real_ns);
		if (!room)
			return;
		buf_put(room, span_of(l->json, l->len));
		recorder_wrote(&s->recorder, l->real_ns, 0, false);
		if (l->shipped)
			s->written.shipped = l->shipped;
		if (l->log)
			s->written.log = l->log;
		s->showing = l->settings;
		s->first = (s->first + 1) % LOGSTREAM_QUEUE;
		s->count--;
	}
	if (s->ship_wanted && s->recorder.phase == RECORDER_OPEN) {
		s->ship_wanted = false;
		recorder_rotate(&s->recorder);
	}
}

void logstream_line(struct logstream *s, const struct msg_log *log)
{
	if (s->closing)
		return;
	struct buf b = queue_line(s, LOGSTREAM_LINES);
	put_line(&b, &log->line);
	queue_numbered(s, &b, log->line.real_ns, (struct logstream_numbers){.log = log->number});
}

static void list_shipped(struct logstream *s, const struct msg_shipped *shipped)
{
	const struct object_meta *m = &shipped->meta;
	if (s->closing)
		return;
	uint64_t now_ns = clock_real_ns();
	struct buf b = queue_line(s, LOGSTREAM_QUEUE);
	jsonlines_event(&b, now_ns, "info", "upload", "shipped");
	jsonlines_text(&b, "name", m->name);
	jsonlines_u64(&b, "size", m->size_bytes);
	jsonlines_hex(&b, "sha256", span_of(m->sha256, sizeof(m->sha256)));
	jsonlines_sig(&b, "sig", m);
	buf_str(&b, "}\n");
	queue_numbered(s, &b, now_ns, (struct logstream_numbers){.shipped = shipped->number});
}

/* ---- the recorder's callbacks */

static void write_head(void *arg, const struct object_meta *meta, const struct object_meta *prev,
		       struct buf *raw)
{
	struct logstream *s = arg;
	uint8_t json[LOGSTREAM_JSON_MAX];
	struct buf b = BUF_OF(json);
	jsonlines_object(&b, "keys", s->identity, meta, prev, &s->clock);
	jsonlines_u64(&b, "lines_dropped", s->dropped);
	buf_str(&b, "}\n");
	buf_put(raw, buf_span(&b));
}

static void committed(void *arg)
{
	struct logstream *s = arg;
	if (s->written.shipped == s->committed.shipped && s->written.log == s->committed.log)
		return;
	s->committed = s->written;
	s->progressed(s->arg);
}

static void want_key(void *arg, bool any)
{
	struct logstream *s = arg;
	s->want_key(s->arg, any);
}

static void sign(void *arg, const struct object_meta *meta)
{
	struct logstream *s = arg;
	struct object_meta m = *meta;
	s->sign(s->arg, &m);
	recorder_signed(&s->recorder, &m);
	if (s->closing && s->count == 0)
		recorder_end(&s->recorder); /* that was the last one */
}

static void sealed(void *arg, const struct msg_segment *segment)
{
	struct logstream *s = arg;
	s->sealed(s->arg, segment);
}

static void ready(void *arg)
{
	pump(arg);
}

static const struct recorder_ops ops = {
	.head = write_head,
	.committed = committed,
	.want_key = want_key,
	.sign = sign,
	.sealed = sealed,
	.ready = ready,
};

/* ---- its life */

static void beat(void *arg)
{
	struct logstream *s = arg;
	uint64_t now_ns = clock_real_ns();
	struct buf b = queue_line(s, LOGSTREAM_QUEUE);
	jsonlines_event(&b, now_ns, "info", "keys", "heartbeat");
	jsonlines_u64(&b, "uptime_s", clock_boot_ns() / NS_PER_S);
	buf_str(&b, "}\n");
	s->ship_wanted = true;
	queue_done(s, &b, now_ns);
	/* nine tenths, so that it has arrived when the interval is over */
	loop_timer_in(s->loop, &s->heartbeat, s->settings.log_interval_seconds * (NS_PER_S / 10 * 9));
}

/* The settings follow it: pump(). */
static void write_boot(struct logstream *s)
{
	uint64_t now_ns = clock_real_ns();
	s->boot_ns = now_ns;
	struct buf b = queue_line(s, LOGSTREAM_QUEUE);
	jsonlines_event(&b, now_ns, "info", "keys", "boot");
	buf_str(&b, "}\n");
	s->ship_wanted = true;
	s->queue[(s->first + s->count) % LOGSTREAM_QUEUE].settings = true;
	queue_done(s, &b, now_ns);
}

/* A process before this one wrote the boot's lines. */
static void write_restart(struct logstream *s, uint32_t life)
{
	uint64_t now_ns = clock_real_ns();
	struct buf b = queue_line(s, LOGSTREAM_QUEUE);
	jsonlines_event(&b, now_ns, "warn", "keys", "restarted");
	jsonlines_u64(&b, "life", life);
	buf_str(&b, "}\n");
	s->ship_wanted = true;
	queue_done(s, &b, now_ns);
}

bool logstream_opened(const struct logstream *s)
{
	return s->recorder.with.ops != NULL;
}

void logstream_open(struct logstream *s, const struct settings *settings, struct pool pool, uint32_t life)
{
	struct commit_resume at;
	s->settings = s->effective = *settings;
	/* what nobody configured is what IMDS says */
	if (!settings->appliance[0])
		memcpy(s->effective.appliance, s->identity->appliance, sizeof(s->effective.appliance));
	if (!settings->s3_region[0])
		memcpy(s->effective.s3_region, s->identity->region, sizeof(s->effective.s3_region));
	struct recorder_setup setup = {
		.loop = s->loop,
		.ops = &ops,
		.arg = s,
		.identity = s->identity,
		.settings = &s->settings,
		.pool = pool,
		.kind = OBJECT_LOG,
		.stream = "log",
		.raw_max = RAW_MAX,
	};
	recorder_init(&s->recorder, &setup);
	s->heartbeat = (struct loop_timer){.fn = beat, .arg = s};
	if (recorder_recover(&s->recorder, &at)) {
		recorder_announce(&s->recorder);
		write_restart(s, life);
	} else {
		write_boot(s);
	}
	s->settings.object_max_seconds = s->settings.log_interval_seconds;
	loop_timer_in(s->loop, &s->heartbeat, s->settings.log_interval_seconds * (NS_PER_S / 10 * 9));
}

static void close_now(struct logstream *s)
{
	const struct msg_totals *t = &s->totals;
	uint64_t now_ns = clock_real_ns();
	struct buf b = queue_line(s, LOGSTREAM_QUEUE);
	jsonlines_event(&b, now_ns, "info", "keys", "shutdown");
	jsonlines_u64(&b, "packets", t->packets);
	jsonlines_u64(&b, "lost", t->lost);
	jsonlines_u64(&b, "cut", t->cut);
	jsonlines_u64(&b, "filtered", t->filtered);
	jsonlines_u64(&b, "raw_bytes", t->raw_bytes);
	jsonlines_u64(&b, "shipped_bytes", t->size_bytes);
	jsonlines_u64(&b, "objects", t->objects);
	buf_str(&b, "}\n");
	s->ship_wanted = true;
	s->closing = true;
	queue_done(s, &b, now_ns);
	pump(s);
}

/* The last object lists all others of the stream: it waits until they are stored. */
static void close_when_shipped(struct logstream *s)
{
	if (s->close_wanted && !s->closing && recorder_shipped(&s->recorder))
		close_now(s);
}

void logstream_close(struct logstream *s, const struct msg_totals *totals)
{
	loop_timer_stop(s->loop, &s->heartbeat);
	s->totals = *totals;
	s->close_wanted = true;
	close_when_shipped(s);
}

void logstream_free(struct logstream *s, const struct msg_segment *m)
{
	recorder_free(&s->recorder, m);
	close_when_shipped(s);
}

void logstream_shipped(struct logstream *s, const struct msg_shipped *shipped)
{
	list_shipped(s, shipped);
	close_when_shipped(s);
}

bool logstream_closed(const struct logstream *s)
{
	return s->closing && s->count == 0 && s->recorder.phase == RECORDER_IDLE &&
	       recorder_shipped(&s->recorder);
}
