#include "os/nvme.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define SYS "/sys"

/* NVMe base specification, Identify Controller: 20 bytes, padded with blanks; a volume id has a dash more. */
#define SERIAL_CAP 24
#define NAME_CAP 32

/* Without the padding, and a volume id without its dash. */
static void plain_serial(const char *text, char out[SERIAL_CAP])
{
	size_t len = strcspn(text, "\n"), n = 0;
	while (len && text[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len && n < SERIAL_CAP - 1; i++)
		if (i != 3 || text[i] != '-' || strncmp(text, "vol", 3) != 0)
			out[n++] = text[i];
	out[n] = 0;
}

static bool has_serial(int controller, const char *wanted)
{
	char text[64], serial[SERIAL_CAP];
	int fd = openat(controller, "serial", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	plain_serial(text, serial);
	return wanted[0] && strcmp(serial, wanted) == 0;
}

/* stem, then a number and nothing else. */
static bool is_numbered(const char *name, const char *stem)
{
	size_t len = strlen(stem);
	if (strncmp(name, stem, len) != 0)
		return false;
	size_t digits = strspn(name + len, "0123456789");
	return digits && !name[len + digits] && len + digits < NAME_CAP;
}

static DIR *open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	return d;
}

/* How many entries `<parent><letter><number>` the directory <parent> in `at` has; the last one's name. */
static unsigned children(int at, const char *parent, char letter, char last[NAME_CAP])
{
	char stem[NAME_CAP + 2];
	unsigned count = 0;
	DIR *d = open_dir(at, parent);
	if (!d)
		return 0; /* detached just now */
	snprintf(stem, sizeof(stem), "%s%c", parent, letter);
	for (struct dirent *e; (e = readdir(d));)
		if (is_numbered(e->d_name, stem)) {
			memcpy(last, e->d_name, strlen(e->d_name) + 1);
			count++;
		}
	closedir(d);
	return count;
}

/* Adds the controller's disks, if it is the one; *denied: the last of them has partitions. */
static unsigned disks_of(int class, const char *controller, const char *serial, char disk[NAME_CAP],
			 bool *denied)
{
	char partition[NAME_CAP];
	int fd = openat(class, controller, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	unsigned count = has_serial(fd, serial) ? children(class, controller, 'n', disk) : 0;
	if (count)
		*denied = children(fd, disk, 'p', partition) > 0;
	close(fd);
	return count;
}

enum err nvme_find_in(const char *sys, const char *serial, char *path, size_t cap)
{
	char where[256], wanted[SERIAL_CAP], disk[NAME_CAP];
	unsigned count = 0;
	bool denied = false;
	plain_serial(serial, wanted);
	int len = snprintf(where, sizeof(where), "%s/class/nvme", sys);
	if (len < 0 || len >= (int)sizeof(where))
		return ERR_TOO_LONG;
	DIR *class = open_dir(AT_FDCWD, where);
	if (!class)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	for (struct dirent *e; (e = readdir(class));)
		if (is_numbered(e->d_name, "nvme"))
			count += disks_of(dirfd(class), e->d_name, wanted, disk, &denied);
	closedir(class);
	if (count != 1)
		return count ? ERR_CONFLICT : ERR_NOT_FOUND;
	if (denied)
		return ERR_DENIED;
	if (strlen(disk) + sizeof("/dev/") > cap)
		return ERR_FULL;
	snprintf(path, cap, "/dev/%s", disk);
	return ERR_OK;
}

enum err nvme_find(const char *serial, char *path, size_t cap)
{
	bool mounted = access(SYS "/class", F_OK) == 0;
	if (!mounted && mount("sysfs", SYS, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return ERR_SYSTEM;
	enum err e = nvme_find_in(SYS, serial, path, cap);
	if (!mounted && umount2(SYS, MNT_DETACH) && !e)
		e = ERR_SYSTEM;
	return e;
}
