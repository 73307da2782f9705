#include "os/pstore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

static void read_record(int folder, const char *name, void (*each)(void *arg, struct span record), void *arg)
{
	uint8_t bytes[PSTORE_RECORD_BYTES];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return;
	ssize_t n = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (n > 0)
		each(arg, span_of(bytes, (size_t)n));
}

enum err pstore_take_in(const char *folder, void (*each)(void *arg, struct span record), void *arg,
			uint32_t *count)
{
	bool stuck = false;
	*count = 0;
	DIR *d = opendir(folder);
	if (!d)
		return ERR_SYSTEM;
	for (struct dirent *e = readdir(d); e && *count < PSTORE_RECORDS_MAX; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		read_record(dirfd(d), e->d_name, each, arg);
		stuck |= unlinkat(dirfd(d), e->d_name, 0) != 0;
		++*count;
	}
	closedir(d);
	return stuck ? ERR_DEVICE : ERR_OK;
}

enum err pstore_take(const char *at, void (*each)(void *arg, struct span record), void *arg, uint32_t *count)
{
	*count = 0;
	if (mount("pstore", at, "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return errno == ENODEV ? ERR_NOT_FOUND : ERR_SYSTEM;
	enum err e = pstore_take_in(at, each, arg, count);
	if (umount(at) && !e)
		e = ERR_SYSTEM;
	return e;
}
