/* Credentials of a role by single sign-on (IAM Identity Center): for the token that `aws sso login` has
 * left in ~/.aws/sso/cache, in a file named by the SHA-1 of the session's name, or of the start URL.
 * Source: AWS SSO portal API reference, GetRoleCredentials; botocore's tokens. */
#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/env.h"
#include "cli/exchange.h"
#include "cli/places.h"
#include "cli/profiles.h"
#include "cli/session.h"
#include "lib/sha.h"
#include "os/file.h"

#define SSO_TIMEOUT_MS 20000

struct sso {
	char start_url[512], region[32], account[32], role[128], session[256];
	char token[8192], expires[64]; /* token: secret */
};

static uint8_t memory[32768], head_memory[16384]; /* secret */

/* ERR_NOT_FOUND: the profile is not one of single sign-on. ERR_MISSING: *missing. */
static enum err read_settings(const char *profile, struct sso *o, const char **missing)
{
	const struct {
		const char *name;
		char *to;
		size_t cap;
	} rows[] = {
		{"sso_account_id", o->account, sizeof(o->account)},
		{"sso_role_name", o->role, sizeof(o->role)},
		{"sso_start_url", o->start_url, sizeof(o->start_url)},
		{"sso_region", o->region, sizeof(o->region)},
	};
	if (!profiles_has(profile, "sso_account_id") && !profiles_has(profile, "sso_role_name"))
		return ERR_NOT_FOUND;
	(void)profiles_get(profile, "sso_session", o->session, sizeof(o->session));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*missing = rows[i].name;
		if (!profiles_get_sso(profile, rows[i].name, rows[i].to, rows[i].cap))
			return ERR_MISSING;
	}
	return ERR_OK;
}

static enum err read_token(struct sso *o)
{
	char path[1024];
	uint8_t digest[SHA1_BYTES];
	struct buf b = BUF_OF(path);
	size_t len;
	const char *home = env_get("HOME");
	sha1_of(span_str(*o->session ? o->session : o->start_url), digest);
	buf_str(&b, home ? home : "~");
	buf_str(&b, "/.aws/sso/cache/");
	text_hex(&b, span_of(digest, sizeof(digest)));
	buf_str(&b, ".json");
	if (!buf_cstr(&b))
		return ERR_TOO_LONG;
	TRY(file_read(path, memory, sizeof(memory), &len));
	TRY(json_find_text(span_of(memory, len), "accessToken", o->token, sizeof(o->token)));
	TRY(json_find_text(span_of(memory, len), "expiresAt", o->expires, sizeof(o->expires)));
	return text_is_printable(span_str(o->token)) ? ERR_OK : ERR_SYNTAX;
}

/* "2026-01-02T03:04:05Z", or with "UTC" for the Z as older versions wrote it. */
static bool is_expired(const struct sso *o, uint64_t now_ns)
{
	char text[64];
	uint64_t at_ns;
	struct span s = span_str(o->expires);
	if (span_ends(s, SPAN("UTC")))
		s.len -= 3;
	snprintf(text, sizeof(text), "%.*s%s", (int)s.len, o->expires, s.len < strlen(o->expires) ? "Z" : "");
	return time_read_zoned(span_str(text), &at_ns) || at_ns <= now_ns;
}

/* The AWS command line renews a token of an [sso-session] by itself, for as long as the session lasts. */
static enum place_found expired(struct place_search *s, const struct sso *o)
{
	const char *profile = say_text(span_str(s->profile));
	if (!*o->session)
		return PLACE_FAIL(s, EXIT_TRY_AGAIN, "single sign-on has expired: aws sso login --profile %s",
				  profile);
	return PLACE_FAIL(s, EXIT_TRY_AGAIN,
			  "the token of single sign-on has expired: aws sts get-caller-identity --profile %s "
			  "renews it while the session lasts, then aws sso login --profile %s",
			  profile, profile);
}

static enum err put_head(const struct sso *o, const struct endpoint *e, struct buf *head)
{
	char target_text[1024], host_text[300];
	struct buf target = BUF_OF(target_text), host = BUF_OF(host_text);
	buf_str(&target, "/federation/credentials?role_name=");
	text_percent(&target, span_str(o->role));
	buf_str(&target, "&account_id=");
	text_percent(&target, span_str(o->account));
	TRY(buf_err(&target));
	endpoint_put_host(&host, e);
	http1_request_line(head, "GET", buf_span(&target));
	http1_header(head, "Host", buf_span(&host));
	http1_header(head, "x-amz-sso_bearer_token", span_str(o->token));
	http1_header(head, "User-Agent", SPAN("sealtap"));
	http1_head_end(head);
	return buf_err(head);
}

static enum place_found answered(struct place_search *s, const struct sso *o, const struct exchange *x,
				 struct aws_credentials *out)
{
	const char *profile = say_text(span_str(s->profile));
	unsigned status = x->response->status;
	if (status == 401)
		return PLACE_FAIL(s, EXIT_TRY_AGAIN, "single sign-on has ended: aws sso login --profile %s",
				  profile);
	if (status != 200)
		return PLACE_FAIL(
			s, status / 100 == 5 ? EXIT_UNAVAILABLE : EXIT_DENIED,
			"single sign-on gives profile %s nothing of role %s in account %s: it answers %u",
			profile, say_text(span_str(o->role)), say_text(span_str(o->account)), status);
	enum err e = creds_read_sso(x->answer, out);
	return e ? PLACE_FAIL(s, EXIT_UNAVAILABLE,
			      "what single sign-on gives profile %s is no credentials: %s", profile,
			      err_text(e))
		 : PLACE_FOUND;
}

static enum place_found ask(struct place_search *s, const struct sso *o, struct aws_credentials *out)
{
	struct endpoint e;
	struct buf head = BUF_OF(head_memory);
	bool custom;
	s->why = session_endpoint("sso", o->region, &e, &custom);
	if (s->why)
		return PLACE_FAILED;
	if (put_head(o, &e, &head))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "profile %s: its settings of single sign-on are too long",
				  say_text(span_str(s->profile)));
	struct exchange x = {.host = e.host,
			     .port = e.port,
			     .tls = !session_plain("sso"),
			     .head = buf_span(&head),
			     .timeout_ms = SSO_TIMEOUT_MS,
			     .to = memory,
			     .to_bytes = sizeof(memory)};
	enum err failed = exchange_run(&x);
	if (failed)
		return PLACE_FAIL(s, failed == ERR_MISSING ? EXIT_NOT_SET_UP : EXIT_UNAVAILABLE,
				  "can't ask %s for credentials: %s: %s", e.host, x.where, x.why);
	return answered(s, o, &x, out);
}

enum place_found place_single_sign_on(struct place_search *s, struct aws_credentials *out)
{
	static struct sso o;
	const char *missing, *profile = say_text(span_str(s->profile));
	memset(&o, 0, sizeof(o));
	enum err e = read_settings(s->profile, &o, &missing);
	if (e == ERR_NOT_FOUND)
		return PLACE_EMPTY;
	if (e)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "profile %s is one of single sign-on, but has no %s",
				  profile, missing);
	e = read_token(&o);
	enum place_found found;
	if (e)
		found = PLACE_FAIL(
			s, EXIT_NOT_SET_UP,
			"profile %s wants single sign-on: aws sso login --profile %s (its token: %s)",
			profile, profile, err_text(e));
	else
		found = is_expired(&o, s->now_ns) ? expired(s, &o) : ask(s, &o, out);
	wipe(&o, sizeof(o));
	wipe(memory, sizeof(memory));
	wipe(head_memory, sizeof(head_memory));
	return found;
}
