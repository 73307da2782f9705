#include "os/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static enum err open_setting(const char *path, int flags, int *fd)
{
	char full[128];
	int len = snprintf(full, sizeof(full), "/proc/sys/%s", path);
	if (len < 0 || len >= (int)sizeof(full))
		return ERR_TOO_LONG;
	*fd = open(full, flags | O_CLOEXEC);
	if (*fd >= 0)
		return ERR_OK;
	return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_SYSTEM;
}

enum err sysctl_read_u64(const char *path, uint64_t *value)
{
	char text[24];
	int fd;
	TRY(open_setting(path, O_RDONLY, &fd));
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return ERR_SYSTEM;
	n -= text[n - 1] == '\n';
	return text_read_u64(span_of(text, (size_t)n), UINT64_MAX, value);
}

enum err sysctl_write(const char *path, const char *value)
{
	int fd;
	TRY(open_setting(path, O_WRONLY, &fd));
	size_t n = strlen(value);
	ssize_t written = write(fd, value, n);
	int code = errno;
	close(fd);
	if (written == (ssize_t)n)
		return ERR_OK;
	return written < 0 && (code == EPERM || code == EACCES) ? ERR_DENIED : ERR_SYSTEM;
}
