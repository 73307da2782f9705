#include "role/init/roles.h"

#include <string.h>

#include "role/capture/capture.h"
#include "role/flows/flows.h"
#include "role/keys/keys.h"
#include "role/net/net.h"
#include "role/spool/spool.h"
#include "role/status/status.h"
#include "role/upload/upload.h"

static const struct role *const roles[ROLE_COUNT] = {
	[ROLE_NET] = &role_net,         [ROLE_KEYS] = &role_keys,     [ROLE_UPLOAD] = &role_upload,
	[ROLE_SPOOL] = &role_spool,     [ROLE_STATUS] = &role_status, [ROLE_FLOWS] = &role_flows,
	[ROLE_CAPTURE] = &role_capture,
};

const struct role *roles_get(enum role_id id)
{
	ASSERT(id > ROLE_INIT && id < ROLE_COUNT);
	return roles[id];
}

const struct role *roles_named(const char *name)
{
	for (uint32_t i = ROLE_INIT + 1; i < ROLE_COUNT; i++)
		if (strcmp(name, msg_role_name((enum role_id)i)) == 0)
			return roles[i];
	return NULL;
}

bool roles_talk(enum role_id a, enum role_id b)
{
	return roles_get(a)->peers[b] != NULL;
}
