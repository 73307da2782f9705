#include "role/trouble.h"

#include "check.h"
#include "logged.h"

static struct settings settings;
static struct http1_response response;

static struct trouble unanswered(enum err e)
{
	struct https_result r = {.err = e, .where = "connect", .why = err_text(e), .response = &response};
	return trouble_unanswered(&r);
}

static void tells_of_fips(void)
{
	struct trouble t;
	settings.endpoint_fips = 1;
	t = trouble_unresolved(ERR_NOT_FOUND, &settings);
	CHECK(strstr(t.remedy, "this region may have no FIPS endpoint") && t.level == LOG_WARN);
	t = trouble_unresolved(ERR_TIMEOUT, &settings); /* that says nothing about the name */
	CHECK(!strcmp(t.remedy, "check the VPC's DNS"));
	settings.endpoint_fips = 0;
	t = trouble_unresolved(ERR_NOT_FOUND, &settings);
	CHECK(!strcmp(t.remedy, "check the VPC's DNS") && !strcmp(t.what, "name not resolved"));
}

static void final_ones_are_alarms(void)
{
	struct fault f;
	struct https_result r = {.response = &response};
	fault_clear(&f);
	CHECK(trouble_unsigned(ERR_MISSING).level == LOG_WARN);
	CHECK(trouble_unsigned(ERR_DENIED).level == LOG_ALARM);
	CHECK(unanswered(ERR_TIMEOUT).level == LOG_WARN && unanswered(ERR_RESET).level == LOG_WARN);
	CHECK(unanswered(ERR_CERTIFICATE).level == LOG_ALARM);
	CHECK(unanswered(ERR_CLOCK).level == LOG_ALARM && strstr(unanswered(ERR_CLOCK).remedy, "clock"));
	CHECK(trouble_refused(&f, &r, false).level == LOG_WARN);
	CHECK(trouble_refused(&f, &r, true).level == LOG_ALARM);
	CHECK(!strcmp(trouble_refused(&f, &r, true).what, "refused"));
}

/* The log line of it. */
static struct span logged(const struct trouble *t)
{
	log_begin(t->level, "put-failed");
	trouble_log(t);
	log_end();
	return logged_span();
}

static void names_the_request(void)
{
	struct fault f = {.code = "AccessDenied", .message = "no", .remedy = "let it"};
	struct https_result r = {.response = &response};
	char line[64];
	strcpy(response.request_id, "4442587FB7D0A2F9");
	struct trouble t = trouble_refused(&f, &r, true);
	CHECK_SPAN(logged(&t), SPAN("alarm upload put-failed what=AccessDenied request_id=4442587FB7D0A2F9 "
				    "remedy=\"let it\" why=no"));
	trouble_line(&t, "PutObject", "s3.example", line, sizeof(line));
	CHECK(!strcmp(line, "PutObject at s3.example: AccessDenied; let it; said: no"));
	trouble_line(&t, "PutObject", "s3.example", line, 20);
	CHECK(!strcmp(line, "PutObject at s3.exa"));
	t = unanswered(ERR_TIMEOUT); /* what an earlier answer said is not of this request */
	CHECK_SPAN(logged(&t), SPAN("warn upload put-failed what=connect remedy=\"trying again\" "
				    "why=\"no answer in time\""));
}

static void an_outage_is_told_of_ever_less_often(void)
{
	unsigned said = 0;
	for (uint64_t tries = 1; tries <= 8; tries++)
		CHECK(trouble_worth_saying(tries));
	for (uint64_t tries = 9; tries <= 1000; tries++)
		said += trouble_worth_saying(tries);
	CHECK(said == 6 && trouble_worth_saying(512) && !trouble_worth_saying(513));
}

int main(void)
{
	logged_begin("upload");
	RUN(tells_of_fips, "a FIPS endpoint that the DNS knows nothing of: the region may have none");
	RUN(final_ones_are_alarms,
	    "a failure that a person has to mend is an alarm, one that passes a warning");
	RUN(names_the_request, "a refusal is logged with AWS's request id, its remedy and what was said");
	RUN(an_outage_is_told_of_ever_less_often,
	    "of an outage's failures the first 8 are told, then each power of two");
	return check_done();
}
