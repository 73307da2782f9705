/* roles: all there are, by their tables (role/role.h). init's and main's. */
#ifndef SEALTAP_ROLE_INIT_ROLES_H
#define SEALTAP_ROLE_INIT_ROLES_H

#include "role/role.h"

/* Of any role but init; static. */
const struct role *roles_get(enum role_id id);
/* NULL: there is none of that name (msg_role_name). */
const struct role *roles_named(const char *name);
/* They have a channel to each other: their tables name it, both do. */
bool roles_talk(enum role_id a, enum role_id b);

#endif
