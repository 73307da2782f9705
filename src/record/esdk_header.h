/* esdk_header: the header of an AWS Encryption SDK message, format 2, as others may have written it, too.
 *
 * Suites 0x0478 and 0x0578, framed and unframed; the others, and format 1, are ERR_UNSUPPORTED. Nothing here
 * is authenticated: record/esdk_read does that with the tag, once there is a key. Source:
 * awslabs/aws-encryption-sdk-specification, data-format/message-header.md. Byte layout: esdk_header.c.
 */
#ifndef SEALTAP_RECORD_ESDK_HEADER_H
#define SEALTAP_RECORD_ESDK_HEADER_H

#include "record/esdk.h"

/* The key of the context under which a signed suite's public key stands. */
#define ESDK_PUBLIC_KEY "aws-crypto-public-key"

struct esdk_header {
	uint16_t suite;
	uint8_t id[ESDK_ID_BYTES];
	struct span aad;  /* the context, serialised, with its count; empty: none. Borrowed from the bytes */
	struct span edks; /* after their count; borrowed from the bytes */
	uint16_t edk_count;
	bool framed;
	uint32_t frame_bytes; /* 0: unframed */
	uint8_t commitment[ESDK_COMMITMENT_BYTES];
	size_t body_bytes; /* of the header, without its authentication tag */
};

/* Reads a header from its first byte on. ERR_MORE: it has at least *want bytes, more than are there (read on
 * and ask again). ERR_SYNTAX, also where the context does not fit the suite; ERR_UNSUPPORTED; ERR_DUPLICATE:
 * a key of the context; ERR_MISSING: a signed suite without its public key. */
enum err esdk_header_read(struct span bytes, struct esdk_header *h, size_t *want) MUST_USE;

/* Walk what a header holds: *at starts at 0; ERR_NOT_FOUND at the end, ERR_SYNTAX where it is damaged. */
enum err esdk_header_edk(struct span edks, size_t *at, struct esdk_edk *edk) MUST_USE;
enum err esdk_header_context(struct span aad, size_t *at, struct span *key, struct span *value) MUST_USE;
/* The value under this key of the context. ERR_NOT_FOUND, ERR_SYNTAX. */
enum err esdk_header_find(struct span aad, struct span name, struct span *value) MUST_USE;

#endif
