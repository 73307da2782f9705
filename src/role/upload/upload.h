/* upload: ships sealed segments to S3, one PUT an object, oldest first, until S3 has said that it holds it.
 *
 * It sees ciphertext and metadata alone, through read-only mappings, and gets signatures from keys, never
 * secrets.
 */
#ifndef SEALTAP_ROLE_UPLOAD_UPLOAD_H
#define SEALTAP_ROLE_UPLOAD_UPLOAD_H

#include "role/role.h"

extern const struct role role_upload;

#endif
