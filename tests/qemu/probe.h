/* probe: what the release kernel lets PID 1 do, from inside the booted image (probe.c). */
#ifndef SEALTAP_TESTS_QEMU_PROBE_H
#define SEALTAP_TESTS_QEMU_PROBE_H

#include <stdbool.h>

#define PROBE_ROOM "/run" /* a tmpfs of the probe's own, once the tree was looked through */
#define PROBE_AT PROBE_ROOM "/at"

/* The probe that runs has failed, with errno. */
void probe_wrong(const char *what);
/* There is nothing of this name. */
void probe_absent(const char *path);
/* What a child that does `fn` ends with: its exit status, or 1000 + the signal. */
int probe_child(int (*fn)(void), bool as_stranger);

/* probe_devices.c */
void probe_memory_devices(void);
void probe_msr(void);
void probe_other_devices(void);
void probe_debugfs(void);
void probe_filesystems(void);
void probe_kcore(void);
void probe_sysrq(void);
void probe_hibernation(void);
void probe_lockdown(void);
void probe_perf(void);

/* probe_programs.c */
void probe_user_namespaces(void);
void probe_sockets(void);
void probe_af_alg(void);
void probe_ia32(void);
void probe_vsyscall(void);
void probe_scripts(void);
void probe_memfd(void);
void probe_coredump(void);
void probe_tracing(void);
void probe_low_memory(void);
void probe_proc_mem(void);
void probe_tiocsti(void);
void probe_addresses(void);

#endif
