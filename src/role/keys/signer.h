/* signer: the requests that keys signs for upload: PUTs of this appliance's objects, forms with its metrics
 * and alarms, nothing else. upload never sees a secret, and can't have anything else signed.
 */
#ifndef SEALTAP_ROLE_KEYS_SIGNER_H
#define SEALTAP_ROLE_KEYS_SIGNER_H

#include "aws/sigv4.h"
#include "role/peer.h"

struct signer {
	struct peer *upload;                    /* borrowed */
	struct settings *settings;              /* borrowed; its s3_region is set here */
	const struct object_identity *identity; /* borrowed */
	const struct aws_credentials *creds;    /* borrowed; secret */
	struct sigv4_cache *cache;              /* borrowed; secret */
	const int64_t *offset_ns;               /* borrowed: added to the clock when signing */
};

/* The caller has checked what it has checked of ask->meta: object_meta_sane. Answers MSG_PUT_SIGNED. */
void signer_put(struct signer *s, const struct msg_sign_put *ask);
/* Answers MSG_POST_SIGNED. */
void signer_post(struct signer *s, const struct msg_sign_post *ask);
/* S3 says that the bucket is in another region. Believed within the partition alone. */
void signer_bucket_region(struct signer *s, const struct msg_region *r);

#endif
