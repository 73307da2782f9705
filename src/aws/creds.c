#include "aws/creds.h"

#include <string.h>

#include "aws/json.h"
#include "base/bytes.h"
#include "base/text.h"
#include "base/time.h"

/* Each must be there and able to stand in a header. */
static enum err read_member(struct span json, const char *name, char *out, size_t cap)
{
	TRY(json_find_text(json, name, out, cap));
	struct span s = span_str(out);
	return s.len && text_is_printable(s) && span_find(s, ' ') == s.len ? ERR_OK : ERR_SYNTAX;
}

static enum err read_code(struct span json, char code[64])
{
	TRY(json_find_text(json, "Code", code, 64));
	if (!text_is_printable(span_str(code)) || !code[0]) {
		code[0] = 0;
		return ERR_SYNTAX;
	}
	if (!span_eq(span_str(code), SPAN("Success")))
		return ERR_REFUSED;
	code[0] = 0;
	return ERR_OK;
}

static enum err read_all(struct span json, struct aws_credentials *c)
{
	char expires[40];
	TRY(read_member(json, "AccessKeyId", c->access_key_id, sizeof(c->access_key_id)));
	TRY(read_member(json, "SecretAccessKey", c->secret, sizeof(c->secret)));
	TRY(read_member(json, "Token", c->token, sizeof(c->token)));
	TRY(json_find_text(json, "Expiration", expires, sizeof(expires)));
	return time_read_rfc3339(span_str(expires), &c->expires_ns);
}

enum err creds_read(struct span json, struct aws_credentials *out, char code[64])
{
	struct aws_credentials c;
	memset(&c, 0, sizeof(c));
	TRY(read_code(json, code));
	enum err e = read_all(json, &c);
	if (!e)
		*out = c;
	wipe(&c, sizeof(c));
	return e;
}

enum err creds_read_container(struct span json, struct aws_credentials *out)
{
	struct aws_credentials c;
	memset(&c, 0, sizeof(c));
	enum err e = read_all(json, &c);
	if (!e)
		*out = c;
	wipe(&c, sizeof(c));
	return e;
}

enum err creds_copy(struct span part, char *out, size_t cap)
{
	if (!part.len)
		return ERR_MISSING;
	if (part.len >= cap)
		return ERR_TOO_LONG;
	if (!text_is_printable(part) || span_find(part, ' ') < part.len)
		return ERR_SYNTAX;
	memcpy(out, part.p, part.len);
	out[part.len] = 0;
	return ERR_OK;
}

enum process_member {
	PROCESS_VERSION,
	PROCESS_ID,
	PROCESS_SECRET,
	PROCESS_TOKEN,
	PROCESS_EXPIRES,
	PROCESS_MEMBERS
};

static enum err take_process(const struct json_wanted *w, struct aws_credentials *c)
{
	for (size_t i = 0; i < PROCESS_MEMBERS; i++) {
		bool may_miss = i == PROCESS_TOKEN || i == PROCESS_EXPIRES;
		enum err e = w[i].result == ERR_FULL ? ERR_TOO_LONG : w[i].result;
		TRY(may_miss && e == ERR_MISSING ? ERR_OK : e);
	}
	if (!span_eq(buf_span(w[PROCESS_VERSION].string), SPAN("1")))
		return ERR_UNSUPPORTED;
	TRY(creds_copy(buf_span(w[PROCESS_ID].string), c->access_key_id, sizeof(c->access_key_id)));
	TRY(creds_copy(buf_span(w[PROCESS_SECRET].string), c->secret, sizeof(c->secret)));
	struct span session = buf_span(w[PROCESS_TOKEN].string),
		    expires = buf_span(w[PROCESS_EXPIRES].string);
	if (session.len)
		TRY(creds_copy(session, c->token, sizeof(c->token)));
	c->expires_ns = CREDS_FOR_GOOD;
	return expires.len ? time_read_zoned(expires, &c->expires_ns) : ERR_OK;
}

static enum err read_process(struct span json, struct json_wanted *w, struct aws_credentials *c)
{
	struct json_reader r;
	json_begin(&r, w, PROCESS_MEMBERS);
	TRY(json_feed(&r, json));
	TRY(json_end(&r));
	return take_process(w, c);
}

enum err creds_read_process(struct span json, struct aws_credentials *out)
{
	static const char *const names[PROCESS_MEMBERS] = {"Version", "AccessKeyId", "SecretAccessKey",
							   "SessionToken", "Expiration"};
	char memory[PROCESS_MEMBERS][sizeof(out->token)];
	struct buf text[PROCESS_MEMBERS];
	struct json_wanted wanted[PROCESS_MEMBERS];
	struct aws_credentials c;
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < PROCESS_MEMBERS; i++) {
		text[i] = BUF_OF(memory[i]);
		wanted[i] = (struct json_wanted){.path = names[i], .string = &text[i], .scalar = true};
	}
	enum err e = read_process(json, wanted, &c);
	if (!e)
		*out = c;
	wipe(&c, sizeof(c));
	wipe(memory, sizeof(memory));
	return e;
}

bool creds_due(const struct aws_credentials *c, uint64_t now_ns)
{
	return !c->access_key_id[0] || c->expires_ns < CREDS_REFRESH_NS ||
	       now_ns >= c->expires_ns - CREDS_REFRESH_NS;
}
