#include "role/keys/objectsigner.h"

#include <stdio.h>
#include <string.h>

#include "lib/sha.h"
#include "os/rng.h"

void objectsigner_init(struct objectsigner *s, uint32_t life, uint8_t pub[65])
{
	uint8_t seed[32];
	rng_fill(seed, sizeof(seed));
	ecdsa_keypair(seed, &s->key, pub);
	wipe(seed, sizeof(seed));
	rng_fill(&s->id, sizeof(s->id));
	s->first_life = life == 0;
}

void objectsigner_sign(const struct objectsigner *s, struct object_meta *m)
{
	uint8_t text[2048], hash[32];
	struct buf b = BUF_OF(text);
	size_t len = 0;
	m->sig_len = 0;
	if (m->signer != s->id)
		return;
	enum err e = object_signed_text(m, &b);
	ASSERT(!e);
	sha256_of(buf_span(&b), hash);
	ecdsa_sign(&s->key, hash, m->sig, &len);
	m->sig_len = (uint32_t)len;
}

void objectsigner_check(struct objectsigner *s, uint32_t index, const struct object_meta *m)
{
	char stream[8] = "flows";
	enum object_kind kind = index == PRODUCER_FLOWS ? OBJECT_FLOWS : OBJECT_PACKETS;
	if (kind == OBJECT_PACKETS)
		snprintf(stream, sizeof(stream), "w%u", index);
	ASSERT(object_meta_sane(m) && m->kind == kind && strcmp(m->stream, stream) == 0);
	bool first = !s->stream[index].known && !s->first_life;
	bool next = m->seq == s->stream[index].next_seq;
	bool last = m->seq + 1 == s->stream[index].next_seq && s->stream[index].again;
	ASSERT(first || next || last);
	s->stream[index].again = false;
	s->stream[index].known = true;
	s->stream[index].next_seq = m->seq + 1;
}

void objectsigner_producer_anew(struct objectsigner *s, uint32_t index)
{
	s->stream[index].again = true;
}
