#include "check.h"
#include "noise.h"

#include <bearssl.h>
#include <mbedtls/gcm.h>
#include <sys/mman.h>

#include "gcm_vectors.h"
#include "lib/aead.h"

#if defined(__SANITIZE_ADDRESS__)
#define CASES 2000
#else
#define CASES 20000 /* of each path, each in place and apart, sealed and opened */
#endif
#define MOST_TEXT 70000
#define MOST_AAD 200
#define MARGIN 64
#define MARK 0xa5

static enum aead_path path; /* that the test is about */

static void init(struct aead_key *k, struct span key)
{
	enum err e = aead_init_with(k, key, path);
	ASSERT(!e);
}

static struct span read_hex(const char *text, uint8_t to[128])
{
	struct buf b = buf_over(to, 128);
	enum err e = text_read_hex(span_str(text), &b);
	ASSERT(!e);
	return buf_span(&b);
}

static void check_vectors(void)
{
	static uint8_t room[6][128];
	for (size_t i = 0; i < GCM_VECTORS; i++) {
		const struct gcm_vector *v = &gcm_vectors[i];
		struct span sealed = read_hex(v->sealed, room[0]), iv = read_hex(v->iv, room[1]);
		struct span aad = read_hex(v->aad, room[2]), tag = read_hex(v->tag, room[3]);
		uint8_t out[64], got_tag[16];
		struct aead_key k;
		init(&k, read_hex(v->key, room[4]));
		CHECK(aead_open(&k, iv.p, aad, sealed, tag.p, out) == (v->plain ? ERR_OK : ERR_AUTH));
		if (!v->plain)
			continue;
		struct span plain = read_hex(v->plain, room[5]);
		CHECK(span_eq(span_of(out, sealed.len), plain));
		aead_seal(&k, iv.p, aad, plain, out, got_tag);
		CHECK(span_eq(span_of(out, sealed.len), sealed) && span_eq(span_of(got_tag, 16), tag));
	}
}

struct sample {
	uint8_t key[32], iv[12], tag[16];
	size_t key_len;
	struct span aad, plain; /* at any alignment */
	uint8_t sealed[MOST_TEXT];
};

/* By BearSSL, in the variant that is not in the product. */
static void seal_by_bearssl(const struct sample *c, uint8_t *out, uint8_t tag[16])
{
	br_aes_big_ctr_keys keys;
	br_gcm_context g;
	br_aes_big_ctr_init(&keys, c->key, c->key_len);
	br_gcm_init(&g, &keys.vtable, br_ghash_ctmul);
	br_gcm_reset(&g, c->iv, 12);
	br_gcm_aad_inject(&g, c->aad.p, c->aad.len);
	br_gcm_flip(&g);
	memcpy(out, c->plain.p, c->plain.len);
	br_gcm_run(&g, 1, out, c->plain.len);
	br_gcm_get_tag(&g, tag);
}

static void seal_by_mbedtls(const struct sample *c, uint8_t *out, uint8_t tag[16])
{
	mbedtls_gcm_context g;
	mbedtls_gcm_init(&g);
	CHECK(mbedtls_gcm_setkey(&g, MBEDTLS_CIPHER_ID_AES, c->key, (unsigned)c->key_len * 8) == 0);
	CHECK(mbedtls_gcm_crypt_and_tag(&g, MBEDTLS_GCM_ENCRYPT, c->plain.len, c->iv, 12, c->aad.p,
					c->aad.len, c->plain.p, out, 16, tag) == 0);
	mbedtls_gcm_free(&g);
}

/* Most sizes are up to 1100, where every way through a kernel is; the longer ones are as long as they may
 * be. */
