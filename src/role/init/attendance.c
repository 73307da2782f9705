#include "role/init/attendance.h"

bool attendance_records(const struct roster_child *c)
{
	return c->role == ROLE_CAPTURE || c->role == ROLE_FLOWS;
}

bool attendance_all_armed(const struct roster *r, const struct attendance of[ROSTER_MAX])
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (r->child[i].role == ROLE_CAPTURE && !of[i].armed)
			return false;
	return true;
}

bool attendance_all_drained(const struct roster *r, const struct attendance of[ROSTER_MAX])
{
	for (uint32_t i = 0; i < ROSTER_CHILDREN(r); i++)
		if (attendance_records(&r->child[i]) && !of[i].drained)
			return false;
	return true;
}

bool attendance_shipped(const struct roster_child *who, bool spool_drained, bool late)
{
	return (who->role == ROLE_UPLOAD && spool_drained) || (who->role == ROLE_SPOOL && late);
}
