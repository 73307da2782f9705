/* kms_decrypt: one call, Decrypt of an object's data key: the body of its request, its answer. Sans I/O; who
 * sends it signs it. Errors: kms_classify's names. Source: AWS KMS API reference, Decrypt.
 */
#ifndef SEALTAP_AWS_KMS_DECRYPT_H
#define SEALTAP_AWS_KMS_DECRYPT_H

#include "base/buf.h"

#define KMS_DECRYPT_TARGET "TrentService.Decrypt"
#define KMS_DECRYPT_BODY_MAX 524288 /* of the longest context, each character escaped */
#define KMS_DECRYPT_ANSWER_MAX 16384
#define KMS_KEY_BYTES 32

/* Appends the body. context: serialised, as a message's header has it; ERR_SYNTAX when it is damaged, or no
 * UTF-8: KMS takes none of that. */
enum err kms_decrypt_body(struct span key_arn, struct span context, struct span edk, struct buf *body)
	MUST_USE;
/* The data key, secret; zeros on error. ERR_PROTOCOL: KMS used another key than key_arn, or it has not 32
 * bytes. */
enum err kms_decrypt_answer(struct span body, struct span key_arn, uint8_t key[KMS_KEY_BYTES]) MUST_USE;

#endif
