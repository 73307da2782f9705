/* doctor: is this deployment right? */
#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "base/text.h"
#include "cli/credentials.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

static bool o_credentials, o_json;
static const char *o_instance;

static const struct option_row options[] = {
	{"--credentials", OPTION_FLAG, NULL, "show what the session was made of, and end: no secret is shown",
	 &o_credentials},
	{"--instance", OPTION_TEXT, "ID", "the appliance's instance; else by the tags of its stack",
	 &o_instance},
	{"--json", OPTION_FLAG, NULL, "one JSON object a line", &o_json},
	{NULL},
};

static void show(const char *name, const char *value)
{
	printf("%-12s %s\n", name, *value ? value : "-");
}

static enum exit_status show_endpoint(const char *service)
{
	struct endpoint e;
	bool custom;
	char text[300];
	struct buf b = BUF_OF(text);
	enum exit_status s = session_endpoint(service, NULL, &e, &custom);
	if (s)
		return s;
	bool plain = session_plain(service);
	buf_str(&b, plain ? "http://" : "https://");
	e.port = plain && e.port == 80 ? 443 : e.port; /* the usual one is not shown */
	endpoint_put_host(&b, &e);
	printf("%-12s %.*s\n", service, (int)b.len, text);
	return EXIT_DONE;
}

/* What was found where. Of the credentials, the id alone is no secret. */
static enum exit_status show_credentials(void)
{
	static const char *const services[] = {"s3", "kms", "sts", "ec2", "iam", "logs"};
	const struct session_names *n = session_names();
	const struct aws_credentials *c;
	enum exit_status s = session_credentials(false, clock_real_ns(), &c);
	if (s)
		return s;
	show("profile", say_text(span_str(profiles_name())));
	show("region", n->region);
	show("access-key", c->access_key_id);
	show("from", credentials_place());
	show("token", c->token[0] ? "yes" : "no");
	show("bucket", n->bucket);
	show("prefix", say_text(span_str(n->prefix)));
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]) && !s && n->region[0]; i++)
		s = show_endpoint(services[i]);
	return s ? s : say_out_done();
}

static enum exit_status run(char **operands)
{
	(void)operands;
	enum exit_status s = session_begin();
	if (s)
		return s;
	return show_credentials();
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "check the deployment, with a remedy for each finding",
	.text = "",
	.options = options,
	.common = session_options,
	.run = run,
};
