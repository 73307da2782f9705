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

/* ---- answers whose parts need not be there, or are numbers */

enum part { PART_ID, PART_SECRET, PART_TOKEN, PART_EXPIRES, PART_VERSION, PARTS };

struct parts {
	char memory[PARTS][sizeof(((struct aws_credentials *)0)->token)]; /* secret */
	struct buf text[PARTS];
	struct json_wanted wanted[PARTS];
};

static enum err read_parts(struct span json, const char *const *names, struct parts *p)
{
	struct json_reader r;
	for (size_t i = 0; i < PARTS; i++) {
		p->text[i] = BUF_OF(p->memory[i]);
		p->wanted[i] = (struct json_wanted){.path = names[i], .string = &p->text[i], .scalar = true};
	}
	json_begin(&r, p->wanted, PARTS);
	TRY(json_feed(&r, json));
	TRY(json_end(&r));
	for (size_t i = 0; i < PARTS; i++) {
		enum err e = p->wanted[i].result;
		if (e && e != ERR_MISSING)
			return e == ERR_FULL ? ERR_TOO_LONG : e;
	}
	return ERR_OK;
}

static enum err take_keys(const struct parts *p, struct aws_credentials *c)
{
	TRY(creds_copy(buf_span(&p->text[PART_ID]), c->access_key_id, sizeof(c->access_key_id)));
	return creds_copy(buf_span(&p->text[PART_SECRET]), c->secret, sizeof(c->secret));
}

static enum err read_process(struct span json, struct parts *p, struct aws_credentials *c)
{
	static const char *const names[PARTS] = {"AccessKeyId", "SecretAccessKey", "SessionToken",
						 "Expiration", "Version"};
	TRY(read_parts(json, names, p));
	struct span version = buf_span(&p->text[PART_VERSION]), session = buf_span(&p->text[PART_TOKEN]);
	struct span expires = buf_span(&p->text[PART_EXPIRES]);
	if (!span_eq(version, SPAN("1")))
		return version.len ? ERR_UNSUPPORTED : ERR_MISSING;
	TRY(take_keys(p, c));
	if (session.len)
		TRY(creds_copy(session, c->token, sizeof(c->token)));
	c->expires_ns = CREDS_FOR_GOOD;
	return expires.len ? time_read_zoned(expires, &c->expires_ns) : ERR_OK;
}

/* Milliseconds since 1970. */
static enum err read_sso(struct span json, struct parts *p, struct aws_credentials *c)
{
	static const char *const names[PARTS] = {"roleCredentials/accessKeyId",
						 "roleCredentials/secretAccessKey",
						 "roleCredentials/sessionToken", "roleCredentials/expiration",
						 "none"};
	TRY(read_parts(json, names, p));
	TRY(take_keys(p, c));
	TRY(creds_copy(buf_span(&p->text[PART_TOKEN]), c->token, sizeof(c->token)));
	if (!p->text[PART_EXPIRES].len)
		return ERR_MISSING;
	TRY(text_read_u64(buf_span(&p->text[PART_EXPIRES]), UINT64_MAX / NS_PER_MS, &c->expires_ns));
	c->expires_ns *= NS_PER_MS;
	return ERR_OK;
}

static enum err read_whole(struct span json,
			   enum err (*read)(struct span, struct parts *, struct aws_credentials *),
			   struct aws_credentials *out)
{
	struct aws_credentials c;
	struct parts p;
	memset(&c, 0, sizeof(c));
	enum err e = read(json, &p, &c);
	if (!e)
		*out = c;
	wipe(&c, sizeof(c));
	wipe(&p, sizeof(p));
	return e;
}

enum err creds_read_process(struct span json, struct aws_credentials *out)
{
	return read_whole(json, read_process, out);
}

enum err creds_read_sso(struct span json, struct aws_credentials *out)
{
	return read_whole(json, read_sso, out);
}

bool creds_due(const struct aws_credentials *c, uint64_t now_ns)
{
	return !c->access_key_id[0] || c->expires_ns < CREDS_REFRESH_NS ||
	       now_ns >= c->expires_ns - CREDS_REFRESH_NS;
}
