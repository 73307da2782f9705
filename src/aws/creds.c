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

bool creds_due(const struct aws_credentials *c, uint64_t now_ns)
{
	return !c->access_key_id[0] || c->expires_ns < CREDS_REFRESH_NS ||
	       now_ns >= c->expires_ns - CREDS_REFRESH_NS;
}
