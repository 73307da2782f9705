/* firmware: the SHA-256 of the firmware file this machine was started from, as the image build wrote it on
 * the boot disk.
 *
 * The file cannot hold its own hash, so image/board puts it into the GPT: disk GUID (first half) and the GUID
 * of the partition `sealtap-esp` (second half). Read at fixed places, without interpreting the disk; it is a
 * statement of the image, proven by measured boot (PCR4), not by this.
 */
#ifndef SEALTAP_OS_FIRMWARE_H
#define SEALTAP_OS_FIRMWARE_H

#include <stdint.h>

/* Zeros when no disk says so: direct kernel boot, host mode. */
void firmware_sha256(uint8_t out[32]);

#endif
