/* The places on this machine: environment, files, a program. */
#include "cli/places.h"

#include <string.h>

#include "aws/words.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/env.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "os/run.h"

#define PROCESS_WORDS 64

/* Three parts of one place; any may be NULL. */
static enum err take(const char *id, const char *secret, const char *session, struct aws_credentials *out)
{
	memset(out, 0, sizeof(*out));
	out->expires_ns = CREDS_FOR_GOOD;
	TRY(creds_copy(span_str(id ? id : ""), out->access_key_id, sizeof(out->access_key_id)));
	TRY(creds_copy(span_str(secret ? secret : ""), out->secret, sizeof(out->secret)));
	return session && *session ? creds_copy(span_str(session), out->token, sizeof(out->token)) : ERR_OK;
}

enum place_found place_environment(struct place_search *s, struct aws_credentials *out)
{
	const char *id = env_get("AWS_ACCESS_KEY_ID"), *secret = env_get("AWS_SECRET_ACCESS_KEY");
	const char *older = env_get("AWS_SECURITY_TOKEN"), *expires = env_get("AWS_CREDENTIAL_EXPIRATION");
	if (!s->environment || !id)
		return PLACE_EMPTY;
	if (!secret)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (take(id, secret, older ? older : env_get("AWS_SESSION_TOKEN"), out))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN: "
				  "too long, or with blanks or control characters in it");
	if (expires && time_read_zoned(span_str(expires), &out->expires_ns))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "AWS_CREDENTIAL_EXPIRATION is no time: %s",
				  say_text(span_str(expires)));
	return PLACE_FOUND;
}

static enum place_found keys_of(struct place_search *s, enum profiles_file file, struct aws_credentials *out)
{
	char id[256], secret[256], session[sizeof(out->token)];
	if (!profiles_get_from(file, s->profile, "aws_access_key_id", id, sizeof(id)))
		return PLACE_EMPTY;
	(void)profiles_get_from(file, s->profile, "aws_secret_access_key", secret, sizeof(secret));
	if (!profiles_get_from(file, s->profile, "aws_security_token", session, sizeof(session)))
		(void)profiles_get_from(file, s->profile, "aws_session_token", session, sizeof(session));
	enum err e = take(id, secret, session, out);
	wipe(secret, sizeof(secret));
	wipe(session, sizeof(session));
	if (!e)
		return PLACE_FOUND;
	return PLACE_FAIL(s, EXIT_NOT_SET_UP,
			  "profile %s of %s: aws_access_key_id, aws_secret_access_key or "
			  "aws_session_token: %s",
			  say_text(span_str(s->profile)), say_text(span_str(profiles_path(file))),
			  err_text(e));
}

enum place_found place_credentials_file(struct place_search *s, struct aws_credentials *out)
{
	return keys_of(s, PROFILES_CREDENTIALS, out);
}

enum place_found place_config_file(struct place_search *s, struct aws_credentials *out)
{
	return keys_of(s, PROFILES_CONFIG, out);
}

enum place_found place_login(struct place_search *s, struct aws_credentials *out)
{
	(void)out;
	const char *profile = say_text(span_str(s->profile));
	if (!profiles_has(s->profile, "login_session"))
		return PLACE_EMPTY;
	return PLACE_FAIL(
		s, EXIT_NOT_SET_UP,
		"profile %s gets its credentials by aws login, which sealtap does not do itself. Run: "
		"aws login --profile %s && eval \"$(aws configure export-credentials --profile %s "
		"--format env)\" and "
		"then sealtap without --profile and AWS_PROFILE",
		profile, profile, profile);
}

/* Words of the line, terminated one after the other in memory. */
static enum err split(struct span line, struct buf *memory, char **argv)
{
	for (size_t i = 0;; i++) {
		argv[i] = (char *)memory->p + memory->len;
		enum err e = words_next(&line, memory);
		if (e == ERR_NOT_FOUND) {
			argv[i] = NULL;
			return i ? ERR_OK : ERR_MISSING;
		}
		TRY(e);
		buf_u8(memory, 0);
		TRY(i + 1 == PROCESS_WORDS ? ERR_TOO_LONG : buf_err(memory));
	}
}

static enum place_found printed(struct place_search *s, struct span json, int status, const char *program,
				struct aws_credentials *out)
{
	if (status == 127)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "credential_process of profile %s: can't run %s",
				  say_text(span_str(s->profile)), say_text(span_str(program)));
	if (status)
		return PLACE_FAIL(s, EXIT_DENIED, "credential_process of profile %s: %s ended with status %d",
				  say_text(span_str(s->profile)), say_text(span_str(program)), status);
	enum err e = creds_read_process(json, out);
	if (!e)
		return PLACE_FOUND;
	return PLACE_FAIL(s, EXIT_NOT_SET_UP,
			  "credential_process of profile %s: what %s printed is not credentials in JSON, "
			  "Version 1: %s",
			  say_text(span_str(s->profile)), say_text(span_str(program)), err_text(e));
}

enum place_found place_process(struct place_search *s, struct aws_credentials *out)
{
	static char line[4096], memory[sizeof(line) + PROCESS_WORDS];
	static uint8_t answer[16384]; /* secret */
	char *argv[PROCESS_WORDS + 1];
	struct buf words = BUF_OF(memory);
	size_t len = 0;
	int status = 0;
	if (!profiles_get(s->profile, "credential_process", line, sizeof(line)))
		return PLACE_EMPTY;
	enum err e = split(span_str(line), &words, argv);
	if (e)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "credential_process of profile %s is no command line: %s",
				  say_text(span_str(s->profile)), err_text(e));
	e = run_read(argv, answer, sizeof(answer), &len, &status);
	enum place_found found =
		e ? PLACE_FAIL(s, EXIT_NOT_SET_UP, "credential_process of profile %s: %s: %s",
			       say_text(span_str(s->profile)), say_text(span_str(argv[0])), err_text(e))
		  : printed(s, span_of(answer, len), status, argv[0], out);
	wipe(answer, sizeof(answer));
	return found;
}
