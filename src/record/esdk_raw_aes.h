/* esdk_raw_aes: encrypted data keys of the AWS Encryption SDK's raw AES keyring: who has the wrapping key
 * needs no KMS. Only read: objects of ours have keys of KMS. Source:
 * awslabs/aws-encryption-sdk-specification, framework/raw-aes-keyring.md.
 */
#ifndef SEALTAP_RECORD_ESDK_RAW_AES_H
#define SEALTAP_RECORD_ESDK_RAW_AES_H

#include "record/esdk.h"

/* wrapping_key: 16, 24 or 32 bytes. aad: the header's serialised context. ERR_UNSUPPORTED: not of that form;
 * ERR_AUTH: another wrapping key. data_key is secret. */
enum err esdk_raw_aes_unwrap(const struct esdk_edk *edk, struct span wrapping_key, struct span aad,
			     uint8_t data_key[ESDK_KEY_BYTES]) MUST_USE;

#endif
