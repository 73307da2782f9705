/* key: the operator's key file: one 32-byte key as 64 hexadecimal digits or in base64, blanks and a line's
 * end around it ignored.
 *
 * It holds an object's data key, as `aws kms decrypt` prints it, or the wrapping key of a raw AES keyring.
 */
#ifndef SEALTAP_CLI_KEY_H
#define SEALTAP_CLI_KEY_H

#include "base/err.h"
#include "record/esdk.h"

/* ERR_SYSTEM: errno says why it can't be read. ERR_SYNTAX: it holds something else. Zeros are in key
 * then. */
enum err key_read(const char *path, uint8_t key[ESDK_KEY_BYTES]) MUST_USE;

#endif
