/* keys: the role that holds secrets: credentials, data keys, the boot's signing key. Speaks with IMDS and KMS
 * alone.
 *
 * It reads the configuration, hands data keys to the capture workers and flows on direct channels, signs
 * objects and upload's requests (after checking them against the configuration) and seals the log stream.
 * Plaintext keys leave it only towards the role whose stream they seal.
 */
#ifndef SEALTAP_ROLE_KEYS_KEYS_H
#define SEALTAP_ROLE_KEYS_KEYS_H

#include "role/role.h"

extern const struct role role_keys;

#endif
