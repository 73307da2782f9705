#include "role/jsonlines.h"

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "os/clock.h"
#include "role/clocknote.h"

void jsonlines_key(struct buf *b, const char *key)
{
	buf_str(b, b->len && b->p[b->len - 1] != '{' ? "," : "");
	json_put_string(b, span_str(key));
	buf_u8(b, ':');
}

void jsonlines_text(struct buf *b, const char *key, const char *value)
{
	jsonlines_key(b, key);
	json_put_string(b, span_str(value));
}

void jsonlines_u64(struct buf *b, const char *key, uint64_t value)
{
	jsonlines_key(b, key);
	text_u64(b, value);
}

void jsonlines_hex(struct buf *b, const char *key, struct span bytes)
{
	jsonlines_key(b, key);
	buf_u8(b, '"');
	text_hex(b, bytes);
	buf_u8(b, '"');
}

void jsonlines_ip(struct buf *b, const char *key, const struct ip *a)
{
	jsonlines_key(b, key);
	buf_u8(b, '"');
	ip_text(b, a);
	buf_u8(b, '"');
}

void jsonlines_time(struct buf *b, const char *key, uint64_t real_ns)
{
	jsonlines_key(b, key);
	buf_u8(b, '"');
	time_rfc3339(b, real_ns);
	buf_u8(b, '"');
}

void jsonlines_sig(struct buf *b, const char *key, const struct object_meta *m)
{
	jsonlines_key(b, key);
	buf_u8(b, '"');
	if (m)
		object_put_sig(b, m);
	buf_u8(b, '"');
}

void jsonlines_event(struct buf *b, uint64_t real_ns, const char *level, const char *role, const char *event)
{
	buf_u8(b, '{');
	jsonlines_time(b, "time", real_ns);
	jsonlines_text(b, "level", level);
	jsonlines_text(b, "role", role);
	jsonlines_text(b, "event", event);
}

void jsonlines_object(struct buf *b, const char *role, const struct object_identity *id,
		      const struct object_meta *meta, const struct object_meta *prev,
		      const struct msg_clock *clock)
{
	struct clocknote note = clocknote(clock, clock_mono_ns());
	uint8_t boot[16];
	struct buf boot_hex = BUF_OF(boot);
	text_hex64(&boot_hex, id->boot);
	jsonlines_event(b, meta->first_ns, "info", role, "object");
	jsonlines_u64(b, "format", OBJECT_FORMAT);
	jsonlines_text(b, "appliance", id->appliance);
	jsonlines_key(b, "boot");
	json_put_string(b, buf_span(&boot_hex));
	jsonlines_text(b, "stream", meta->stream);
	jsonlines_u64(b, "seq", meta->seq);
	jsonlines_hex(b, "prev", span_of(meta->prev, sizeof(meta->prev)));
	jsonlines_sig(b, "prev_sig", prev);
	jsonlines_text(b, "instance", id->instance);
	jsonlines_text(b, "ami", id->ami);
	jsonlines_text(b, "version", version_text);
	jsonlines_hex(b, "image", span_of(id->image_sha256, 32));
	jsonlines_hex(b, "config", span_of(id->config_sha256, 32));
	jsonlines_text(b, "clock", note.source);
	jsonlines_text(b, "clock_error_ns", note.error_ns);
	jsonlines_text(b, "clock_smeared", note.smeared);
}
