/* sigv4: AWS Signature Version 4, header signing. Stage by stage, and all at once.
 *
 * Sources: the AWS reference "Signature Version 4 signing process" and the official test suite. S3 differs
 * from the other services: its path is signed as it stands on the request line, theirs is normalised and
 * encoded once more (SIGV4_S3, SIGV4_GENERAL). Headers of SIGV4's never-sign list (hop-by-hop ones,
 * user-agent, x-amzn-trace-id, authorization) may be given and are left out. Limits: SIGV4_HEADERS_MAX
 * headers, SIGV4_PARAMS_MAX query parameters; ERR_TOO_LONG beyond. ERR_FULL when an output does not fit.
 */
#ifndef SEALTAP_AWS_SIGV4_H
#define SEALTAP_AWS_SIGV4_H

#include "aws/creds.h"
#include "base/buf.h"

#define SIGV4_HEADERS_MAX 48
#define SIGV4_PARAMS_MAX 64
#define SIGV4_CANONICAL_MAX 12288
#define SIGV4_CACHE_ENTRIES 8       /* services in use, on two days at midnight */
#define SIGV4_AUTHORIZATION_MAX 768 /* an Authorization header's value, with terminator */

/* bits of sigv4_request.rules */
enum {
	SIGV4_NORMALIZE = 1, /* remove "." and ".." and empty segments from the path */
	SIGV4_ENCODE = 2,    /* percent-encode the path as it stands: what was encoded is encoded twice */
	SIGV4_S3 = 0,
	SIGV4_GENERAL = SIGV4_NORMALIZE | SIGV4_ENCODE,
};

/* All spans borrowed. */
struct sigv4_header {
	struct span name; /* any case */
	struct span value;
};

struct sigv4_request {
	struct span method;
	struct span path;                   /* as on the request line, without the query */
	struct span query;                  /* what stands after '?'; may be empty */
	const struct sigv4_header *headers; /* in the request's order; Host and X-Amz-Date among them */
	size_t header_count;
	struct span payload_hash; /* the body's SHA-256, 64 lower-case hexadecimal digits */
	unsigned rules;
};

/* What a signing key is bound to. */
struct sigv4_scope {
	struct span region, service; /* borrowed */
	uint64_t now_ns;             /* of the request; must give the same X-Amz-Date */
};

/* Stage 1. The names signed, "host;x-amz-date", go to *signed_headers, which must not be the same buf. */
enum err sigv4_canonical(const struct sigv4_request *r, struct buf *canonical, struct buf *signed_headers)
	MUST_USE;
/* Stage 2. */
enum err sigv4_string_to_sign(const struct sigv4_scope *s, struct span canonical, struct buf *out) MUST_USE;
/* The key of one day, region and service, which may be kept that long: secret. */
void sigv4_signing_key(const struct sigv4_scope *s, struct span secret, uint8_t key[32]);
/* Stage 3: 64 hexadecimal digits. */
enum err sigv4_signature(const uint8_t key[32], struct span string_to_sign, struct buf *out) MUST_USE;
/* Stage 4: the Authorization header's value. */
enum err sigv4_authorization(const struct sigv4_scope *s, struct span access_key_id,
			     struct span signed_headers, struct span signature, struct buf *out) MUST_USE;

/* Signing keys derived before. Secret. Zeroed before the first use; wiped with the secrets they come from. */
struct sigv4_cache {
	struct {
		char scope[64];     /* "20260101/us-east-1/s3/aws4_request"; empty: unused */
		uint8_t parent[32]; /* SHA-256 of key id and secret */
		uint8_t key[32];
	} entry[SIGV4_CACHE_ENTRIES];
	uint32_t next; /* to be replaced */
};

/* All stages. The signing key is derived once for each day, region, service and secret; cache may be NULL. */
enum err sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *s,
		    const struct aws_credentials *c, struct sigv4_cache *cache, struct buf *authorization)
	MUST_USE;
/* All stages of a POST to "/" with this body, which is what every service but S3 is asked by. */
enum err sigv4_sign_post(const struct sigv4_header *headers, size_t header_count, struct span body,
			 const struct sigv4_scope *s, const struct aws_credentials *c,
			 struct sigv4_cache *cache, struct buf *authorization) MUST_USE;

#endif
