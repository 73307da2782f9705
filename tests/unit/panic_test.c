#include "base/panic.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "os/pstore.h"

#define NMI                                                                                \
	"Panic#1 Part1\n"                                                                  \
	"<0>[   31.204817] Uhhuh. NMI received for unknown reason 20 on CPU 0.\n"          \
	"<0>[   31.204903] Kernel panic - not syncing: NMI: Not continuing\n"              \
	"<0>[   31.304112] Kernel Offset: 0x1a400000 from 0xffffffff81000000 (relocation " \
	"range: 0xffffffff80000000-0xffffffffbfffffff)\n"
#define FAULT                                                                                   \
	"Panic#2 Part1\n"                                                                       \
	"<1>[  901.000001] BUG: unable to handle page fault for address: 6b65792d62797465\n"    \
	"<1>[  901.000002] #PF: supervisor read access in kernel mode\n"                        \
	"<4>[  901.000003] Oops: Oops: 0000 [#1] SMP PTI\n"                                     \
	"<4>[  901.000004] RIP: 0010:sealed+0x12/0x40\n"                                        \
	"<4>[  901.000005] RAX: 6b65792d62797465 RBX: 0123456789abcdef RCX: 0000000000000000\n" \
	"<0>[  901.000006] Kernel panic - not syncing: Fatal exception\n"
#define LOCKUP                                                                          \
	"<0>[  77.1] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [capture:131]\n" \
	"<0>[  77.2] BUG: something else\n<0>[  77.3] Kernel panic - not syncing: softlockup: hung tasks"

static struct panic read_all(struct span record)
{
	struct panic p = {0};
	panic_read(record, &p);
	return p;
}

static void reasons(void)
{
	struct panic p = read_all(SPAN(NMI));
	CHECK_SPAN(span_str(p.reason), SPAN("NMI: Not continuing"));
	CHECK_SPAN(span_str(p.cause), SPAN("Uhhuh. NMI received for unknown reason 20 on CPU 0."));
	p = read_all(SPAN(LOCKUP));
	CHECK_SPAN(span_str(p.reason), SPAN("softlockup: hung tasks"));
	CHECK_SPAN(span_str(p.cause),
		   SPAN("watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [capture:131]"));
	p = read_all(SPAN("Kernel panic - not syncing: no prefix\r\n"));
	CHECK_SPAN(span_str(p.reason), SPAN("no prefix?"));
}

static void no_addresses(void)
{
	struct panic p = read_all(SPAN(FAULT));
	CHECK_SPAN(span_str(p.reason), SPAN("Fatal exception"));
	CHECK_SPAN(span_str(p.cause), SPAN("BUG: unable to handle page fault for address: _"));
	p = read_all(SPAN("Oops: general protection fault, probably for non-canonical address "
			  "0x6b65792d627974: 0000 [#1] SMP\n"));
	CHECK_SPAN(span_str(p.cause), SPAN("Oops: general protection fault, probably for non-canonical "
					   "address _: 0000 [#1] SMP"));
	p = read_all(SPAN("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n"));
	CHECK_SPAN(span_str(p.reason), SPAN("Attempted to kill init! exitcode=0x0000000b"));
	p = read_all(SPAN("BUG: zz123456789 12345678 123456789zz\x01\xff\n"));
	CHECK_SPAN(span_str(p.cause), SPAN("BUG: _ 12345678 _??"));
}

static void first_record_counts(void)
{
	struct panic p = read_all(SPAN("Oops#1 Part1\n<1>[  901.000001] BUG: first\n"));
	CHECK(!p.reason[0]);
	panic_read(SPAN(FAULT), &p);
	CHECK_SPAN(span_str(p.cause), SPAN("BUG: first"));
	CHECK_SPAN(span_str(p.reason), SPAN("Fatal exception"));
	panic_read(SPAN(NMI), &p);
	CHECK_SPAN(span_str(p.reason), SPAN("Fatal exception"));
}

