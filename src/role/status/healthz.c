#include "role/status/healthz.h"

#include <string.h>

#include "aws/json.h"

static const struct {
	const char *code, *text;
} reasons[HEALTH_REASONS] = {
	[HEALTH_BOOTING] = {"booting", "it was not armed yet"},
	[HEALTH_LEAVING] = {"leaving", "it is shutting down"},
	[HEALTH_CLOSED] = {"closed", "forwarding is closed"},
	[HEALTH_LINK] = {"link", "a link is down or can't be set up"},
	[HEALTH_WORKER] = {"worker", "a capture worker is not there, or late"},
	[HEALTH_SILENT] = {"silent", "init is silent"},
};

static void put_member(struct buf *b, const char *key, struct span value)
{
	json_put_string(b, span_str(key));
	buf_u8(b, ':');
	json_put_string(b, value);
}

/* The end of an array may not be marked in text from another process. */
static struct span text_of(const char *text, size_t cap)
{
	const char *end = memchr(text, 0, cap);
	return span_of(text, end ? (size_t)(end - text) : cap);
}

static void put_reasons(struct buf *b, const struct msg_health *h)
{
	bool first = true;
	for (uint32_t i = 0; i < HEALTH_REASONS; i++) {
		if (!(h->reasons >> i & 1))
			continue;
		buf_str(b, first ? "{" : ",{");
		put_member(b, "code", span_str(reasons[i].code));
		buf_u8(b, ',');
		bool told = i == HEALTH_CLOSED && h->closed_by[0];
		put_member(b, "text",
			   told ? text_of(h->closed_by, sizeof(h->closed_by)) : span_str(reasons[i].text));
		buf_u8(b, '}');
		first = false;
	}
}

static void put_steps(struct buf *b, const struct msg_health *h)
{
	bool first = true;
	for (uint32_t i = VERDICT_OK + 1; i < VERDICT_COUNT; i++) {
		const struct msg_step *s = &h->step[i];
		if (!s->told)
			continue;
		buf_str(b, first ? "\n{" : ",\n{");
		put_member(b, "code", span_str(msg_verdict_name((enum verdict_code)i)));
		buf_str(b, s->ok ? ",\"ok\":true," : ",\"ok\":false,");
		put_member(b, "text", text_of(s->text, sizeof(s->text)));
		buf_u8(b, '}');
		first = false;
	}
}

unsigned healthz_write(const struct msg_health *h, const char *version, struct buf *out)
{
	bool healthy = h->reasons == 0;
	buf_str(out, healthy ? "{\"healthy\":true," : "{\"healthy\":false,");
	put_member(out, "version", span_str(version));
	buf_str(out, ",\"reasons\":[");
	put_reasons(out, h);
	buf_str(out, "],\"steps\":[");
	put_steps(out, h);
	buf_str(out, "]}\n");
	return healthy ? 200 : 503;
}
