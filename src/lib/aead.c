#include "lib/aead.h"

#include "base/bytes.h"
#include "lib/gcm.h"

/* As much as any kernel says. */
#define MOST_STACK_BYTES 12288

static const struct {
	const char *name;
	const struct gcm_kernel *kernel; /* NULL: not on this architecture */
	bool (*runs)(const struct cpu_words *w);
} paths[AEAD_PATHS] = {
	[AEAD_PORTABLE] = {"portable", &gcm_portable, NULL},
#if defined(__x86_64__)
	[AEAD_AES] = {"AES-NI", &gcm_x86_128, cpu_has_aes},
	[AEAD_VAES256] = {"VAES, AVX2", &gcm_x86_256, cpu_has_vaes256},
	[AEAD_VAES512] = {"VAES, AVX-512", &gcm_x86_512, cpu_has_vaes512},
#else
	[AEAD_AES] = {"AES-NI", NULL, NULL},
	[AEAD_VAES256] = {"VAES, AVX2", NULL, NULL},
	[AEAD_VAES512] = {"VAES, AVX-512", NULL, NULL},
#endif
};

/* Kernels leave round keys on the stack, in frames that stood where this function's stands now. */
__attribute__((noinline, no_sanitize("address"))) static void wipe_stack(size_t len)
{
	uint8_t dead[MOST_STACK_BYTES] __attribute__((uninitialized));
	ASSERT(len <= sizeof(dead));
#ifdef __SANITIZE_ADDRESS__
	len = sizeof(dead); /* frames are larger there */
#endif
	wipe(dead + sizeof(dead) - len, len);
}

bool aead_path_runs(enum aead_path path, const struct cpu_words *w)
{
	return path == AEAD_PORTABLE || (paths[path].kernel && paths[path].runs(w));
}

enum aead_path aead_choose(const struct cpu_words *w)
{
	enum aead_path path = AEAD_PATHS - 1;
	while (!aead_path_runs(path, w))
		path--;
	return path;
}

const char *aead_path_name(enum aead_path path)
{
	ASSERT(path < AEAD_PATHS);
	return paths[path].name;
}

static void init_by(struct aead_key *k, struct span key, enum aead_path path)
{
	ASSERT(key.len == 16 || key.len == 24 || key.len == 32);
	wipe(k, sizeof(*k));
	k->path = path;
	paths[path].kernel->init(k, key);
	wipe_stack(paths[path].kernel->stack_bytes);
}

void aead_init(struct aead_key *k, struct span key)
{
	init_by(k, key, aead_choose(cpu_here()));
}

enum err aead_init_with(struct aead_key *k, struct span key, enum aead_path path)
{
	ASSERT(path < AEAD_PATHS);
	if (!aead_path_runs(path, cpu_here())) {
		wipe(k, sizeof(*k));
		return ERR_UNSUPPORTED;
	}
	init_by(k, key, path);
	return ERR_OK;
}

void aead_wipe(struct aead_key *k)
{
	wipe(k, sizeof(*k));
}

void aead_seal(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad, struct span plain,
	       uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct gcm_kernel *by = paths[k->path].kernel;
	ASSERT(plain.len <= AEAD_MAX_BYTES);
	by->seal(k, iv, aad, plain, out, tag);
	wipe_stack(by->stack_bytes);
}

enum err aead_open(const struct aead_key *k, const uint8_t iv[AEAD_IV_BYTES], struct span aad,
		   struct span sealed, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out)
{
	const struct gcm_kernel *by = paths[k->path].kernel;
	uint8_t right[AEAD_TAG_BYTES];
	ASSERT(sealed.len <= AEAD_MAX_BYTES);
	by->open(k, iv, aad, sealed, out, right);
	bool good = equal_ct(right, tag, sizeof(right));
	wipe(right, sizeof(right));
	wipe_stack(by->stack_bytes);
	if (good)
		return ERR_OK;
	if (sealed.len)
		wipe(out, sealed.len);
	return ERR_AUTH;
}
