#include "lib/cpu.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
	ECX1_PCLMUL = 1u << 1,
	ECX1_SSSE3 = 1u << 9,
	ECX1_SSE41 = 1u << 19,
	ECX1_AES = 1u << 25,
	ECX1_OSXSAVE = 1u << 27,
	ECX1_AVX = 1u << 28,
	EBX7_SHA = 1u << 29,
	EBX7_AVX2 = 1u << 5,
	EBX7_AVX512F = 1u << 16,
	EBX7_AVX512DQ = 1u << 17,
	EBX7_AVX512BW = 1u << 30,
	ECX7_VAES = 1u << 9,
	ECX7_VPCLMUL = 1u << 10,
	XCR0_YMM = 0x06, /* with the 16-byte halves */
	XCR0_ZMM = 0xe6, /* and masks, upper halves, registers 16 to 31 */
};
#define EBX7_AVX512VL 0x80000000u

static struct cpu_words ask(void)
{
	struct cpu_words w = {0};
#if defined(__x86_64__)
	unsigned a, b, c, d, high, most = __get_cpuid_max(0, NULL);
	if (most >= 1) {
		__cpuid(1, a, b, c, d);
		w.leaf1_ecx = c;
	}
	if (most >= 7) {
		__cpuid_count(7, 0, a, b, c, d);
		w.leaf7_ebx = b;
		w.leaf7_ecx = c;
	}
	if (w.leaf1_ecx & ECX1_OSXSAVE) {
		__asm__ volatile("xgetbv" : "=a"(a), "=d"(high) : "c"(0));
		w.xcr0 = a | (uint64_t)high << 32;
	}
#endif
	return w;
}

const struct cpu_words *cpu_here(void)
{
	static struct cpu_words here;
	static bool asked;
	if (!asked)
		here = ask();
	asked = true;
	return &here;
}

static bool all(uint64_t word, uint64_t bits)
{
	return (word & bits) == bits;
}

bool cpu_has_sha(const struct cpu_words *w)
{
	return all(w->leaf1_ecx, ECX1_SSSE3 | ECX1_SSE41) && all(w->leaf7_ebx, EBX7_SHA);
}

bool cpu_has_aes(const struct cpu_words *w)
{
	return all(w->leaf1_ecx, ECX1_AES | ECX1_PCLMUL | ECX1_SSSE3 | ECX1_SSE41);
}

bool cpu_has_vaes256(const struct cpu_words *w)
{
	return cpu_has_aes(w) && all(w->leaf1_ecx, ECX1_OSXSAVE | ECX1_AVX) && all(w->xcr0, XCR0_YMM) &&
	       all(w->leaf7_ebx, EBX7_AVX2) && all(w->leaf7_ecx, ECX7_VAES | ECX7_VPCLMUL);
}

bool cpu_has_vaes512(const struct cpu_words *w)
{
	const uint32_t parts = EBX7_AVX512F | EBX7_AVX512DQ | EBX7_AVX512BW | EBX7_AVX512VL;
	return cpu_has_vaes256(w) && all(w->leaf7_ebx, parts) && all(w->xcr0, XCR0_ZMM);
}
