#include "lib/tls_resume.h"

#include <string.h>

enum err tls_resume_begin(struct tls_resume *r, const struct tls_anchors *anchors, const char *server_name,
			  uint64_t unix_time_s, bool *may)
{
	size_t len = strlen(server_name);
	if (len == 0 || len > TLS_NAME_MAX)
		return ERR_RANGE;
	*may = r->has_session && r->anchors == anchors && strcmp(r->name, server_name) == 0 &&
	       unix_time_s >= r->verified_s && unix_time_s - r->verified_s <= TLS_RESUME_MAX_S;
	if (!*may)
		r->verified_s = unix_time_s;
	r->anchors = anchors;
	r->begun_s = unix_time_s;
	memmove(r->name, server_name, len + 1);
	return ERR_OK;
}
