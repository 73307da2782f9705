#include "role/init/stage1.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

/* A broken image is not mended by starting it again: power off, and leave time for a console log to be read.
 */
#define PAUSE_S 15

_Noreturn static void fail(const char *step)
{
	dprintf(STDERR_FILENO, "sealtap: first stage: %s: %s; powering off\n", step, strerror(errno));
	sleep(PAUSE_S);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void must(int rc, const char *step)
{
	if (rc)
		fail(step);
}

_Noreturn void stage1_main(void)
{
	must(mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755"), "mount /dev");
	/* Nodes can be written to all the same, and the kernel goes on making them. */
	must(mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL),
	     "make /dev read-only");
	must(mount("/root.erofs", "/newroot", "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL),
	     "mount the root");
	must(mount("/dev", "/newroot/dev", NULL, MS_MOVE, NULL), "move /dev");
	/* The mount keeps the image itself alive; nothing else of the initramfs has a use. */
	must(unlink("/root.erofs"), "remove /root.erofs");
	must(unlink("/init"), "remove /init");
	must(chdir("/newroot"), "enter the root");
	/* pivot_root(2) refuses to leave the initial ramfs; covering its root does the same. */
	must(mount(".", "/", NULL, MS_MOVE, NULL), "move the root");
	must(chroot("."), "change root");
	must(chdir("/"), "enter /");
	execl("/init", "/init", (char *)NULL);
	fail("execute /init");
}
