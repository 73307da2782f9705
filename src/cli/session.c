#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/credentials.h"
#include "cli/env.h"
#include "cli/places.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "cli/services.h"
#include "os/clock.h"

static struct {
	/* options */
	const char *profile, *region, *endpoint_url, *ca_bundle, *bucket, *appliance;
	struct session_names names;
	char ca_path[4096];
} g;

const struct option_row session_options[] = {
	{"--profile", OPTION_TEXT, "NAME",
	 "profile of ~/.aws/config and ~/.aws/credentials (else AWS_PROFILE)", &g.profile},
	{"--region", OPTION_TEXT, "REGION", "else AWS_REGION, or the profile's", &g.region},
	{"--endpoint-url", OPTION_TEXT, "URL",
	 "instead of AWS's addresses (else AWS_ENDPOINT_URL and the like)", &g.endpoint_url},
	{"--ca-bundle", OPTION_FILE, "FILE", "whose certificates are trusted (else AWS_CA_BUNDLE)",
	 &g.ca_bundle},
	{"--bucket", OPTION_TEXT, "BUCKET[/PREFIX]", "else SEALTAP_BUCKET, or the profile's sealtap_bucket",
	 &g.bucket},
	{"--appliance", OPTION_TEXT, "NAME", "of this appliance alone", &g.appliance},
	{"--key", OPTION_FILE, "KEYFILE", "the data key, or the raw AES key that wraps it; else KMS is asked",
	 (void *)&g.names.key_file},
	{"--quiet", OPTION_FLAG, NULL, "no remarks", &g.names.quiet},
	{NULL},
};

/* The first that says something: an option, the environment, the profile. */
static const char *say_where(const char *name, const char *option, const char *const *variables,
			     const char *setting, char *memory, size_t cap, const char **where)
{
	*where = name;
	if (option)
		return option;
	for (; *variables; variables++) {
		*where = *variables;
		if (env_get(*variables))
			return env_get(*variables);
	}
	*where = setting;
	return setting && profiles_get(profiles_name(), setting, memory, cap) && memory[0] ? memory : NULL;
}

static enum exit_status find_region(void)
{
	static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
	struct endpoint_partition partition;
	char memory[64];
	const char *where;
	const char *region =
		say_where("--region", g.region, variables, "region", memory, sizeof(memory), &where);
	if (!region)
		return EXIT_DONE;
	if (endpoint_partition_of(span_str(region), &partition) == ERR_SYNTAX)
		return say(EXIT_NOT_SET_UP, "%s names no region: %s; one is \"eu-central-1\"", where,
			   say_text(span_str(region)));
	snprintf(g.names.region, sizeof(g.names.region), "%s", region);
	return EXIT_DONE;
}

static bool is_bucket(struct span s)
{
	if (s.len < 3 || s.len > 63)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return true;
}

static enum exit_status find_bucket(void)
{
	static const char *const variables[] = {"SEALTAP_BUCKET", NULL};
	char memory[256];
	const char *where;
	const char *text =
		say_where("--bucket", g.bucket, variables, "sealtap_bucket", memory, sizeof(memory), &where);
	struct span prefix = span_str(text ? text : "");
	if (span_starts(prefix, SPAN("s3://")))
		prefix = span_from(prefix, 5);
	struct span bucket = span_cut(&prefix, '/');
	while (prefix.len && prefix.p[0] == '/')
		prefix = span_from(prefix, 1);
	while (prefix.len && prefix.p[prefix.len - 1] == '/')
		prefix.len--;
	if (!text)
		return EXIT_DONE;
	if (!is_bucket(bucket) || !text_is_utf8(prefix) || prefix.len >= sizeof(g.names.prefix))
		return say(EXIT_NOT_SET_UP, "%s is no BUCKET or BUCKET/PREFIX: %s", where,
			   say_text(span_str(text)));
	snprintf(g.names.bucket, sizeof(g.names.bucket), "%.*s", (int)bucket.len, (const char *)bucket.p);
	snprintf(g.names.prefix, sizeof(g.names.prefix), "%.*s", (int)prefix.len, (const char *)prefix.p);
	return EXIT_DONE;
}

static enum exit_status find_appliance(void)
{
	if (!g.appliance)
		return EXIT_DONE;
	struct span name = span_str(g.appliance);
	if (!name.len || name.len >= sizeof(g.names.appliance) || !text_is_unreserved(name))
		return say(EXIT_WRONG_USAGE, "--appliance: %s is no appliance's name", say_text(name));
	snprintf(g.names.appliance, sizeof(g.names.appliance), "%s", g.appliance);
	return EXIT_DONE;
}

static enum exit_status find_ca_bundle(void)
{
	static const char *const variables[] = {"AWS_CA_BUNDLE", NULL};
	char memory[4096];
	const char *where, *home = env_get("HOME");
	const char *path =
		say_where("--ca-bundle", g.ca_bundle, variables, "ca_bundle", memory, sizeof(memory), &where);
	bool at_home = path && home && path[0] == '~' && path[1] == '/';
	snprintf(g.ca_path, sizeof(g.ca_path), "%s%s", at_home ? home : "", path ? path + at_home : "");
	return EXIT_DONE;
}

static void wipe_secrets(void)
{
	credentials_wipe();
	profiles_wipe();
}

enum exit_status session_begin(void)
{
	static enum exit_status (*const steps[])(void) = {find_region, find_bucket, find_appliance,
							  find_ca_bundle, profiles_failed};
	atexit(wipe_secrets);
	say_quiet(g.names.quiet);
	enum exit_status s = profiles_begin(g.profile);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !s; i++)
		s = steps[i]();
	return s ? s : services_begin(g.endpoint_url);
}

const struct session_names *session_names(void)
{
	return &g.names;
}

const char *session_ca_bundle(void)
{
	return g.ca_path[0] ? g.ca_path : NULL;
}

enum exit_status session_caller(const char **arn, const char **account)
{
	static struct sts_caller caller;
	const struct aws_credentials *c;
	enum exit_status s = EXIT_DONE;
	for (unsigned tried = 0; tried < 2 && !caller.arn[0]; tried++) {
		s = session_credentials(tried > 0, clock_real_ns(), &c);
		if (!s)
			s = place_ask_caller(c, clock_real_ns(), &caller);
		if (s != EXIT_TRY_AGAIN)
			break; /* else STS calls them expired */
	}
	*arn = caller.arn;
	*account = caller.account;
	return s;
}

enum exit_status session_credentials(bool force_new, uint64_t now_ns, const struct aws_credentials **c)
{
	return credentials_get(force_new, now_ns, c);
}

enum exit_status session_endpoint(const char *service, const char *region, struct endpoint *out, bool *custom)
{
	const char *in = region && region[0] ? region : g.names.region;
	if (in[0])
		return services_endpoint(service, in, out, custom);
	return say(EXIT_NOT_SET_UP,
		   "no region is known: neither --region, AWS_REGION or AWS_DEFAULT_REGION, nor "
		   "region in profile %s of %s",
		   say_text(span_str(profiles_name())), say_text(span_str(profiles_path(PROFILES_CONFIG))));
}

bool session_plain(const char *service)
{
	return services_plain(service);
}
