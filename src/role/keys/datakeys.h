/* datakeys: gets data keys from KMS for the streams that ask, one call at a time, for ever, with back-off.
 *
 * Each stream counts its keys (keyseq). The plaintext key passes to the stream's owner by ops; it is kept
 * here until the stream's next one, so that a worker that dies while KMS is out of reach can go on.
 */
#ifndef SEALTAP_ROLE_KEYS_DATAKEYS_H
#define SEALTAP_ROLE_KEYS_DATAKEYS_H

#include "aws/kms.h"
#include "role/backoff.h"
#include "role/https.h"
#include "role/resolver.h"

#define DATAKEYS_STREAMS PRODUCERS

struct datakeys_ops {
	void (*deliver)(void *arg, uint32_t stream, const struct msg_key *key);
	/* ok, or what failed and what to do. */
	void (*verdict)(void *arg, bool ok, const char *text);
	/* New credentials are wanted. */
	void (*refresh)(void *arg);
	/* KMS's clock differs by so much from ours. */
	void (*skew)(void *arg, int64_t offset_ns);
};

struct datakeys {
	const struct datakeys_ops *ops; /* static */
	void *arg;                      /* borrowed */
	struct loop *loop;              /* borrowed */
	const struct settings *settings;
	const struct object_identity *identity;    /* borrowed */
	const struct aws_credentials *creds;       /* borrowed */
	struct sigv4_cache *cache;                 /* borrowed */
	const int64_t *offset_ns;                  /* borrowed: added to the clock when signing */
	struct resolver *resolver;                 /* borrowed */
	const char *stream_name[DATAKEYS_STREAMS]; /* static */
	bool wanted[DATAKEYS_STREAMS];
	uint64_t *keyseq; /* borrowed: of each stream's next key; outlives this process */
	uint64_t signer;  /* of the signing key in the context: goes with each key */
	uint32_t current;
	bool busy;
	struct endpoint endpoint;
	struct https https;
	struct backoff backoff;
	uint64_t failures; /* calls that brought no key */
	struct loop_timer retry;
	struct msg_key
		held[DATAKEYS_STREAMS]; /* secret: each stream's last key, for a producer that lost it */
	uint8_t context[OBJECT_CONTEXT_MAX];
	uint32_t context_len;
	uint8_t request[KMS_REQUEST_MAX];
	uint8_t body[KMS_ANSWER_MAX];
};

/* The pointers and stream names are set by the caller before; anchors is borrowed. ERR_* when the key's ARN
 * is not one. */
enum err datakeys_init(struct datakeys *d, const struct tls_anchors *anchors) MUST_USE;
/* any: the stream's last key will do if there is one, and KMS is not asked: its producer died and starts
 * anew. */
void datakeys_want(struct datakeys *d, uint32_t stream, bool any);
void datakeys_resolved(void *datakeys, enum err e, const struct ip *addr, uint32_t count);

#endif
