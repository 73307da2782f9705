#include "role/trouble.h"

#include <stdio.h>

struct trouble trouble_unresolved(enum err e, const struct settings *s)
{
	/* where the DNS knows of no such name, it may be that there is none */
	bool none = e == ERR_NOT_FOUND && s->endpoint_fips;
	return (struct trouble){
		.level = LOG_WARN,
		.what = "name not resolved",
		.why = err_text(e),
		.remedy =
			none ? "this region may have no FIPS endpoint; see AWS's list, or endpoint.fips = no"
			     : "check the VPC's DNS",
		.request_id = "",
	};
}

struct trouble trouble_unsigned(enum err e)
{
	bool waiting = e == ERR_MISSING;
	return (struct trouble){
		.level = waiting ? LOG_WARN : LOG_ALARM,
		.what = "not signed",
		.why = err_text(e),
		.remedy = waiting ? "waiting for credentials"
				  : "report it: what was to be signed is none of this appliance's",
		.request_id = "",
	};
}

struct trouble trouble_unanswered(const struct https_result *r)
{
	bool foreign = r->err == ERR_CERTIFICATE, clock = r->err == ERR_CLOCK;
	return (struct trouble){
		.level = foreign || clock ? LOG_ALARM : LOG_WARN,
		.what = r->where,
		.why = r->why,
		.remedy = foreign ? "check what answers at that name"
			  : clock ? "set the machine's clock"
				  : "trying again",
		.request_id = "",
	};
}

struct trouble trouble_refused(const struct fault *f, const struct https_result *r, bool final)
{
	return (struct trouble){
		.level = final ? LOG_ALARM : LOG_WARN,
		.what = f->code[0] ? f->code : "refused",
		.why = f->message,
		.remedy = f->remedy,
		.request_id = r->response->request_id,
	};
}

bool trouble_worth_saying(uint64_t tries)
{
	return tries <= 8 || (tries & (tries - 1)) == 0;
}

void trouble_line(const struct trouble *t, const char *call, const char *host, char *out, size_t cap)
{
	/* what the service says comes last: it is what may be cut off */
	snprintf(out, cap, "%s at %.80s: %s; %s%s%s", call, host, t->what, t->remedy,
		 *t->why ? "; said: " : "", t->why);
}

void trouble_log(const struct trouble *t)
{
	log_str("what", t->what);
	if (*t->request_id)
		log_str("request_id", t->request_id);
	log_str("remedy", t->remedy);
	log_str("why", t->why);
}
