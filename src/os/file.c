#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

static enum err why(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	default:
		return ERR_SYSTEM;
	}
}

static enum err read_all(int fd, uint8_t *to, size_t cap, size_t *len)
{
	uint8_t more;
	for (*len = 0;;) {
		bool full = *len == cap;
		ssize_t n = read(fd, full ? &more : to + *len, full ? 1 : cap - *len);
		if (n == 0)
			return ERR_OK;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		if (full)
			return ERR_TOO_LONG;
		*len += (size_t)n;
	}
}

enum err file_read(const char *path, void *to, size_t cap, size_t *len)
{
	*len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return why();
	enum err e = read_all(fd, to, cap, len);
	int kept = errno;
	close(fd);
	errno = kept;
	return e;
}
