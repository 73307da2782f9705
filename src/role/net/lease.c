#include "role/net/lease.h"

#include <poll.h>
#include <string.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/dhcpsock.h"
#include "os/log.h"
#include "os/rng.h"
#include "role/report.h"

#define TURN_NS (10 * NS_PER_S)
#define TURN_DOUBLINGS 3
#define RECEIVE_AT_ONCE 16

static uint64_t random_u64(void)
{
	uint64_t v;
	rng_fill(&v, sizeof(v));
	return v;
}

bool lease_held(const struct lease *l)
{
	return l->count && l->client.state >= DHCP_BOUND;
}

static void arm_turn(struct lease *l)
{
	unsigned doublings = l->rounds < TURN_DOUBLINGS ? l->rounds : TURN_DOUBLINGS;
	loop_timer_in(l->loop, &l->turn, TURN_NS << doublings);
}

static void arm_due(struct lease *l)
{
	if (l->client.due_ns == UINT64_MAX)
		loop_timer_stop(l->loop, &l->due);
	else
		loop_timer_at(l->loop, &l->due, l->client.due_ns);
}

static void tell(struct lease *l, enum dhcp_event event)
{
	arm_due(l);
	if (event == DHCP_NOTHING)
		return;
	if (event == DHCP_LOST) {
		arm_turn(l);
	} else {
		loop_timer_stop(l->loop, &l->turn);
		l->rounds = 0;
	}
	l->changed(l->arg, event);
}

static void on_due(void *arg)
{
	struct lease *l = arg;
	uint8_t bytes[DHCP_PACKET_BYTES];
	struct buf packet = BUF_OF(bytes);
	enum dhcp_event event = dhcp_tick(&l->client, clock_mono_ns(), random_u64(), &packet);
	/* what could not be sent is sent again, as what was lost on the way */
	if (packet.len && dhcpsock_broadcast(l->watch.fd, l->link[l->current].ifindex, buf_span(&packet)))
		log_event(LOG_WARN, "dhcp-not-sent", "reason", "the link took no packet");
	tell(l, event);
}

static void begin(struct lease *l)
{
	dhcp_start(&l->client, l->link[l->current].mac, clock_mono_ns(), random_u64());
	arm_due(l);
	arm_turn(l);
}

static void on_turn(void *arg)
{
	struct lease *l = arg;
	l->silent(l->arg);
	/* with an offer in hand the exchange goes on; alone, its own back-off */
	if (l->count == 1 || l->client.state == DHCP_REQUESTING) {
		l->rounds++;
		arm_turn(l);
		return;
	}
	l->current = (l->current + 1) % l->count;
	l->rounds += l->current == 0;
	begin(l);
}

/* Of the leases that share the socket, the one that asks on this link. */
static struct lease *asking_on(struct lease *l, uint32_t ifindex)
{
	while (l && (l->count == 0 || ifindex != l->link[l->current].ifindex))
		l = l->next;
	return l;
}

static void on_readable(void *arg, short revents)
{
	uint8_t bytes[DHCP_REPLY_MAX + 1];
	struct buf b = BUF_OF(bytes);
	struct dhcpsock_origin from;
	(void)revents;
	for (int i = 0; i < RECEIVE_AT_ONCE; i++) {
		if (dhcpsock_receive(((struct lease *)arg)->watch.fd, &b, &from))
			return;
		struct lease *l = asking_on(arg, from.ifindex);
		if (l)
			tell(l, dhcp_receive(&l->client, clock_mono_ns(), random_u64(), buf_span(&b),
					     from.checksum_ready));
	}
}

static void begin_empty(struct lease *l)
{
	l->count = 0;
	l->due = (struct loop_timer){.fn = on_due, .arg = l};
	l->turn = (struct loop_timer){.fn = on_turn, .arg = l};
}

void lease_init(struct lease *l, int socket)
{
	begin_empty(l);
	l->watch = (struct loop_watch){.fd = socket, .events = POLLIN, .fn = on_readable, .arg = l};
	loop_watch(l->loop, &l->watch);
}

void lease_share(struct lease *l, struct lease *owner)
{
	begin_empty(l);
	l->watch.fd = owner->watch.fd;
	owner->next = l;
}

void lease_start(struct lease *l, const struct lease_link *links, uint32_t count)
{
	ASSERT(count >= 1 && count <= MSG_MAX_LINKS);
	memcpy(l->link, links, count * sizeof(*links));
	l->count = count;
	l->current = 0;
	l->rounds = 0;
	begin(l);
}

void lease_on(struct lease *l, const struct rtnl_link *links, uint32_t count)
{
	struct lease_link candidate[MSG_MAX_LINKS];
	ASSERT(count <= MSG_MAX_LINKS);
	for (uint32_t i = 0; i < count; i++) {
		candidate[i].ifindex = links[i].ifindex;
		memcpy(candidate[i].mac, links[i].mac, sizeof(candidate[i].mac));
	}
	lease_start(l, candidate, count);
}

void lease_hurry(struct lease *l, uint32_t ifindex)
{
	if (l->count == 0 || l->link[l->current].ifindex != ifindex || l->client.state != DHCP_SELECTING)
		return;
	begin(l);
}

void lease_pin(struct lease *l)
{
	l->link[0] = l->link[l->current];
	l->current = 0;
	l->count = 1;
}

void lease_stop(struct lease *l)
{
	loop_timer_stop(l->loop, &l->due);
	loop_timer_stop(l->loop, &l->turn);
	l->count = 0;
}

void lease_say_silent(const struct lease *l, struct report *r, const char *link)
{
	enum err refused = l->client.refused;
	report_verdict(r, VERDICT_DHCP, false,
		       "%s on %s (%s): check that the interface's subnet has DHCP; asking on",
		       refused ? "no usable DHCP answer" : "no DHCP answer", link,
		       report_mac(l->link[l->current].mac).s);
	if (refused)
		log_event(LOG_WARN, "dhcp-answer-unusable", "reason", err_text(refused));
}

void lease_say(const struct lease *l, struct report *r, enum dhcp_event event, const char *link)
{
	const struct dhcp_lease *d = &l->client.lease;
	log_begin(event == DHCP_LOST ? LOG_ALARM : LOG_INFO, event == DHCP_LOST ? "lease-lost" : "lease");
	log_str("link", link);
	log_str("address", report_ip(d->addr).s);
	log_str("router", report_ip(d->router).s);
	log_str("server", report_ip(d->server).s);
	log_u64("mtu", d->mtu);
	log_u64("seconds", d->lease_s);
	log_end();
	if (event == DHCP_LOST)
		report_verdict(r, VERDICT_DHCP, false,
			       "the lease of %s on %s ended: check the network's DHCP; asking on",
			       report_ip(d->addr).s, link);
}
