/* kms: one call, GenerateDataKey: its signed request, its answer, its errors. Sans I/O.
 *
 * The region and account are those of the key's ARN. Source: AWS KMS API reference, GenerateDataKey.
 */
#ifndef SEALTAP_AWS_KMS_H
#define SEALTAP_AWS_KMS_H

#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/sigv4.h"

#define KMS_REQUEST_MAX 12288 /* a complete request */
#define KMS_ANSWER_MAX 16384  /* longest answer body to be read */
#define KMS_EDK_MAX 6144      /* CiphertextBlob */

/* All borrowed. */
struct kms_call {
	struct span key_arn; /* as configured */
	struct span context; /* serialised, as object_context() writes it */
	const struct endpoint *endpoint;
	const struct aws_credentials *creds;
	struct sigv4_cache *cache; /* NULL: none */
	uint64_t now_ns;
};

struct kms_data_key {
	uint8_t plaintext[32]; /* secret */
	char key_arn[257];     /* the key KMS used */
	uint32_t edk_len;
	uint8_t edk[KMS_EDK_MAX];
};

enum kms_verdict {
	KMS_OK,
	KMS_RETRY, /* these four as enum fault_kind says */
	KMS_REFRESH,
	KMS_SKEW,
	KMS_DENIED,
};

/* Where the key's region has KMS, or where the settings say. */
enum err kms_endpoint(const struct settings *s, struct endpoint *out) MUST_USE;
/* Appends the whole request, head and body. */
enum err kms_generate_data_key(const struct kms_call *call, struct buf *request) MUST_USE;
/* Reads the answer to a call for `key_arn`. ERR_PROTOCOL when KMS used another key than asked for (an
 * alias may name any key of its account and region) or the key has not 32 bytes. On error *out is wiped. */
enum err kms_read_data_key(struct span body, struct span key_arn, struct kms_data_key *out) MUST_USE;
void kms_data_key_wipe(struct kms_data_key *k);

/* What an answer means. error_type: the x-amzn-errortype header, used when the body names no error; may be
 * empty. *fault is for the log and the verdict. */
enum kms_verdict kms_classify(unsigned status, struct span error_type, struct span body, struct fault *fault);

#endif
