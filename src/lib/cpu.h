/* cpu: which of the processor's instructions lib's kernels may use. What is decided from the processor's
 * words is a pure function of them, so that tests can make up a processor.
 *
 * Source: Intel SDM volume 2, CPUID and XGETBV; volume 1, section 14.3 and 15.2 to 15.4: an instruction on
 * wide registers may be used only where the operating system saves those registers, too, which XCR0 says.
 */
#ifndef SEALTAP_LIB_CPU_H
#define SEALTAP_LIB_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* All 0: a processor that has nothing. */
struct cpu_words {
	uint32_t leaf1_ecx;
	uint32_t leaf7_ebx, leaf7_ecx; /* of subleaf 0; 0 where there is no leaf 7 */
	uint64_t xcr0;                 /* 0 where the system does not use it (OSXSAVE) */
};

/* This processor. It is asked once, and remembered: in a virtual machine asking takes some 20
 * microseconds. */
const struct cpu_words *cpu_here(void);

/* SHA-NI. */
bool cpu_has_sha(const struct cpu_words *w);
/* AES-NI and PCLMULQDQ, in 16-byte registers. */
bool cpu_has_aes(const struct cpu_words *w);
/* The same on 32-byte registers: VAES and VPCLMULQDQ with AVX2. */
bool cpu_has_vaes256(const struct cpu_words *w);
/* On 64-byte registers, with masks: AVX-512 F, BW, DQ and VL. */
bool cpu_has_vaes512(const struct cpu_words *w);

#endif
