#include "role/flows/unanswered.h"

#include "check.h"

static struct unanswered u;

static struct ct_flow flow(uint32_t src, uint16_t dport, uint64_t packets)
{
	struct ct_flow f = {.proto = CT_TCP, .start_ns = 1000 + src, .stop_ns = 2000 + src};
	f.orig = (struct ct_tuple){.src = ip_from_v4(src), .dst = ip_from_v4(0xc6336400), .dport = dport};
	f.packets[CT_OUT] = packets;
	f.bytes[CT_OUT] = 60 * packets;
	return f;
}

static void a_flood(void)
{
	const struct unanswered_crowd *c;
	uint32_t alone = 0, i = 0;
	memset(&u, 0, sizeof(u));
	for (uint32_t n = 0; n < 1000; n++) {
		struct ct_flow f = flow(n % 20, 80, 1 + n % 2);
		alone += !unanswered_take(&u, &f);
	}
	CHECK(alone == UNANSWERED_ALONE && u.crowds == 1);
	CHECK(unanswered_next(&u, &i, &c) && c->flows == 1000 - alone && c->alone == alone && c->dport == 80);
	CHECK(c->packets == 1500 - 24 && c->bytes == 60 * c->packets && c->first_ns == 1000 &&
	      c->last_ns == 2019);
	CHECK(c->source_count == UNANSWERED_SOURCES && c->more_sources && ip_to_v4(&c->source[0]) == 16);
	CHECK(!unanswered_next(&u, &i, &c));
	unanswered_reset(&u);
	i = 0;
	CHECK(!unanswered_next(&u, &i, &c) && u.crowds == 0);
	struct ct_flow f = flow(1, 80, 1);
	CHECK(!unanswered_take(&u, &f)); /* a new window begins */
}

static void no_flood(void)
{
	memset(&u, 0, sizeof(u));
	for (uint32_t n = 0; n < 100; n++) {
		struct ct_flow f = flow(n, 80, 1), many = flow(n, 81, UNANSWERED_PACKETS_MAX + 1);
		f.status = CT_ANSWERED;
		CHECK(!unanswered_take(&u, &f) && !unanswered_take(&u, &many));
	}
}

static void many_destinations(void)
{
	const struct unanswered_crowd *c;
	uint32_t together = 0, counted = 0, i = 0;
	memset(&u, 0, sizeof(u));
	for (uint32_t n = 0; n < 20; n++)
		for (uint32_t port = 0; port < UNANSWERED_KEYS + 100; port++) {
			struct ct_flow f = flow(n, (uint16_t)port, 1);
			together += unanswered_take(&u, &f);
		}
	CHECK(u.count == UNANSWERED_KEYS && u.crowds == UNANSWERED_CROWDS);
	CHECK(together == UNANSWERED_CROWDS * (20 - UNANSWERED_ALONE));
	while (unanswered_next(&u, &i, &c))
		counted += (uint32_t)c->flows;
	CHECK(counted == together);
}

int main(void)
{
	RUN(a_flood, "of a flood the first flows stand alone, the others are counted together");
	RUN(no_flood, "flows with an answer, or many packets, stand alone");
	RUN(many_destinations, "beyond the places there are flows stand alone: none is lost");
	return check_done();
}
