/* doctor: is this deployment right? */
#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "base/text.h"
#include "cli/credentials.h"
#include "cli/doctor_tell.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

static bool o_credentials, o_json;
static const char *o_instance;

static const struct option_row options[] = {
	{"--credentials", OPTION_FLAG, NULL, "show who you are, and found where; no secret; then end",
	 &o_credentials},
	{"--instance", OPTION_TEXT, "ID", "the appliance's instance; else by its tag Name", &o_instance},
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

/* From the outside in: who asks, the instance and its network, its configuration, and then what that
 * names. */
static enum exit_status examine(void)
{
	static struct doctor d;
	const struct aws_credentials *c;
	enum exit_status s = session_credentials(false, clock_real_ns(), &c);
	if (s)
		return s;
	doctor_tell_begin(o_json);
	s = session_caller(&d.caller_arn, &d.account);
	if (s)
		return s; /* this needs no permission: the credentials are no good */
	doctor_tell(DOCTOR_OK, DOCTOR_CALLER, "", "%s, by %s", d.caller_arn, credentials_place());
	doctor_instance(&d, o_instance);
	if (*d.instance) {
		doctor_user_data(&d);
		doctor_verdict(&d);
		doctor_routes(&d);
		doctor_groups(&d);
		doctor_role(&d);
	}
	doctor_bucket(&d);
	doctor_key(&d);
	return doctor_tell_end();
}

static enum exit_status run(char **operands)
{
	(void)operands;
	enum exit_status s = session_begin();
	if (s)
		return s;
	return o_credentials ? show_credentials() : examine();
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "check the deployment on AWS: each finding with a remedy",
	.text = "Looks, with your credentials, at the appliance's instance, interfaces, routes,\n"
		"security groups, configuration, console and role, at its bucket and its key.\n"
		"It changes nothing. Each finding is ok, a warning or a problem, with what was\n"
		"found, why it matters and a remedy. What you may not look at is a warning that\n"
		"names the permission. Conditions of policies are not judged.\n"
		"\n"
		"The instance is the one whose tag Name is, or ends with, the name given by\n"
		"--appliance; else, begins with sealtap.\n"
		"\n"
		"Exit status: 0 all is ok, 1 there are warnings, 2 there are problems.\n"
		"\n"
		"  sealtap doctor --appliance sealtap-1\n"
		"  sealtap doctor --instance i-0123456789abcdef0 --json\n"
		"  sealtap doctor --credentials        who am I to AWS, and from where?\n",
	.options = options,
	.common = session_options,
	.run = run,
};
