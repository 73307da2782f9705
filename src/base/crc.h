/* crc: CRC32C (Castagnoli), for finding torn or damaged records; no protection against anybody's intent.
 *
 * Source: RFC 3720 appendix B.4 (its test values); polynomial 0x1edc6f41, reflected, all ones before and
 * after. By the processor where it can (SSE 4.2).
 */
#ifndef SEALTAP_BASE_CRC_H
#define SEALTAP_BASE_CRC_H

#include "base/span.h"

uint32_t crc32c(struct span bytes);
/* Goes on: crc is that of the bytes before these; 0 of none. */
uint32_t crc32c_more(uint32_t crc, struct span bytes);

#endif
