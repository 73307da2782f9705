#include "role/producer.h"

static struct producer *self;

void producer_init(struct producer *p, struct recorder *recorder)
{
	self = p;
	p->recorder = recorder;
}

void producer_settle(const struct msg_config *c)
{
	self->settings = c->settings;
	self->identity = c->identity;
}

void producer_want_key(void *arg, bool any)
{
	(void)arg;
	peer_send(&self->keys, MSG_KEY_WANTED, &(struct msg_flag){any});
}

void producer_sign(void *arg, const struct object_meta *meta)
{
	(void)arg;
	peer_send(&self->keys, MSG_SIGN_OBJECT, meta);
}

void producer_hand_on(const struct msg_segment *s)
{
	peer_hand_on(&self->settings, &self->spool, &self->upload, s);
}

void producer_keys_anew(void)
{
	recorder_keys_anew(self->recorder);
}

void producer_key(const void *payload)
{
	recorder_key(self->recorder, payload);
}

void producer_signed(const void *payload)
{
	recorder_signed(self->recorder, payload);
}

void producer_taker_anew(void)
{
	recorder_announce(self->recorder);
}

void producer_taken(const void *payload)
{
	recorder_free(self->recorder, payload);
}
