#include "role/net/canary.h"

#include <unistd.h>

#include "net/canary.h"
#include "net/dns.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/udp.h"

static void over(void *arg)
{
	struct canary *c = arg;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void send_one(void *arg)
{
	struct canary *c = arg;
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	uint16_t id;
	loop_timer_in(c->loop, &c->due, CANARY_NS);
	over(c);
	rng_fill(&id, sizeof(id));
	enum err e = c->names->server_count ? canary_query(&b, id, c->boot, c->number) : ERR_MISSING;
	struct ip server = ip_from_v4(c->names->server[0]);
	if (!e)
		e = udp_ask(&server, DNS_PORT, buf_span(&b), &c->fd);
	if (e)
		log_event(LOG_WARN, "canary-not-sent", "reason", err_text(e));
	/* also when it was not sent: a canary that does not arrive is what it is for */
	peer_send(c->keys, MSG_CANARY, &(struct msg_canary){c->number++});
	/* the answer is capture's: here the socket waits for it, so that none is refused */
	loop_timer_in(c->loop, &c->patience, CANARY_ANSWER_NS);
}

void canary_init(struct canary *c, struct loop *loop, struct peer *keys, const struct names *names,
		 uint64_t boot, uint32_t life)
{
	*c = (struct canary){
		.loop = loop, .keys = keys, .names = names, .boot = boot, .number = life << 20, .fd = -1};
	c->due = (struct loop_timer){.fn = send_one, .arg = c};
	c->patience = (struct loop_timer){.fn = over, .arg = c};
}

void canary_on(struct canary *c, bool on)
{
	if (!on)
		loop_timer_stop(c->loop, &c->due);
	else if (!c->due.active)
		loop_timer_in(c->loop, &c->due, CANARY_FIRST_NS);
}
