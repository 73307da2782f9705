#include "check.h"

#include <unistd.h>

#include "role/init/roles.h"

/* The product's own tables: what they say of each other, and of role/msg.h. */
static struct chan_msg m;

static bool passes(enum msg_type type, enum role_id from, enum role_id to)
{
	static const uint8_t zeros[CHAN_MAX_BYTES];
	int ends[2];
	enum err e = chan_pair(ends);
	ASSERT(!e);
	e = msg_send(ends[0], type, zeros);
	if (!e)
		e = msg_recv(ends[1], from, to, &m);
	close(ends[0]);
	close(ends[1]);
	return !e;
}

static bool takes_any(const struct role *r, enum msg_type type)
{
	for (size_t i = 0; i < r->take_count; i++)
		if (r->takes[i].type == type)
			return true;
	return false;
}

static void two_roles_have_a_channel_or_neither_has(void)
{
	for (uint32_t a = ROLE_INIT + 1; a < ROLE_COUNT; a++) {
		CHECK(roles_get((enum role_id)a)->id == a && roles_get((enum role_id)a)->peers[ROLE_INIT]);
		for (uint32_t b = ROLE_INIT + 1; b < ROLE_COUNT; b++)
			CHECK(roles_talk((enum role_id)a, (enum role_id)b) ==
			      roles_talk((enum role_id)b, (enum role_id)a));
	}
	CHECK(!roles_talk(ROLE_CAPTURE, ROLE_NET) && !roles_talk(ROLE_STATUS, ROLE_KEYS));
}

static void each_row_is_a_message_that_may_come_from_there(void)
{
	for (uint32_t a = ROLE_INIT + 1; a < ROLE_COUNT; a++) {
		const struct role *r = roles_get((enum role_id)a);
		for (size_t i = 0; i < r->take_count; i++) {
			const struct role_take *t = &r->takes[i];
			CHECK(!!t->call + !!t->take + !!t->take_from == 1);
			for (uint32_t b = ROLE_INIT; b < ROLE_COUNT; b++)
				CHECK(!msg_role_in(t->from, (enum role_id)b) ||
				      (r->peers[b] &&
				       (t->type == MSG_PEER || passes(t->type, (enum role_id)b, r->id))));
			for (size_t k = 0; k < i; k++)
				CHECK(r->takes[k].type != t->type ||
				      (!msg_role_in(r->takes[k].from, t->from) &&
				       !msg_role_in(t->from, r->takes[k].from)));
		}
	}
}

static void each_message_has_a_role_that_takes_it(void)
{
	for (uint32_t type = MSG_START + 1; type < MSG_TYPE_COUNT; type++) {
		bool taken = type == MSG_PEER;
		for (uint32_t a = ROLE_INIT; a < ROLE_COUNT; a++)
			taken |= passes((enum msg_type)type, (enum role_id)a, ROLE_INIT) ||
				 (a && takes_any(roles_get((enum role_id)a), (enum msg_type)type));
		CHECK(taken);
	}
}

static void each_role_is_a_user_of_its_own_and_only_three_keep_secrets(void)
{
	for (uint32_t a = ROLE_INIT + 1; a < ROLE_COUNT; a++) {
		const struct spawn_spec *s = &roles_get((enum role_id)a)->spawn;
		CHECK(s->uid > 100 && s->uid < 108);
		CHECK((s->caps != 0) == (a == ROLE_NET));
		CHECK(s->empty_network == (a != ROLE_NET && a != ROLE_KEYS && a != ROLE_UPLOAD));
		CHECK((s->keeps != NULL) == (a == ROLE_NET) && s->writes == (a == ROLE_SPOOL));
		CHECK(s->secrets == (a == ROLE_KEYS || a == ROLE_FLOWS || a == ROLE_CAPTURE));
		for (uint32_t b = ROLE_INIT + 1; b < a; b++)
			CHECK(roles_get((enum role_id)b)->spawn.uid != s->uid);
	}
}

static void pools_are_written_by_their_owner_alone(void)
{
	for (uint32_t a = ROLE_INIT + 1; a < ROLE_COUNT; a++) {
		uint32_t own = msg_own_pool((enum role_id)a, 0),
			 bits = roles_get((enum role_id)a)->descriptors;
		CHECK(((bits & START_BIT(START_OWN_POOL)) != 0) == (own < POOLS));
		bool reads = (bits & START_PRODUCERS) == START_PRODUCERS;
		CHECK(reads || (bits & START_PRODUCERS) == 0);
		CHECK(reads == (a == ROLE_UPLOAD || a == ROLE_SPOOL));
		CHECK(((bits & START_BIT(START_POOLS + POOL_WINDOW)) != 0) == (a == ROLE_UPLOAD));
	}
}

static void each_role_has_a_sandbox_of_its_own(void)
{
	for (uint32_t a = ROLE_INIT + 1; a < ROLE_COUNT; a++) {
		const struct role *r = roles_get((enum role_id)a);
		CHECK(r->sandbox->connects == !r->spawn.empty_network);
		CHECK(!!r->sandbox->folder == !!r->spawn.keeps);
		for (uint32_t b = ROLE_INIT + 1; b < a; b++)
			CHECK(!(r->sandbox->who & roles_get((enum role_id)b)->sandbox->who));
	}
}

int main(void)
{
	RUN(two_roles_have_a_channel_or_neither_has,
	    "two roles have a channel to each other, or neither has");
	RUN(each_row_is_a_message_that_may_come_from_there,
	    "each row of a role's table is a message that may come from there, and the only one");
	RUN(each_message_has_a_role_that_takes_it, "each message has a role that takes it");
	RUN(each_role_is_a_user_of_its_own_and_only_three_keep_secrets,
	    "each role is a user of its own; rights, network, view and secrets are as the architecture says");
	RUN(pools_are_written_by_their_owner_alone, "a pool is written by its owner alone");
	RUN(each_role_has_a_sandbox_of_its_own,
	    "each role has a sandbox of its own; who has no network may not connect either");
	return check_done();
}