static void make_sample(struct sample *c, unsigned n)
{
	static uint8_t plain[MARGIN + MOST_TEXT], aad[MARGIN + MOST_AAD], theirs[MOST_TEXT];
	size_t len = n % 25 ? noise_below(1101) : noise_below(MOST_TEXT + 1), place = noise_below(MARGIN);
	uint8_t their_tag[16];
	c->key_len = 16 + 8 * noise_below(3);
	noise_fill(c->key, sizeof(c->key));
	noise_fill(c->iv, sizeof(c->iv));
	c->aad = span_of(aad + noise_below(MARGIN), noise_below(MOST_AAD + 1));
	c->plain = span_of(plain + place, len);
	noise_fill(aad, sizeof(aad));
	noise_fill(plain + place, len);
	seal_by_mbedtls(c, c->sealed, c->tag);
	seal_by_bearssl(c, theirs, their_tag);
	CHECK(memcmp(theirs, c->sealed, len) == 0 && memcmp(their_tag, c->tag, 16) == 0);
}

/* What is written is `want`, and nothing beside it. */
static bool is_there(const uint8_t *out, const uint8_t *want, size_t len)
{
	bool good = memcmp(out, want, len) == 0;
	for (size_t i = 0; i < MARGIN; i++)
		good = good && out[len + i] == MARK && *(out - 1 - i) == MARK;
	return good;
}

static uint8_t *place_for(const uint8_t *text, size_t len)
{
	static uint8_t room[3 * MARGIN + MOST_TEXT];
	uint8_t *at = room + MARGIN + noise_below(MARGIN);
	memset(at - MARGIN, MARK, len + (size_t)2 * MARGIN);
	if (text)
		memcpy(at, text, len);
	return at;
}

static void check_sample(const struct sample *c)
{
	size_t len = c->plain.len;
	struct span sealed = span_of(c->sealed, len);
	struct aead_key k;
	uint8_t tag[16], *out;
	init(&k, span_of(c->key, c->key_len));
	aead_seal(&k, c->iv, c->aad, c->plain, out = place_for(NULL, len), tag);
	CHECK(is_there(out, c->sealed, len) && memcmp(tag, c->tag, 16) == 0);
	CHECK(!aead_open(&k, c->iv, c->aad, sealed, c->tag, out = place_for(NULL, len)));
	CHECK(is_there(out, c->plain.p, len));
	out = place_for(c->plain.p, len);
	aead_seal(&k, c->iv, c->aad, span_of(out, len), out, tag);
	CHECK(is_there(out, c->sealed, len) && memcmp(tag, c->tag, 16) == 0);
	out = place_for(c->sealed, len);
	CHECK(!aead_open(&k, c->iv, c->aad, span_of(out, len), c->tag, out));
	CHECK(is_there(out, c->plain.p, len));
}

static void check_samples(void)
{
	static struct sample c;
	for (unsigned n = 0; n < CASES && !check_failed_here; n++) {
		make_sample(&c, n);
		check_sample(&c);
	}
}

