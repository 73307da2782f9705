#include "cli/credentials.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/places.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "os/terminal.h"

#define CHAIN_MAX 8 /* profiles that one leads to */
#define NAME_BYTES 256

struct place {
	const char *name; /* for messages */
	place_fn *find;
};

static place_fn assume_role;

static const struct place all_places[] = {
	{"environment", place_environment},
	{"role of the profile", assume_role},
	{"web identity", place_web_identity},
	{"single sign-on", place_single_sign_on},
	{"credentials file", place_credentials_file},
	{"aws login", place_login},
	{"credential_process", place_process},
	{"config file", place_config_file},
	{"container", place_container},
	{"instance metadata", place_instance},
};
/* Of a profile alone, that another one has named as its source. */
static const struct place source_places[] = {
	{"web identity", place_web_identity},         {"single sign-on", place_single_sign_on},
	{"credentials file", place_credentials_file}, {"aws login", place_login},
	{"credential_process", place_process},        {"config file", place_config_file},
};
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct {
	struct aws_credentials held; /* secret; access_key_id empty: none */
	const char *place;
	char chain[CHAIN_MAX + 1][NAME_BYTES]; /* profiles, each of which names the next as its source */
	unsigned roles;                        /* how many of them have a role */
} g;

static enum place_found search(const struct place *places, size_t count, struct place_search *s,
			       struct aws_credentials *out, const char **where)
{
	for (size_t i = 0; i < count; i++) {
		enum place_found found = places[i].find(s, out);
		*where = places[i].name;
		if (profiles_failed()) {
			s->why = profiles_failed();
			return PLACE_FAILED;
		}
		if (found != PLACE_EMPTY)
			return found;
	}
	return PLACE_EMPTY;
}

/* ---- roles */

struct role_settings {
	char arn[2100], source_profile[NAME_BYTES], credential_source[64];
	char session[65], external_id[1225], mfa_serial[257], duration_s[16];
};

static bool has_keys(const char *profile)
{
	return profiles_has(profile, "aws_access_key_id") || profiles_has(profile, "aws_secret_access_key");
}

static bool has_role(const char *profile)
{
	return profiles_has(profile, "role_arn") && !profiles_has(profile, "web_identity_token_file");
}

static bool is_in_chain(const char *profile)
{
	for (unsigned i = 0; i < g.roles; i++)
		if (!strcmp(g.chain[i], profile))
			return true;
	return false;
}

static void read_role(const char *profile, struct role_settings *r)
{
	const struct {
		const char *name;
		char *to;
		size_t cap;
	} rows[] = {
		{"role_arn", r->arn, sizeof(r->arn)},
		{"source_profile", r->source_profile, sizeof(r->source_profile)},
		{"credential_source", r->credential_source, sizeof(r->credential_source)},
		{"role_session_name", r->session, sizeof(r->session)},
		{"external_id", r->external_id, sizeof(r->external_id)},
		{"mfa_serial", r->mfa_serial, sizeof(r->mfa_serial)},
		{"duration_seconds", r->duration_s, sizeof(r->duration_s)},
	};
	uint64_t number;
	for (size_t i = 0; i < COUNT(rows); i++)
		(void)profiles_get(profile, rows[i].name, rows[i].to, rows[i].cap);
	if (text_read_u64(span_str(r->duration_s), UINT32_MAX, &number))
		r->duration_s[0] = 0; /* as botocore does with what is no number */
}

static enum place_found from_named_source(struct place_search *s, const char *source,
					  struct aws_credentials *out)
{
	static const struct place named[] = {
		{"Environment", place_environment},
		{"EcsContainer", place_container},
		{"Ec2InstanceMetadata", place_instance},
	};
	struct place_search here = *s;
	here.environment = true;
	for (size_t i = 0; i < COUNT(named); i++) {
		if (strcmp(named[i].name, source) != 0)
			continue;
		enum place_found found = named[i].find(&here, out);
		s->why = here.why;
		return found != PLACE_EMPTY ? found
					    : PLACE_FAIL(s, EXIT_NOT_SET_UP,
							 "credential_source %s of profile %s has no "
							 "credentials",
							 source, say_text(span_str(s->profile)));
	}
	return PLACE_FAIL(s, EXIT_NOT_SET_UP,
			  "credential_source of profile %s must be Environment, Ec2InstanceMetadata or "
			  "EcsContainer: %s",
			  say_text(span_str(s->profile)), say_text(span_str(source)));
}

static enum place_found check_source(struct place_search *s, const char *source)
{
	const char *profile = say_text(span_str(s->profile)), *shown = say_text(span_str(source));
	if (!profiles_there(source))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "profile %s names source_profile %s, which is not there", profile, shown);
	if (!is_in_chain(source) || (!strcmp(source, s->profile) && has_keys(source)))
		return PLACE_FOUND;
	return PLACE_FAIL(s, EXIT_NOT_SET_UP,
			  "source_profile %s of profile %s leads back to where it came from", shown, profile);
}

/* Of a profile that has no role, or keys beside it. */
static enum place_found from_source_profile(struct place_search *s, const char *source,
					    struct aws_credentials *out)
{
	struct place_search there = {.profile = source, .now_ns = s->now_ns};
	const char *where;
	enum place_found found = search(source_places, COUNT(source_places), &there, out, &where);
	s->why = there.why;
	if (found != PLACE_EMPTY)
		return found;
	return PLACE_FAIL(s, EXIT_NOT_SET_UP, "source_profile %s has no credentials",
			  say_text(span_str(source)));
}

