#include "os/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/syscall.h>
#include <unistd.h>

enum err watchdog_open(int timeout_s, int *fd)
{
	*fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT || errno == ENODEV ? ERR_NOT_FOUND : ERR_SYSTEM;
	/* it counts already: a descriptor is of use even if the device keeps a time of its own */
	/* the C libraries do not agree on the request's type */
	return syscall(SYS_ioctl, *fd, WDIOC_SETTIMEOUT, &timeout_s) ? ERR_SYSTEM : ERR_OK;
}

enum err watchdog_pet(int fd)
{
	return write(fd, "", 1) == 1 ? ERR_OK : ERR_SYSTEM;
}
