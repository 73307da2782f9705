/* firmware: what the image build says of the firmware file this machine was started from, and whether the
 * machine's firmware checked its signature.
 *
 * The file cannot hold its own hash, so image/disk puts it beside it, at fixed places of the boot disk's
 * first three blocks: SHA-256 as disk GUID (first half) and as the GUID of the partition `sealtap-esp`
 * (second half); PCR 4 after it was started, SHA-256 and SHA-384, as the first 80 bytes of block 0. Read
 * without interpreting the disk; it is a statement of the image, proven by measured boot, not by this.
 */
#ifndef SEALTAP_OS_FIRMWARE_H
#define SEALTAP_OS_FIRMWARE_H

#include <stdint.h>

#define FIRMWARE_PCR4_BYTES 80 /* SHA-256, then SHA-384 */

/* Zeros when no disk says so: direct kernel boot, host mode. */
void firmware_sha256(uint8_t out[32]);
void firmware_pcr4(uint8_t out[FIRMWARE_PCR4_BYTES]);

/* "on", "off", or "unknown" where no UEFI variable SecureBoot can be read; static. at: an empty folder, a
 * mount point while this runs. */
const char *firmware_secure_boot(const char *at);

#endif