/* From the chain's first profile on: the credentials that the last role is asked for with. */
static enum place_found follow_chain(struct place_search *s, struct role_settings *r,
				     struct aws_credentials *out)
{
	for (;;) {
		s->profile = g.chain[g.roles - 1];
		read_role(s->profile, r);
		if (!*r->source_profile == !*r->credential_source)
			return PLACE_FAIL(s, EXIT_NOT_SET_UP,
					  "profile %s has a role_arn and must have one of source_profile and "
					  "credential_source beside it",
					  say_text(span_str(s->profile)));
		if (*r->credential_source)
			return from_named_source(s, r->credential_source, out);
		if (check_source(s, r->source_profile) == PLACE_FAILED)
			return PLACE_FAILED;
		char *next = g.chain[g.roles];
		snprintf(next, NAME_BYTES, "%s", r->source_profile);
		if (has_keys(next) || !has_role(next))
			return from_source_profile(s, next, out);
		if (g.roles == CHAIN_MAX)
			return PLACE_FAIL(s, EXIT_NOT_SET_UP, "profile %s: more than %d roles lead to it",
					  say_text(span_str(next)), CHAIN_MAX);
		g.roles++;
	}
}

/* Asks for the code that belongs to the serial, then asks STS. */
static enum place_found ask_for_role(struct place_search *s, const struct role_settings *r,
				     const struct aws_credentials *signer, struct aws_credentials *out)
{
	char session[65], code[32], question[320];
	struct sts_role role = {.arn = r->arn,
				.session = r->session,
				.external_id = *r->external_id ? r->external_id : NULL,
				.mfa_serial = *r->mfa_serial ? r->mfa_serial : NULL,
				.duration_s = *r->duration_s ? r->duration_s : NULL};
	if (!*r->session) {
		snprintf(session, sizeof(session), "sealtap-%llu",
			 (unsigned long long)(s->now_ns / NS_PER_S));
		role.session = session;
	}
	if (role.mfa_serial) {
		snprintf(question, sizeof(question), "MFA code for %s: ", say_text(span_str(r->mfa_serial)));
		enum err e = terminal_ask(question, code, sizeof(code));
		if (e)
			return PLACE_FAIL(s, EXIT_NOT_SET_UP,
					  "profile %s wants the code of %s: there is no terminal to ask at, "
					  "or none was given",
					  say_text(span_str(s->profile)), say_text(span_str(r->mfa_serial)));
		role.mfa_code = code;
	}
	enum place_found found = place_ask_sts(s, &role, signer, out);
	wipe(code, sizeof(code));
	return found;
}

static enum place_found assume_role(struct place_search *s, struct aws_credentials *out)
{
	struct role_settings r;
	struct aws_credentials signer;
	struct place_search here = *s;
	if (!has_role(s->profile))
		return PLACE_EMPTY;
	snprintf(g.chain[0], NAME_BYTES, "%s", s->profile);
	g.roles = 1;
	enum place_found found = follow_chain(&here, &r, out);
	while (found == PLACE_FOUND && g.roles) {
		signer = *out;
		here.profile = g.chain[--g.roles];
		read_role(here.profile, &r);
		found = ask_for_role(&here, &r, &signer, out);
	}
	wipe(&signer, sizeof(signer));
	s->why = here.why;
	return found;
}

/* ---- what is held */

static enum exit_status nothing_found(void)
{
	return say(EXIT_NOT_SET_UP,
		   "no credentials: not in the environment (AWS_ACCESS_KEY_ID), in profile %s of %s and %s, "
		   "at a container's endpoint or the instance's metadata service%s. `aws configure` or "
		   "`aws sso login` gives some",
		   say_text(span_str(profiles_name())),
		   say_text(span_str(profiles_path(PROFILES_CREDENTIALS))),
		   say_text(span_str(profiles_path(PROFILES_CONFIG))),
		   profiles_by_option() ? " (with --profile the environment does not count)" : "");
}

static enum exit_status find_new(uint64_t now_ns, struct aws_credentials *out)
{
	struct place_search s = {
		.profile = profiles_name(), .environment = !profiles_by_option(), .now_ns = now_ns};
	switch (search(all_places, COUNT(all_places), &s, out, &g.place)) {
	case PLACE_FOUND:
		return EXIT_DONE;
	case PLACE_FAILED:
		return s.why;
	default:
		return nothing_found();
	}
}

/* refused: those that are held were called expired. */
static enum exit_status renew(uint64_t now_ns, bool refused)
{
	struct aws_credentials found;
	memset(&found, 0, sizeof(found));
	enum exit_status s = g.held.access_key_id[0] ? profiles_reload() : profiles_failed();
	if (!s)
		s = find_new(now_ns, &found);
	bool same = !s && equal_ct((uint8_t *)found.token, (uint8_t *)g.held.token, sizeof(found.token)) &&
		    !strcmp(found.access_key_id, g.held.access_key_id);
	if (!s && (found.expires_ns <= now_ns || (refused && same)))
		s = say(EXIT_TRY_AGAIN,
			"the credentials (%s) have expired: get new ones, by `aws sso login` or as you got "
			"these",
			g.place);
	if (!s)
		g.held = found;
	wipe(&found, sizeof(found));
	return s;
}

enum exit_status credentials_get(bool force_new, uint64_t now_ns, const struct aws_credentials **c)
{
	bool held = g.held.access_key_id[0], lasting = held && g.held.expires_ns > now_ns;
	*c = &g.held;
	if (!force_new && lasting && g.held.expires_ns - now_ns > CREDENTIALS_MARGIN_NS)
		return EXIT_DONE;
	enum exit_status s = renew(now_ns, force_new && held);
	return s && lasting && !force_new ? EXIT_DONE : s;
}

const char *credentials_place(void)
{
	return g.place;
}

void credentials_wipe(void)
{
	wipe(&g.held, sizeof(g.held));
}
