/* bytes: numbers in memory by byte order, wiping, and comparison without a trace. What they do is their whole
 * name: they are the words in which all other modules speak of memory.
 *
 * p has as many bytes as the number's width says; it need not be aligned.
 */
#ifndef SEALTAP_BASE_BYTES_H
#define SEALTAP_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint16_t load_le16(const uint8_t *p);
uint32_t load_le32(const uint8_t *p);
uint64_t load_le64(const uint8_t *p);
uint16_t load_be16(const uint8_t *p);
uint32_t load_be32(const uint8_t *p);
uint64_t load_be64(const uint8_t *p);
void store_le32(uint8_t *p, uint32_t v);
void store_be16(uint8_t *p, uint16_t v);
void store_be32(uint8_t *p, uint32_t v);
void store_be64(uint8_t *p, uint64_t v);

/* Overwrites secrets in a way the compiler may not drop. */
void wipe(void *p, size_t len);
/* Equal in constant time. */
bool equal_ct(const uint8_t *a, const uint8_t *b, size_t len);

#endif