/* What is known of a record that was cut off is the beginning of what the whole one says. */
static void truncations(void)
{
	static const char *const records[] = {NMI, FAULT, LOCKUP};
	for (size_t r = 0; r < 3; r++) {
		struct span whole = span_str(records[r]);
		struct panic all = read_all(whole);
		size_t known = 0;
		for (size_t n = 0; n <= whole.len; n++) {
			struct panic p = read_all(span_first(whole, n));
			CHECK(span_starts(span_str(all.reason), span_str(p.reason)));
			CHECK(strlen(p.reason) >= known);
			known = strlen(p.reason);
			/* of a number that was cut off some digits may stay */
			for (size_t i = 0; p.cause[i] && all.cause[i] != '_'; i++)
				CHECK(all.cause[i] == p.cause[i]);
		}
		CHECK(known == strlen(all.reason) && known > 0);
	}
}

static void long_lines(void)
{
	char text[600] = "<0>[1] Kernel panic - not syncing: ";
	size_t head = strlen(text);
	memset(text + head, 'z', sizeof(text) - head);
	struct panic p = read_all(span_of(text, sizeof(text)));
	CHECK(strlen(p.reason) == PANIC_TEXT_MAX - 1 && strspn(p.reason, "z") == PANIC_TEXT_MAX - 1);
	memset(text + head, 'a', sizeof(text) - head);
	p = read_all(span_of(text, sizeof(text)));
	CHECK_SPAN(span_str(p.reason), SPAN("_"));
}

static void no_record(void)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"<",
		"<0>",
		"[",
		"<0>[",
		"<0>[1] ",
		"Panic#1 Part1\n<6>[1] eth0: link up\n",
		"x Kernel panic - not syncing: quoted\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct panic p = read_all(span_str(texts[i]));
		CHECK(!p.reason[0] && !p.cause[0]);
	}
}

/* ---- os/pstore */

static char folder[] = "/tmp/sealtap-pstore-XXXXXX";

static void put(const char *name, const char *text, size_t len)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	CHECK(f && fwrite(text, 1, len, f) == len);
	if (f)
		fclose(f);
}

static uint32_t given;
static size_t longest;

static void take(void *arg, struct span record)
{
	given++;
	longest = record.len > longest ? record.len : longest;
	panic_read(record, arg);
}

static void taken(void)
{
	static const char big[PSTORE_RECORD_BYTES + 1];
	struct panic p = {0};
	uint32_t count = 7;
	char path[128];
	CHECK(pstore_take_in(folder, take, &p, &count) == ERR_OK && count == 0 && given == 0);
	put("dmesg-efi_pstore-1", NMI, sizeof(NMI) - 1);
	put("dmesg-efi_pstore-2", big, sizeof(big));
	put("dmesg-efi_pstore-3.enc.z", "", 0);
	CHECK(pstore_take_in(folder, take, &p, &count) == ERR_OK && count == 3 && given == 2);
	CHECK(longest == PSTORE_RECORD_BYTES);
	CHECK_SPAN(span_str(p.reason), SPAN("NMI: Not continuing"));
	CHECK(rmdir(folder) == 0); /* nothing is left */
	CHECK(pstore_take_in(folder, take, &p, &count) == ERR_SYSTEM && count == 0);
	CHECK(mkdir(folder, 0700) == 0);
	snprintf(path, sizeof(path), "%s/stuck", folder);
	CHECK(mkdir(path, 0700) == 0);
	CHECK(pstore_take_in(folder, take, &p, &count) == ERR_DEVICE && count == 1 && given == 2);
	CHECK(rmdir(path) == 0 && rmdir(folder) == 0);
}

int main(void)
{
	RUN(reasons, "a panic's reason, and what came before it, are read from the kernel's record");
	RUN(no_addresses, "no address and no register of the record gets into the log");
	RUN(first_record_counts, "of several records the first that has it gives the reason");
	RUN(truncations, "a record that is cut off anywhere gives the beginning of the reason");
	RUN(long_lines, "a long line of a panic is cut");
	RUN(no_record, "text that is no kernel's record gives no reason for a panic");
	if (!mkdtemp(folder))
		return 1;
	RUN(taken, "records are read once and removed, those too that can't be read");
	return check_done();
}
