#include "os/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>

enum err secret_guard(bool lock)
{
	if (prctl(PR_SET_DUMPABLE, 0))
		trap();
	return lock && mlockall(MCL_CURRENT | MCL_ONFAULT) ? ERR_SYSTEM : ERR_OK;
}
