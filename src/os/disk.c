#include "os/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES (4u * 1024 * 1024)
#define STALL_S 10

/* Of a call on an open disk: the kernel has many names for a device that fails. */
static enum err failure(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_DEVICE;
}

/* ---- faults that are acted out */

enum fault { FAULT_NONE, FAULT_EIO, FAULT_NO_SPACE, FAULT_SHORT };

static enum fault fault_of(const struct disk *d, const char *op)
{
	static const struct span words[] = {
		[FAULT_EIO] = {(const uint8_t *)"eio", 3},
		[FAULT_NO_SPACE] = {(const uint8_t *)"nospace", 7},
		[FAULT_SHORT] = {(const uint8_t *)"short", 5},
	};
	uint8_t line[32];
	ssize_t n = d->faults < 0 ? 0 : pread(d->faults, line, sizeof(line), 0);
	if (n <= 0)
		return FAULT_NONE;
	struct span rest = span_of(line, (size_t)n), first = span_cut(&rest, '\n');
	struct span which = span_cut(&first, ' ');
	if (!span_eq(which, span_str(op)) && !span_eq(which, SPAN("any")))
		return FAULT_NONE;
	if (span_eq(first, SPAN("stall")))
		nanosleep(&(struct timespec){.tv_sec = STALL_S}, NULL);
	for (size_t i = FAULT_EIO; i <= FAULT_SHORT; i++)
		if (span_eq(first, words[i]))
			return (enum fault)i;
	return FAULT_NONE;
}

/* Half of *len is moved before a short call's failure. */
static enum err act_out(enum fault f, size_t *len)
{
	if (f == FAULT_SHORT)
		*len /= 2;
	return f == FAULT_NONE ? ERR_OK : f == FAULT_NO_SPACE ? ERR_NO_SPACE : ERR_DEVICE;
}

/* ---- calls */

enum err disk_read(const struct disk *d, uint64_t at, void *p, size_t len)
{
	enum err fault = act_out(fault_of(d, "read"), &len);
	if (fault)
		return fault;
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(d->fd, (uint8_t *)p + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? failure() : ERR_RANGE;
		done += (size_t)n;
	}
	return ERR_OK;
}

enum err disk_write(const struct disk *d, uint64_t at, struct span bytes)
{
	enum fault f = fault_of(d, "write");
	enum err fault = act_out(f, &bytes.len);
	if (fault && f != FAULT_SHORT)
		return fault;
	while (bytes.len) {
		size_t part = bytes.len < CHUNK_BYTES ? bytes.len : CHUNK_BYTES;
		ssize_t n = pwrite(d->fd, bytes.p, part, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failure();
		if (n == 0)
			return ERR_NO_SPACE;
		at += (uint64_t)n;
		bytes = span_from(bytes, (size_t)n);
	}
	return fault;
}

enum err disk_sync(const struct disk *d)
{
	size_t none = 0;
	TRY(act_out(fault_of(d, "sync"), &none));
	return fdatasync(d->fd) ? failure() : ERR_OK;
}

enum err disk_size(const struct disk *d, uint64_t *bytes)
{
	off_t end = lseek(d->fd, 0, SEEK_END);
	if (end < 0)
		return failure();
	*bytes = (uint64_t)end;
	return ERR_OK;
}

enum err disk_reserve(const struct disk *d)
{
	struct stat st;
	if (fstat(d->fd, &st))
		return failure();
	if (S_ISREG(st.st_mode) && posix_fallocate(d->fd, 0, st.st_size))
		return ERR_NO_SPACE;
	return ERR_OK;
}

enum err disk_open(const char *path, int *fd)
{
	struct stat st;
	if (stat(path, &st))
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	bool device = S_ISBLK(st.st_mode);
	if (!device && !S_ISREG(st.st_mode))
		return ERR_UNSUPPORTED;
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (device ? O_EXCL : 0));
	if (*fd < 0)
		return errno == EBUSY ? ERR_CONFLICT : ERR_SYSTEM;
	if (device || flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	close(*fd);
	return ERR_CONFLICT;
}
