#include "os/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>

enum err secret_guard(void)
{
	if (prctl(PR_SET_DUMPABLE, 0))
		trap();
	return mlockall(MCL_CURRENT | MCL_ONFAULT) ? ERR_SYSTEM : ERR_OK;
}
