/* keyring: data keys of sealed objects: from KMS (Decrypt, with the object's encryption context), or
 * from the operator's key file. Keys are kept, so that objects under one data key cost one call;
 * secret, wiped at the end.
 */
#ifndef SEALTAP_CLI_KEYRING_H
#define SEALTAP_CLI_KEYRING_H

#include "cli/call.h"
#include "record/esdk_header.h"

#define KEYRING_MAX 4096
#define KEYRING_NAMES 32

/* Which keys the header offers, tried in order. name: of the object, for messages. What fails is said:
 * KMS' words, and kms:Decrypt on which key. EXIT_DAMAGED: KMS finds that context and encrypted key do
 * not belong together. What KMS denied of a key and context is not asked of it again for a minute. */
enum exit_status keyring_get(const struct esdk_header *h, struct span name, uint8_t data_key[ESDK_KEY_BYTES]);
void keyring_wipe(void);
/* The KMS keys (ARNs) that gave data keys so far, from 0; NULL behind the last. There are KEYRING_NAMES at
 * most; *more: how many were not kept. */
const char *keyring_name(uint32_t i, uint64_t *more);

#endif
