/* replay: runs one target without a fuzzer: every file of the corpus, whole and cut at every byte. Each input
 * is alone in its allocation, so that a sanitizer sees a step outside.
 *
 * usage: fuzz_NAME DIRECTORY
 */
#include <dirent.h>

#include "fuzz.h"

#define FILE_MAX_BYTES 65536

static unsigned long runs;

static void give(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	MUST(copy);
	memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	runs++;
}

static int replay(const char *directory, const char *name)
{
	static uint8_t bytes[FILE_MAX_BYTES + 1];
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return -1;
	}
	size_t len = fread(bytes, 1, sizeof(bytes), f);
	int failed = ferror(f) || len > FILE_MAX_BYTES;
	fclose(f);
	if (failed) {
		fprintf(stderr, "%s: can't be read, or too long\n", path);
		return -1;
	}
	for (size_t n = 0; n <= len; n++)
		give(bytes, n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	unsigned files = 0;
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	if (!d) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 1;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		if (replay(argv[1], e->d_name))
			return 1;
		files++;
	}
	closedir(d);
	printf("%s %s: the corpus, whole and cut at every byte, breaks nothing\n", files ? "ok" : "not ok",
	       self ? self + 1 : argv[0]);
	printf("# %u files, %lu runs\n", files, runs);
	return files == 0;
}
