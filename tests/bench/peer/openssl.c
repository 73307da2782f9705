/* openssl: what libcrypto needs for what tests/bench/crypto.c does, called in the cheapest way it offers: one
 * context and key for all, and a new IV each time.
 *
 * openssl seal KEY_BYTES TEXT_BYTES SECONDS; openssl sha256 - TEXT_BYTES SECONDS. Prints as crypto does, with
 * the library's version.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_BYTES (1 << 20)

static unsigned char from[MOST_BYTES] __attribute__((aligned(64))),
	into[MOST_BYTES] __attribute__((aligned(64)));
static EVP_CIPHER_CTX *cipher;
static EVP_MD_CTX *digest;
static EVP_MD *sha256;

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_seal(int len)
{
	static unsigned char iv[12], tag[16], aad[16];
	int n;
	iv[11]++;
	return EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) &&
	       EVP_EncryptUpdate(cipher, NULL, &n, aad, sizeof(aad)) &&
	       EVP_EncryptUpdate(cipher, into, &n, from, len) && EVP_EncryptFinal_ex(cipher, into + n, &n) &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag);
}

static int run_sha256(int len)
{
	unsigned n;
	return EVP_DigestInit_ex(digest, sha256, NULL) && EVP_DigestUpdate(digest, from, (size_t)len) &&
	       EVP_DigestFinal_ex(digest, into, &n);
}

int main(int argc, char **argv)
{
	long done = 0, batch = 1;
	if (argc != 5)
		return 1;
	int seals = strcmp(argv[1], "seal") == 0, len = (int)strtol(argv[3], NULL, 10) % (MOST_BYTES + 1);
	cipher = EVP_CIPHER_CTX_new();
	digest = EVP_MD_CTX_new();
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	const EVP_CIPHER *aes = strcmp(argv[2], "16") == 0 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	if (!cipher || !digest || !sha256 || !EVP_EncryptInit_ex(cipher, aes, NULL, from, NULL))
		return 3;
	double seconds = strtod(argv[4], NULL), begun = now_s(), spent;
	do {
		for (long i = 0; i < batch; i++)
			if (!(seals ? run_seal(len) : run_sha256(len)))
				return 3;
		done += batch;
		spent = now_s() - begun;
		if (spent < seconds / 64)
			batch *= 2;
	} while (spent < seconds);
	double one = spent / (double)done;
	printf("%.1f ns %.4f GB/s %s\n", one * 1e9, (double)len / one / 1e9,
	       OpenSSL_version(OPENSSL_VERSION_STRING));
	return 0;
}