/* One bit of text, tag, data or IV. Each length is one more way through a kernel's end. */
static void check_altered(void)
{
	static uint8_t text[700], opened[700];
	const uint8_t zeros[700] = {0};
	uint8_t tag[16], iv[12], aad[40], key[32];
	for (size_t len = 0; len < sizeof(text); len += 1 + noise_below(3)) {
		struct aead_key k;
		noise_fill(key, sizeof(key));
		noise_fill(iv, sizeof(iv));
		noise_fill(aad, sizeof(aad));
		init(&k, span_of(key, len % 2 ? 16 : 32));
		aead_seal(&k, iv, span_of(aad, 40), span_of(text, len), text, tag);
		uint8_t *parts[] = {text, tag, aad, iv};
		const size_t part_len[] = {len, 16, 40, 12};
		for (int i = 0; i < 4; i++) {
			if (!part_len[i])
				continue;
			size_t bit = noise_below(part_len[i] * 8);
			parts[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(opened, 0xee, len);
			CHECK(aead_open(&k, iv, span_of(aad, 40), span_of(text, len), tag, opened) ==
			      ERR_AUTH);
			CHECK(memcmp(opened, zeros, len) == 0);
			parts[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		CHECK(!aead_open(&k, iv, span_of(aad, 40), span_of(text, len), tag, opened));
	}
}

/* A page between two that nobody may touch. */
static uint8_t *guarded_page(void)
{
	uint8_t *p = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(p != MAP_FAILED && mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
	return p + 4096;
}

/* Text, data and output that begin or end where the memory does: a kernel that reads beyond dies. */
static void check_edges(void)
{
	static uint8_t *in, *out, *aad;
	struct aead_key k;
	uint8_t tag[16], iv[12] = {1};
	if (!in) {
		in = guarded_page();
		out = guarded_page();
		aad = guarded_page();
	}
	init(&k, span_of(in, 32));
	for (size_t len = 0; len <= 600; len++) {
		size_t data = len % (MOST_AAD + 1), at = len % 2 ? 0 : 4096 - len,
		       data_at = len % 2 ? 0 : 4096 - data;
		aead_seal(&k, iv, span_of(aad + data_at, data), span_of(in + at, len), out + at, tag);
		CHECK(!aead_open(&k, iv, span_of(aad + data_at, data), span_of(out + at, len), tag, in + at));
	}
}

/* Whether 16 bytes of the key's state lie in the stack below this function's frame, where the last call's
 * were. */
__attribute__((noinline, unused)) static bool left_on_stack(const struct aead_key *k)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const volatile uint64_t *p = (const volatile uint64_t *)((here - 16384) & ~(uintptr_t)7);
	for (; (uintptr_t)p < here - 64; p++)
		for (size_t i = 0; i + 16 <= sizeof(k->state); i += 8) {
			uint64_t first, second;
			__builtin_memcpy(&first, k->state + i, 8);
			__builtin_memcpy(&second, k->state + i + 8, 8);
			if (first && second && p[0] == first && p[1] == second)
				return true;
		}
	return false;
}

static void check_stack(void)
{
#if !defined(__SANITIZE_ADDRESS__) /* which keeps frames for itself */
	static uint8_t text[1000];
	static struct aead_key k;
	uint8_t key[32], tag[16], iv[12] = {0};
	noise_fill(key, sizeof(key));
	init(&k, span_of(key, 32));
	CHECK(!left_on_stack(&k));
	aead_seal(&k, iv, SPAN("more"), span_of(text, sizeof(text)), text, tag);
	CHECK(!left_on_stack(&k));
	CHECK(!aead_open(&k, iv, SPAN("more"), span_of(text, sizeof(text)), tag, text));
	CHECK(!left_on_stack(&k));
	tag[0] ^= 1;
	CHECK(aead_open(&k, iv, SPAN("more"), span_of(text, sizeof(text)), tag, text) == ERR_AUTH);
	CHECK(!left_on_stack(&k));
#endif
}

static void all_of_path(void)
{
	check_vectors();
	check_samples();
	check_altered();
	check_edges();
	check_stack();
}

static bool runs_here(enum aead_path p)
{
	struct aead_key k;
	path = p;
	if (aead_path_runs(p, cpu_here()))
		return true;
	enum err e = aead_init_with(&k, SPAN("0123456789abcdef"), p);
	ASSERT(e == ERR_UNSUPPORTED);
	printf("skip AES-GCM by %s: this processor lacks it\n", aead_path_name(p));
	return false;
}

/* Processors by what they say: leaf 1 ECX, leaf 7 EBX and ECX, XCR0. */
static const struct {
	const char *name;
	struct cpu_words words;
	enum aead_path best;
	bool sha;
} processors[] = {
	{"none", {0, 0, 0, 0}, AEAD_PORTABLE, false},
	{"Westmere: AES, no AVX", {0x029ee3ff, 0, 0, 0}, AEAD_AES, false},
	{"Skylake-SP: AVX-512, no VAES", {0xfffa3203, 0xd19f0fbb, 0x00000000, 0xe7}, AEAD_AES, false},
	{"Zen 3: VAES, no AVX-512", {0xfed83203, 0x209c07a9, 0x00000604, 0x07}, AEAD_VAES256, true},
	{"Ice Lake", {0xfffa3203, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_VAES512, true},
	{"a system that saves no ZMM", {0xfffa3203, 0xf1bf07ab, 0x00405f5e, 0x07}, AEAD_VAES256, true},
	{"a system that saves no ZMM above 15",
	 {0xfffa3203, 0xf1bf07ab, 0x00405f5e, 0x67},
	 AEAD_VAES256,
	 true},
	{"a system that saves no YMM", {0xfffa3203, 0xf1bf07ab, 0x00405f5e, 0x03}, AEAD_AES, true},
	{"a system that saves none", {0xf7fa3203, 0xf1bf07ab, 0x00405f5e, 0}, AEAD_AES, true},
	{"AVX-512 without VL", {0xfffa3203, 0x71bf07ab, 0x00405f5e, 0xe7}, AEAD_VAES256, true},
	{"AVX-512 without BW", {0xfffa3203, 0xb1bf07ab, 0x00405f5e, 0xe7}, AEAD_VAES256, true},
	{"AVX-512 without DQ", {0xfffa3203, 0xf1bd07ab, 0x00405f5e, 0xe7}, AEAD_VAES256, true},
	{"no AVX-512F", {0xfffa3203, 0xf1be07ab, 0x00405f5e, 0xe7}, AEAD_VAES256, true},
	{"no AVX2", {0xfffa3203, 0xf1bf078b, 0x00405f5e, 0xe7}, AEAD_AES, true},
	{"no AVX", {0xeffa3203, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_AES, true},
	{"no VAES", {0xfffa3203, 0xf1bf07ab, 0x00405d5e, 0xe7}, AEAD_AES, true},
	{"no VPCLMULQDQ", {0xfffa3203, 0xf1bf07ab, 0x00405b5e, 0xe7}, AEAD_AES, true},
	{"no PCLMULQDQ", {0xfffa3201, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_PORTABLE, true},
	{"no AES", {0xfdfa3203, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_PORTABLE, true},
	{"no SSSE3", {0xfffa3003, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_PORTABLE, false},
	{"no SSE4.1", {0xfff23203, 0xf1bf07ab, 0x00405f5e, 0xe7}, AEAD_PORTABLE, false},
};

static void chosen(void)
{
	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		enum aead_path best = aead_choose(&processors[i].words);
		if (best != processors[i].best || cpu_has_sha(&processors[i].words) != processors[i].sha)
			printf("  %s: %s\n", processors[i].name, aead_path_name(best));
		CHECK(best == processors[i].best && cpu_has_sha(&processors[i].words) == processors[i].sha);
		for (enum aead_path p = best; p < AEAD_PATHS; p++)
			CHECK(aead_path_runs(p, &processors[i].words) == (p == best));
	}
	struct aead_key k;
	aead_init(&k, SPAN("0123456789abcdef"));
	CHECK(k.path == aead_choose(cpu_here()));
}

int main(void)
{
	RUN(chosen, "the best code for AES-GCM is chosen, and never what processor or system lack");
	if (runs_here(AEAD_PORTABLE))
		RUN(all_of_path,
		    "AES-GCM by portable code: NIST, BearSSL and Mbed TLS agree; nothing is left behind");
	if (runs_here(AEAD_AES))
		RUN(all_of_path,
		    "AES-GCM by AES-NI: NIST, BearSSL and Mbed TLS agree; nothing is left behind");
	if (runs_here(AEAD_VAES256))
		RUN(all_of_path,
		    "AES-GCM by VAES, AVX2: NIST, BearSSL and Mbed TLS agree; nothing is left behind");
	if (runs_here(AEAD_VAES512))
		RUN(all_of_path,
		    "AES-GCM by VAES, AVX-512: NIST, BearSSL and Mbed TLS agree; nothing is left behind");
	return check_done();
}
