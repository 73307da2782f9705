/* The operator's command, build/sealtap, run as a user would, on the sealed sample. */
#include "check.h"
#include "noise.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEALTAP "build/sealtap"
#define SAMPLE "tests/sample/sample.pcapng.zst.encrypted"
#define KEY "tests/sample/sample.key"
#define DIR "build/decrypt_test"
#define ZERO_KEY "0000000000000000000000000000000000000000000000000000000000000000"

static char out[1 << 20];
static size_t out_len;

/* Runs a command; its exit status, its standard output (and error, where the command says so) in out. */
static int run(const char *command)
{
	FILE *f = popen(command, "r");
	out_len = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
	out[out_len] = '\0';
	int status = f ? pclose(f) : -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *what)
{
	bool found = strstr(out, what) != NULL;
	if (!found)
		printf("  it said: %s\n", out);
	return found;
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");
	CHECK(f && fwrite(bytes, 1, len, f) == len);
	if (f)
		fclose(f);
}

static uint8_t sample[65536];
static size_t sample_len;

static void opens(void)
{
	CHECK(run(SEALTAP " decrypt --key " KEY " " SAMPLE) == 0);
	CHECK(out_len > 1000 && memcmp(out, "\n\r\r\n", 4) == 0);
	static char first[sizeof(out)];
	size_t first_len = out_len;
	memcpy(first, out, out_len);
	CHECK(run(SEALTAP " decrypt --key " KEY " - <" SAMPLE) == 0);
	CHECK(out_len == first_len && memcmp(first, out, out_len) == 0);
	CHECK(run(SEALTAP " decrypt --raw --key " KEY " " SAMPLE) == 0);
	CHECK(memcmp(out, "\x28\xb5\x2f\xfd", 4) == 0);
}

static void tools_read(void)
{
	if (system("command -v tshark >/dev/null 2>&1")) {
		printf("skip tshark reads what it writes: tshark is not installed\n");
		return;
	}
	CHECK(run(SEALTAP " decrypt --key " KEY " " SAMPLE
			  " | tshark -r - 2>&1 | grep -v 'Running as user'") == 0);
	CHECK(says("GET / HTTP/1.1") && says("Echo (ping) reply") && says("www.example.com"));
}

static void data_keys(void)
{
	/* the data key itself, in both forms, instead of the key that wraps it */
	write_file(DIR "/hex", "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\n", 65);
	CHECK(run(SEALTAP " decrypt --key " DIR "/hex " SAMPLE) == 0 && out_len > 1000);
	write_file(DIR "/base64", "  Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4=\r\n", 48);
	CHECK(run(SEALTAP " decrypt --key " DIR "/base64 " SAMPLE) == 0 && out_len > 1000);
}

static void bad_keys(void)
{
	write_file(DIR "/zero", ZERO_KEY, 64);
	CHECK(run(SEALTAP " decrypt --key " DIR "/zero " SAMPLE " 2>&1") == 77);
	CHECK(says("sealtap: " SAMPLE ": the key in " DIR "/zero is not the key of this object\n"));
	CHECK(run(SEALTAP " decrypt --key " DIR "/none " SAMPLE " 2>&1") == 66);
	CHECK(says("sealtap: " DIR "/none: can't read: No such file"));
	static const char *const bad[] = {"",
					  "00",
					  "x" ZERO_KEY,
					  ZERO_KEY "00",
					  "Xl5eXl5eXl5eXl5eXl5eXl4=",
					  ZERO_KEY ZERO_KEY ZERO_KEY ZERO_KEY "\n\n\n\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(DIR "/bad", bad[i], strlen(bad[i]));
		CHECK(run(SEALTAP " decrypt --key " DIR "/bad " SAMPLE " 2>&1") == 64);
		CHECK(says("sealtap: " DIR
			   "/bad: not a key: 32 bytes in hexadecimal or base64 are wanted\n"));
	}
}

static int decrypt_altered(size_t len)
{
	write_file(DIR "/altered", sample, len);
	return run(SEALTAP " decrypt --key " KEY " " DIR "/altered 2>&1 >/dev/null");
}

static void altered(void)
{
	size_t middle = sample_len - 200;
	sample[middle] ^= 1;
	CHECK(decrypt_altered(sample_len) == 2 &&
	      says(": frame 1 does not authenticate: the object was altered or damaged\n"));
	sample[middle] ^= 1;
	sample[10] ^= 1; /* the message id */
	CHECK(decrypt_altered(sample_len) == 77 && says("is not the key of this object\n"));
	sample[10] ^= 1;
	sample[60] ^= 1; /* the context: the data key no longer unwraps */
	CHECK(decrypt_altered(sample_len) == 77);
	sample[60] ^= 1;
	CHECK(decrypt_altered(sample_len - 1) == 2 &&
	      says(": the object ends too early, after 0 whole frames\n"));
	CHECK(decrypt_altered(0) == 2 && says(": the object ends too early, after 0 whole frames\n"));
	sample[sample_len] = 'x';
	CHECK(decrypt_altered(sample_len + 1) == 2 && says("something follows the end of the object"));
	CHECK(run(SEALTAP " decrypt --key " KEY " Makefile 2>&1") == 66 &&
	      says("Makefile: not a sealed object: "));
	CHECK(run(SEALTAP " decrypt --key " KEY " /nonexistent 2>&1") == 66 &&
	      says("can't open: No such file"));
	CHECK(run(SEALTAP " decrypt --key " KEY " " SAMPLE " 2>&1 >/dev/full") == 74 &&
	      says("can't write to standard output: No space left"));
}

static void shows_edk(void)
{
	CHECK(run(SEALTAP " decrypt --show-edk " SAMPLE) == 0);
	CHECK(says("suite 0x0478, frame length 65504") && says("\"sealtap-stream\" = \"w0\"") &&
	      says("provider \"sealtap-sample\""));
}

static void usage(void)
{
	CHECK(run(SEALTAP " --help") == 0 && says("usage: sealtap COMMAND"));
	CHECK(run(SEALTAP " decrypt --help") == 0 && says("usage: sealtap decrypt"));
	CHECK(run(SEALTAP " --version") == 0 && says("sealtap "));
	static const char *const wrong[] = {"",
					    "opne",
					    "decrypt",
					    "decrypt --key",
					    "decrypt --kee x " SAMPLE,
					    "decrypt --key " KEY,
					    "decrypt --key " KEY " a b",
					    "decrypt --show-edk --raw " SAMPLE};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char command[256];
		snprintf(command, sizeof(command), SEALTAP " %s 2>&1", wrong[i]);
		CHECK(run(command) == 64 && says("sealtap: "));
	}
}

int main(void)
{
	if (access(SEALTAP, X_OK)) {
		printf("skip the operator's command: " SEALTAP " is not built\n");
		return 0;
	}
	FILE *f = fopen(SAMPLE, "rb");
	sample_len = f ? fread(sample, 1, sizeof(sample) - 1, f) : 0;
	if (f)
		fclose(f);
	CHECK(sample_len > 0 && system("mkdir -p " DIR) == 0);
	RUN(opens, "sealtap decrypt opens the sample, from a file and from a pipe, decompressed or raw");
	RUN(tools_read, "tshark reads what it writes");
	RUN(data_keys, "the data key opens as the wrapping key does, in hexadecimal and base64");
	RUN(bad_keys, "a wrong key, or a file that holds none, is named in the message");
	RUN(altered, "an altered, cut, longer or foreign file is refused with its reason");
	RUN(shows_edk, "--show-edk tells the encryption context and the encrypted data key");
	RUN(usage, "wrong usage says what is wrong, and exits with 64");
	return check_done();
}
