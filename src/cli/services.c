#include "cli/services.h"

#include <stdio.h>
#include <string.h>

#include "aws/url.h"
#include "cli/env.h"
#include "cli/profiles.h"
#include "cli/say.h"

/* setting: the name in a profile's [services] section. */
static const struct {
	const char *name, *variable, *setting;
	enum endpoint_service service;
} services[] = {
	{"s3", "AWS_ENDPOINT_URL_S3", "s3/endpoint_url", ENDPOINT_S3},
	{"kms", "AWS_ENDPOINT_URL_KMS", "kms/endpoint_url", ENDPOINT_KMS},
	{"sts", "AWS_ENDPOINT_URL_STS", "sts/endpoint_url", ENDPOINT_STS},
	{"ec2", "AWS_ENDPOINT_URL_EC2", "ec2/endpoint_url", ENDPOINT_EC2},
	{"iam", "AWS_ENDPOINT_URL_IAM", "iam/endpoint_url", ENDPOINT_IAM},
	{"sso", "AWS_ENDPOINT_URL_SSO", "sso/endpoint_url", ENDPOINT_SSO},
	{"logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "cloudwatch_logs/endpoint_url", ENDPOINT_LOGS},
	{"monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH", "cloudwatch/endpoint_url", ENDPOINT_MONITORING},
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static struct {
	struct settings settings; /* of FIPS and dual-stack alone */
	struct {
		bool custom;
		struct url url;
	} of[SERVICES];
} g;

static bool is_true(const char *s)
{
	return span_ieq(span_str(s), SPAN("true"));
}

static bool is_set(const char *variable, const char *setting)
{
	char memory[64];
	const char *value = env_get(variable);
	if (value)
		return is_true(value);
	return profiles_get(profiles_name(), setting, memory, sizeof(memory)) && is_true(memory);
}

/* What this service's address is taken from; NULL: there is none. */
static const char *given(size_t i, char *memory, size_t cap, const char **where)
{
	*where = services[i].variable;
	if (env_get(*where))
		return env_get(*where);
	*where = "AWS_ENDPOINT_URL_LOGS";
	if (services[i].service == ENDPOINT_LOGS && env_get(*where))
		return env_get(*where);
	*where = "AWS_ENDPOINT_URL";
	if (env_get(*where))
		return env_get(*where);
	*where = services[i].setting;
	if (profiles_get_service(profiles_name(), *where, memory, cap) && memory[0])
		return memory;
	*where = "endpoint_url";
	return profiles_get(profiles_name(), *where, memory, cap) && memory[0] ? memory : NULL;
}

static enum exit_status take(size_t i, const char *text, const char *where)
{
	enum err e = url_read(span_str(text), false, &g.of[i].url);
	if (e || g.of[i].url.path.len != 1)
		return say(EXIT_NOT_SET_UP,
			   "%s is no address of a service: %s; it is http:// or https://, a host, "
			   "and perhaps a port",
			   where, say_text(span_str(text)));
	g.of[i].custom = true;
	return EXIT_DONE;
}

enum exit_status services_begin(const char *option)
{
	bool ignore = is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
	g.settings.endpoint_fips = is_set("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
	g.settings.endpoint_dualstack = is_set("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
	for (size_t i = 0; i < SERVICES; i++) {
		char memory[1024];
		const char *where = "--endpoint-url";
		const char *text = option ? option : ignore ? NULL : given(i, memory, sizeof(memory), &where);
		enum exit_status s = text ? take(i, text, where) : EXIT_DONE;
		if (s)
			return s;
	}
	return profiles_failed();
}

static size_t find(const char *service)
{
	size_t i = 0;
	while (i < SERVICES && strcmp(services[i].name, service) != 0)
		i++;
	ASSERT(i < SERVICES);
	return i;
}

enum exit_status services_endpoint(const char *service, const char *region, struct endpoint *out,
				   bool *custom)
{
	size_t i = find(service);
	*custom = g.of[i].custom;
	*out = g.of[i].url.at;
	if (*custom)
		return EXIT_DONE;
	enum err e = endpoint_of(&g.settings, services[i].service, span_str(region), out);
	return !e ? EXIT_DONE
		  : say(EXIT_NOT_SET_UP, "region %s: %s; its services can be named by --endpoint-url",
			say_text(span_str(region)), err_text(e));
}

bool services_plain(const char *service)
{
	size_t i = find(service);
	return g.of[i].custom && !g.of[i].url.tls;
}
