#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "os/tpm.h"

#define FOLDER "/tmp/sealtap-tpm-"

static char sys[32]; /* a fake /sys, another one for each test */

static void put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/class/tpm/tpm0/%s", sys, name);
	FILE *f = fopen(path, "w");
	CHECK(f);
	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

static void folder(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s%s", sys, name);
	CHECK(mkdir(path, 0700) == 0);
}

static void set_up(void)
{
	strcpy(sys, FOLDER "XXXXXX");
	CHECK(mkdtemp(sys));
	folder("/class");
	folder("/class/tpm");
	folder("/class/tpm/tpm0");
}

static void tear_down(void)
{
	char line[64];
	snprintf(line, sizeof(line), "rm -rf %s", sys);
	CHECK(system(line) == 0);
}

/* A bank whose values are digits of their register's number. */
static void put_bank(const char *name, size_t bytes)
{
	static const char *const numbers[] = {"4", "7", "12"};
	char path[64], text[128];
	snprintf(path, sizeof(path), "/class/tpm/tpm0/pcr-%s", name);
	folder(path);
	for (size_t i = 0; i < 3; i++) {
		memset(text, "4A7"[i], 2 * bytes);
		strcpy(text + 2 * bytes, "\n");
		snprintf(path, sizeof(path), "pcr-%s/%s", name, numbers[i]);
		put(path, text);
	}
}

static void both_banks(void)
{
	struct tpm_pcrs p;
	set_up();
	put_bank("sha256", 32);
	put_bank("sha384", 48);
	CHECK(tpm_read_in(sys, &p) == ERR_OK);
	CHECK(p.there[TPM_SHA256] && p.there[TPM_SHA384]);
	CHECK(p.value[TPM_SHA256][TPM_PCR4][31] == 0x44 && p.value[TPM_SHA256][TPM_PCR7][0] == 0xaa);
	CHECK(p.value[TPM_SHA384][TPM_PCR12][47] == 0x77 && p.value[TPM_SHA256][TPM_PCR12][32] == 0);
	tear_down();
}

static void one_bank(void)
{
	struct tpm_pcrs p;
	set_up();
	put_bank("sha384", 48);
	CHECK(tpm_read_in(sys, &p) == ERR_OK);
	CHECK(!p.there[TPM_SHA256] && p.there[TPM_SHA384]);
	tear_down();
}

static void none(void)
{
	struct tpm_pcrs p;
	set_up();
	CHECK(tpm_read_in(sys, &p) == ERR_NOT_FOUND);
	CHECK(!p.there[TPM_SHA256] && !p.there[TPM_SHA384]);
	CHECK(tpm_read_in("/nowhere", &p) == ERR_NOT_FOUND);
	tear_down();
}

static void garbage(void)
{
	static const char *const bad[] = {
		"",
		"\n",
		"44\n",
		"44444444444444444444444444444444444444444444444444444444444444\n\n",
		"4444444444444444444444444444444444444444444444444444444444444444",
		"444444444444444444444444444444444444444444444444444444444444444g\n",
		"4444444444444444444444444444444444444444444444444444444444444444\n4"};
	struct tpm_pcrs p;
	set_up();
	put_bank("sha256", 32);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("pcr-sha256/7", bad[i]);
		CHECK(tpm_read_in(sys, &p) != ERR_OK);
		CHECK(!p.there[TPM_SHA256]);
	}
	tear_down();
}

int main(void)
{
	RUN(both_banks, "PCR 4, 7 and 12 are read of both banks");
	RUN(one_bank, "a TPM with one of the banks is read");
	RUN(none, "a machine without a TPM has no bank");
	RUN(garbage, "what is not the value of a register is none");
	return check_done();
}
