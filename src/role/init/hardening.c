#include "role/init/hardening.h"

#include "base/text.h"
#include "os/log.h"
#include "os/sysctl.h"
#include "role/init/machine.h"

static const struct {
	const char *name, *value, *why;
} settings[] = {
	{"kernel/kptr_restrict", "2",
	 "no file of /proc or /sys tells an address of the kernel, not even to root"},
	{"kernel/dmesg_restrict", "1", "the kernel's log has addresses and names of devices"},
	{"kernel/perf_event_paranoid", "3", "the processor's counters tell of other processes' secrets"},
	{"kernel/randomize_va_space", "2", "stack, mappings and heap lie elsewhere in each process"},
	{"kernel/yama/ptrace_scope", "3", "nobody traces anybody; not to be undone before the next boot"},
	{"vm/mmap_rnd_bits", "32", "as many addresses to guess from as there are"},
	{"vm/mmap_min_addr", "65536", "a null pointer of the kernel leads to no page of a process"},
	{"vm/memfd_noexec", "2", "anonymous files, as the pools are, can't be executed"},
	{"fs/suid_dumpable", "0", "memory of a process that changed its user is not dumped"},
	{"fs/protected_symlinks", "1", "no link in a shared directory leads astray"},
	{"fs/protected_hardlinks", "1", "no link to a file that one may not write"},
	{"fs/protected_fifos", "2", "no pipe in a shared directory is opened in place of a file"},
	{"fs/protected_regular", "2", "nor another's file"},
	{"dev/tty/ldisc_autoload", "0", "no line discipline but the console's"},
	{"dev/tty/legacy_tiocsti", "0", "nobody types on the console for another"},
	{"net/core/bpf_jit_harden", "2", "constants of packet and system call filters don't become code"},
	/* Who has no place in the table of neighbours is recorded, and not forwarded: Linux has 1,024. One
	 * that is asked for in vain holds packets for three seconds: so not more. */
	{"net/ipv4/neigh/default/gc_thresh3", "16384", "large networks have as many hosts"},
	{"net/ipv4/neigh/default/gc_thresh2", "8192", "up to there nobody's place is given up in haste"},
	{"net/ipv6/neigh/default/gc_thresh3", "16384", "the same"},
	{"net/ipv6/neigh/default/gc_thresh2", "8192", "the same"},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
#define MOUNTS_BYTES 2048
#define MOUNT_WORDS 4 /* device, place, type, options */

static enum err failed[SETTINGS];

/* What was written is what the kernel says it has. */
static enum err apply(const char *name, const char *value)
{
	uint64_t wanted, got;
	TRY(text_read_u64(span_str(value), UINT64_MAX, &wanted));
	TRY(sysctl_write(name, value));
	TRY(sysctl_read_u64(name, &got));
	return got == wanted ? ERR_OK : ERR_CONFLICT;
}

void hardening_apply(bool host)
{
	for (size_t i = 0; i < SETTINGS && !host; i++)
		failed[i] = apply(settings[i].name, settings[i].value);
}

static bool has(struct span options, const char *wanted)
{
	while (options.len)
		if (span_eq(span_cut(&options, ','), span_str(wanted)))
			return true;
	return false;
}

void hardening_judge(struct span table, struct buf *places, struct buf *open)
{
	while (table.len) {
		struct span line = span_cut(&table, '\n'), word[MOUNT_WORDS];
		for (size_t i = 0; i < MOUNT_WORDS; i++)
			word[i] = span_cut(&line, ' ');
		bool root = span_eq(word[1], span_str("/"));
		bool tight = has(word[3], "nosuid") &&
			     (has(word[3], "nodev") || span_eq(word[2], span_str("devtmpfs"))) &&
			     (has(word[3], "noexec") || root) &&
			     (has(word[3], "ro") || span_eq(word[2], span_str("proc")));
		struct buf *const lists[] = {places, tight ? NULL : open};
		for (size_t i = 0; i < 2; i++) {
			if (!lists[i])
				continue;
			buf_str(lists[i], lists[i]->len ? " " : "");
			buf_put(lists[i], word[1].len ? word[1] : span_str("?"));
		}
	}
}

void hardening_report(bool host)
{
	static uint8_t bytes[MOUNTS_BYTES];
	uint8_t places_bytes[128], open_bytes[128];
	struct buf table = BUF_OF(bytes), places = BUF_OF(places_bytes), open = BUF_OF(open_bytes);
	uint64_t hold = 0;
	if (host)
		return;
	for (size_t i = 0; i < SETTINGS; i++) {
		hold += !failed[i];
		if (!failed[i])
			continue;
		log_begin(LOG_ALARM, "setting-refused");
		log_str("setting", settings[i].name);
		log_str("reason", err_text(failed[i]));
		log_str("for", settings[i].why);
		log_end();
	}
	enum err e = machine_read("/proc/self/mounts", &table);
	hardening_judge(buf_span(&table), &places, &open);
	if (e)
		log_event(LOG_ALARM, "mounts-unreadable", "reason", err_text(e));
	if (open.len)
		log_event(LOG_ALARM, "mount-too-open", "at", buf_cstr(&open));
	log_begin(LOG_INFO, "hardened");
	log_u64("settings", hold);
	log_span("mounts", buf_span(&places));
	log_end();
}
