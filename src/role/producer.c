#include "role/producer.h"

static struct producer *self;

void producer_init(struct producer *p, struct recorder *recorder, struct loop *loop, struct loop_timer *look)
{
	self = p;
	p->recorder = recorder;
	p->loop = loop;
	p->look = look;
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

void producer_sealed(void *arg, const struct msg_segment *s)
{
	(void)arg;
	peer_hand_on(&self->settings, &self->spool, &self->upload, s);
	if (self->draining)
		loop_timer_in(self->loop, self->look, 0);
}

void producer_ready(void *arg)
{
	(void)arg;
	loop_timer_in(self->loop, self->look, 0);
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
