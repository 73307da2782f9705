/* crypto: what lib/aead and lib/sha need, on one core.
 *
 * crypto init|seal|open|sha256 PATH KEY_BYTES TEXT_BYTES SECONDS. AES-GCM goes from one buffer into another,
 * with 16 bytes of additional data. PATH: a number of enum aead_path, or - for the best one here. Prints
 * "NANOSECONDS ns GIGABYTES_A_SECOND GB/s PATH'S NAME"; exit 2: the processor lacks the path.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/aead.h"
#include "lib/sha.h"

#define MOST_BYTES (1u << 20)

static uint8_t from[MOST_BYTES] __attribute__((aligned(64))), into[MOST_BYTES] __attribute__((aligned(64)));

struct job {
	struct aead_key key;
	enum aead_path path;
	size_t key_len, text_len;
	uint8_t iv[AEAD_IV_BYTES], tag[AEAD_TAG_BYTES], aad[16];
};

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_init(struct job *j)
{
	if (aead_init_with(&j->key, span_of(from, j->key_len), j->path))
		exit(2);
}

static void run_seal(struct job *j)
{
	j->iv[AEAD_IV_BYTES - 1]++;
	aead_seal(&j->key, j->iv, span_of(j->aad, sizeof(j->aad)), span_of(from, j->text_len), into, j->tag);
}

/* What run_seal left. */
static void run_open(struct job *j)
{
	if (aead_open(&j->key, j->iv, span_of(j->aad, sizeof(j->aad)), span_of(into, j->text_len), j->tag,
		      from))
		exit(3);
}

static void run_sha256(struct job *j)
{
	sha256_of(span_of(from, j->text_len), into);
}

static const struct {
	const char *name;
	void (*run)(struct job *j);
} works[] = {{"init", run_init}, {"seal", run_seal}, {"open", run_open}, {"sha256", run_sha256}};
#define WORKS (sizeof(works) / sizeof(works[0]))

/* Seconds that one takes. */
static double time_of(void (*run)(struct job *j), struct job *j, double seconds)
{
	double begun = now_s(), spent;
	long done = 0, batch = 1;
	do {
		for (long i = 0; i < batch; i++)
			run(j);
		done += batch;
		spent = now_s() - begun;
		if (spent < seconds / 64)
			batch *= 2;
	} while (spent < seconds);
	return spent / (double)done;
}

int main(int argc, char **argv)
{
	static struct job j;
	size_t work = 0;
	while (argc == 6 && work < WORKS && strcmp(argv[1], works[work].name) != 0)
		work++;
	if (argc != 6 || work == WORKS) {
		fprintf(stderr, "usage: crypto init|seal|open|sha256 PATH|- KEY_BYTES TEXT_BYTES SECONDS\n");
		return 1;
	}
	j.path = argv[2][0] == '-' ? aead_choose(cpu_here())
				   : (enum aead_path)(strtoul(argv[2], NULL, 10) % AEAD_PATHS);
	j.key_len = strtoul(argv[3], NULL, 10);
	j.text_len = strtoul(argv[4], NULL, 10) % (MOST_BYTES + 1);
	run_init(&j);
	run_seal(&j);
	double one = time_of(works[work].run, &j, strtod(argv[5], NULL));
	printf("%.1f ns %.4f GB/s %s\n", one * 1e9, (double)j.text_len / one / 1e9, aead_path_name(j.path));
	return 0;
}
