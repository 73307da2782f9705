#include "os/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum err sysctl_write(const char *path, const char *value)
{
	char full[128];
	int len = snprintf(full, sizeof(full), "/proc/sys/%s", path);
	if (len < 0 || len >= (int)sizeof(full))
		return ERR_TOO_LONG;
	int fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT                     ? ERR_NOT_FOUND
		       : errno == EACCES || errno == EPERM ? ERR_DENIED
							   : ERR_SYSTEM;
	size_t n = strlen(value);
	ssize_t written = write(fd, value, n);
	int code = errno;
	close(fd);
	if (written == (ssize_t)n)
		return ERR_OK;
	return written < 0 && (code == EPERM || code == EACCES) ? ERR_DENIED : ERR_SYSTEM;
}
