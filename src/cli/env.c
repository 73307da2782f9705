#include "cli/env.h"

#include <stdlib.h>

const char *env_get(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : (const char *)0;
}

const char *env_proxy(void)
{
	const char *name = env_get("HTTPS_PROXY") ? "HTTPS_PROXY" : "https_proxy";
	return env_get(name) ? name : (const char *)0;
}
