/* objectsigner: signs objects under the key that this process made at its start, and only those it should: of
 * each producer its own stream's, each number once. keys' own.
 *
 * An object whose encryption context has the key of a process that died stays without a signature: the log's
 * next object, which is signed, covers its hash.
 */
#ifndef SEALTAP_ROLE_KEYS_OBJECTSIGNER_H
#define SEALTAP_ROLE_KEYS_OBJECTSIGNER_H

#include "lib/ecdsa.h"
#include "role/msg.h"

struct objectsigner {
	struct ecdsa_key key; /* secret; dies with the process */
	uint64_t id;          /* of the key: 64 random bits, object_meta's signer */
	bool first_life;      /* no process before this one signed for this boot */
	struct {
		bool known; /* this process has signed for it */
		bool again; /* the producer is new: it may have its predecessor's last object signed again */
		uint32_t next_seq;
	} stream[PRODUCERS]; /* the log's own is not used */
};

/* Makes the key; its public point goes to *pub. */
void objectsigner_init(struct objectsigner *s, uint32_t life, uint8_t pub[65]);
/* Sets sig and sig_len. */
void objectsigner_sign(const struct objectsigner *s, struct object_meta *m);
/* Traps on what producer `index` may not ask for. */
void objectsigner_check(struct objectsigner *s, uint32_t index, const struct object_meta *m);
void objectsigner_producer_anew(struct objectsigner *s, uint32_t index);

#endif
