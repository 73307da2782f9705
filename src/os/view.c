#include "os/view.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INERT (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define ROOT_OPTIONS "mode=0555,size=4k,nr_inodes=16" /* folders alone are made there */

/* Each folder on the way to path, under the new root: full names it then. */
static bool make_folders(const char *path, char full[128])
{
	int len = snprintf(full, 128, "%s%s", VIEW_AT, path);
	if (len < 0 || len >= 128)
		return false;
	char *at = full + sizeof(VIEW_AT);
	do {
		char *end = strchr(at, '/');
		if (end)
			*end = 0;
		if (mkdir(full, 0555) && errno != EEXIST)
			return false;
		if (end)
			*end = '/';
		at = end ? end + 1 : NULL;
	} while (at);
	return true;
}

static bool keep(const char *path)
{
	char full[128];
	return make_folders(path, full) && mount(path, full, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, full, NULL, MS_REMOUNT | MS_BIND | INERT, NULL) == 0;
}

enum err view_enter(const char *const *keeps)
{
	/* private: what is mounted and unmounted from here on is nobody else's matter */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("view", VIEW_AT, "tmpfs", INERT, ROOT_OPTIONS))
		return ERR_SYSTEM;
	for (; keeps && *keeps; keeps++)
		if (!keep(*keeps))
			return ERR_SYSTEM;
	/* the old root comes to lie on the new one, and is taken off with all that was mounted in it */
	if (mount(NULL, VIEW_AT, NULL, MS_REMOUNT | MS_RDONLY | INERT, ROOT_OPTIONS) || chdir(VIEW_AT) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return ERR_SYSTEM;
	return ERR_OK;
}
