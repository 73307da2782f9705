/* tpm: what was measured into the machine's TPM 2.0 (TCG PC Client Platform Firmware Profile): which program
 * the firmware started (PCR 4), by which Secure Boot variables (PCR 7), what a boot loader added (PCR 12).
 *
 * Source: sysfs, class/tpm/tpm0/pcr-<hash>/<number>, the value as hexadecimal digits and a newline (kernel:
 * Documentation/ABI/stable/sysfs-class-tpm). The TPM itself is never spoken to.
 */
#ifndef SEALTAP_OS_TPM_H
#define SEALTAP_OS_TPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum tpm_bank { TPM_SHA256, TPM_SHA384, TPM_BANKS };
enum tpm_register { TPM_PCR4, TPM_PCR7, TPM_PCR12, TPM_REGISTERS };

#define TPM_DIGEST_MAX 48

struct tpm_pcrs {
	bool there[TPM_BANKS]; /* the TPM has this bank, and each of its values was read */
	uint8_t value[TPM_BANKS][TPM_REGISTERS][TPM_DIGEST_MAX];
};

/* "sha256", "sha384"; static. */
const char *tpm_bank_name(enum tpm_bank bank);
size_t tpm_bank_bytes(enum tpm_bank bank);

/* at: an empty folder, where sysfs is mounted, read-only, while this runs. ERR_NOT_FOUND: there is no TPM 2.0
 * with one of these banks. ERR_SYNTAX: the kernel says something else than a value. */
enum err tpm_read(const char *at, struct tpm_pcrs *out) MUST_USE;
/* The same with sysfs at `sys`. */
enum err tpm_read_in(const char *sys, struct tpm_pcrs *out) MUST_USE;

#endif
