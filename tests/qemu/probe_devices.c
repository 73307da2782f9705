/* probe_devices: devices, file systems and files that the kernel does not have. */
#include "qemu/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void no_node(const char *what, mode_t kind, unsigned major, unsigned minor)
{
	unlink(PROBE_ROOM "/node");
	if (mknod(PROBE_ROOM "/node", kind | 0600, makedev(major, minor)))
		return probe_wrong("mknod");
	int fd = open(PROBE_ROOM "/node", O_RDWR | O_NONBLOCK);
	if (fd >= 0 || (errno != ENXIO && errno != ENODEV))
		probe_wrong(what);
	if (fd >= 0)
		close(fd);
}

void probe_memory_devices(void)
{
	no_node("/dev/mem", S_IFCHR, 1, 1);
	no_node("/dev/kmem", S_IFCHR, 1, 2);
	no_node("/dev/port", S_IFCHR, 1, 4);
	probe_absent("/dev/mem");
	probe_absent("/dev/port");
}

void probe_msr(void)
{
	no_node("/dev/cpu/0/msr", S_IFCHR, 202, 0);
	no_node("/dev/cpu/0/cpuid", S_IFCHR, 203, 0);
	probe_absent("/dev/cpu");
}

/* kvm, fuse, tun, uinput, loop, mcelog, a pseudo terminal, a virtual console */
void probe_other_devices(void)
{
	static const unsigned misc[] = {232, 229, 200, 223, 237, 227};
	for (size_t i = 0; i < sizeof(misc) / sizeof(misc[0]); i++)
		no_node("a device of major 10", S_IFCHR, 10, misc[i]);
	no_node("loop0", S_IFBLK, 7, 0);
	no_node("ptmx", S_IFCHR, 5, 2);
	no_node("tty1", S_IFCHR, 4, 1);
	no_node("a legacy pty", S_IFCHR, 2, 0);
}

static void no_filesystem(const char *type)
{
	errno = 0;
	if (mount("none", PROBE_AT, type, 0, NULL) == 0 || errno != ENODEV)
		probe_wrong(type);
	umount(PROBE_AT);
}

void probe_debugfs(void)
{
	no_filesystem("debugfs");
	no_filesystem("tracefs");
}

void probe_filesystems(void)
{
	static const char *const types[] = {"configfs", "binfmt_misc", "hugetlbfs", "overlay", "fuse",
					    "ext4",     "vfat",        "squashfs",  "nfs",     "cgroup2",
					    "mqueue",   "bpf",         "devpts",    "9p",      "iso9660",
					    "xfs",      "btrfs",       "autofs",    "virtiofs"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		no_filesystem(types[i]);
}

void probe_kcore(void)
{
	probe_absent("/proc/kcore");
	probe_absent("/proc/vmcore");
	probe_absent("/proc/config.gz");
	probe_absent("/proc/modules");
	probe_absent("/proc/sys/kernel/modprobe");
	probe_absent("/proc/self/pagemap");
}

void probe_sysrq(void)
{
	probe_absent("/proc/sysrq-trigger");
	probe_absent("/proc/sys/kernel/sysrq");
}

void probe_hibernation(void)
{
	if (mount("sysfs", PROBE_AT, "sysfs", 0, NULL))
		return probe_wrong("mount sysfs");
	probe_absent(PROBE_AT "/power/state");
	probe_absent(PROBE_AT "/power/disk");
	probe_absent(PROBE_AT "/kernel/kexec_loaded");
	probe_absent(PROBE_AT "/kernel/vmcoreinfo");
	umount(PROBE_AT);
}

static bool says(const char *path, const char *wanted)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return strstr(text, wanted) != NULL;
}

void probe_lockdown(void)
{
	if (mount("securityfs", PROBE_AT, "securityfs", 0, NULL))
		return probe_wrong("mount securityfs");
	if (!says(PROBE_AT "/lockdown", "[confidentiality]"))
		probe_wrong("lockdown");
	if (!says(PROBE_AT "/lsm", "lockdown") || !says(PROBE_AT "/lsm", "yama") ||
	    !says(PROBE_AT "/lsm", "landlock"))
		probe_wrong("lsm");
	umount(PROBE_AT);
}

/* Debian's patch refuses perf_event_open; lockdown would refuse what looks into the kernel. */
static int perf_open(void)
{
	struct {
		unsigned type, size;
		unsigned long long config, rest[14];
	} attr = {.type = 1, .size = 128, .config = 0};
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0UL) < 0 ? errno : 0;
}

void probe_perf(void)
{
	int code = probe_child(perf_open, true);
	errno = code;
	if (code != EACCES && code != EPERM)
		probe_wrong("perf_event_open");
}
