#include "net/dhcp.h"

#include <string.h>

#include "base/time.h"

#define FOR_EVER UINT32_MAX
#define REQUEST_TRIES 4
#define RETRY_MAX_S 64
/* RFC 2131 section 4.4.5: no renewal is repeated sooner. */
#define RENEW_RETRY_MIN_NS (60 * NS_PER_S)

/* ---- replies as leases */

static bool is_host_address(uint32_t addr)
{
	uint32_t top = addr >> 24;
	return top != 0 && top != 127 && top < 224;
}

/* T1 and T2 as given when they are in order, else as RFC 2131 section 4.4.5 has them. */
static void set_times(const struct dhcp_reply *r, struct dhcp_lease *l)
{
	l->lease_s = r->lease_s;
	l->renew_s = r->renew_s;
	l->rebind_s = r->rebind_s;
	if (l->lease_s == FOR_EVER) {
		l->renew_s = l->rebind_s = FOR_EVER;
	} else if (!l->renew_s || l->renew_s >= l->rebind_s || l->rebind_s >= l->lease_s) {
		l->renew_s = l->lease_s / 2;
		l->rebind_s = (uint32_t)((uint64_t)l->lease_s * 7 / 8);
	}
}

static enum err to_lease(const struct dhcp_reply *r, struct dhcp_lease *l)
{
	if (!r->mask_len || !r->server || !r->lease_s)
		return ERR_MISSING;
	if (!is_host_address(r->yiaddr) || (r->router && !is_host_address(r->router)))
		return ERR_RANGE;
	*l = (struct dhcp_lease){
		.addr = r->yiaddr,
		.prefix_len = r->mask_len,
		.router = r->router,
		.dns = {r->dns[0], r->dns[1]},
		.mtu = r->mtu,
		.server = r->server,
	};
	set_times(r, l);
	return ERR_OK;
}

static bool same_but_times(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	return a->addr == b->addr && a->prefix_len == b->prefix_len && a->router == b->router &&
	       a->dns[0] == b->dns[0] && a->dns[1] == b->dns[1] && a->mtu == b->mtu;
}

/* ---- states */

static bool holds_lease(const struct dhcp_client *c)
{
	return c->state >= DHCP_BOUND;
}

static uint64_t lease_point(const struct dhcp_client *c, uint32_t after_s)
{
	return after_s == FOR_EVER ? UINT64_MAX : c->leased_ns + after_s * NS_PER_S;
}

/* 1, 2, 4 ... seconds, each a quarter more or less, so that machines that start together drift apart. */
static uint64_t retry_ns(unsigned tries, uint64_t random)
{
	uint64_t s = tries < 6 ? 1ull << tries : RETRY_MAX_S;
	uint64_t quarter_ns = s * NS_PER_S / 4;
	return 3 * quarter_ns + (random & UINT32_MAX) * 2 * quarter_ns / UINT32_MAX;
}

static void enter(struct dhcp_client *c, enum dhcp_state state, uint64_t due_ns)
{
	c->state = state;
	c->tries = 0;
	c->due_ns = due_ns;
}

/* A new exchange has a new xid, so that late answers to the old one are not taken. */
static void begin_exchange(struct dhcp_client *c, enum dhcp_state state, uint64_t at_ns, uint64_t random)
{
	enter(c, state, at_ns);
	c->xid = (uint32_t)(random >> 32);
	c->started_ns = at_ns;
}

void dhcp_start(struct dhcp_client *c, const uint8_t mac[6], uint64_t now_ns, uint64_t random)
{
	*c = (struct dhcp_client){.refused = ERR_OK};
	memcpy(c->mac, mac, sizeof(c->mac));
	begin_exchange(c, DHCP_SELECTING, now_ns, random);
}

/* ---- time */

static void send_message(struct dhcp_client *c, uint64_t now_ns, uint64_t next_ns, struct buf *packet)
{
	uint64_t secs = (now_ns - c->started_ns) / NS_PER_S;
	struct dhcp_request r = {
		.type = c->state == DHCP_SELECTING ? DHCP_TYPE_DISCOVER : DHCP_TYPE_REQUEST,
		.xid = c->xid,
		.secs = secs > UINT16_MAX ? UINT16_MAX : (uint16_t)secs,
		.own_addr = holds_lease(c) ? c->lease.addr : 0,
	};
	memcpy(r.mac, c->mac, sizeof(r.mac));
	if (c->state == DHCP_REQUESTING) {
		r.requested = c->offer.addr;
		r.server = c->offer.server;
	}
	dhcp_wire_write(packet, &r);
	c->tries++;
	c->sent_ns = now_ns;
	c->due_ns = next_ns;
}

static enum dhcp_event tick_leased(struct dhcp_client *c, uint64_t now_ns, uint64_t random,
				   struct buf *packet)
{
	uint64_t rebind_ns = lease_point(c, c->lease.rebind_s), end_ns = lease_point(c, c->lease.lease_s);
	if (now_ns >= end_ns) {
		begin_exchange(c, DHCP_SELECTING, now_ns, random);
		return DHCP_LOST;
	}
	if (c->state == DHCP_BOUND)
		begin_exchange(c, DHCP_RENEWING, now_ns, random);
	if (c->state == DHCP_RENEWING && now_ns >= rebind_ns)
		enter(c, DHCP_REBINDING, now_ns);
	uint64_t until_ns = c->state == DHCP_RENEWING ? rebind_ns : end_ns;
	uint64_t half_ns = (until_ns - now_ns) / 2;
	uint64_t next_ns = now_ns + (half_ns > RENEW_RETRY_MIN_NS ? half_ns : RENEW_RETRY_MIN_NS);
	send_message(c, now_ns, next_ns < until_ns ? next_ns : until_ns, packet);
	return DHCP_NOTHING;
}

enum dhcp_event dhcp_tick(struct dhcp_client *c, uint64_t now_ns, uint64_t random, struct buf *packet)
{
	if (now_ns < c->due_ns)
		return DHCP_NOTHING;
	if (holds_lease(c))
		return tick_leased(c, now_ns, random, packet);
	if (c->state == DHCP_REQUESTING && c->tries == REQUEST_TRIES)
		begin_exchange(c, DHCP_SELECTING, now_ns, random);
	send_message(c, now_ns, now_ns + retry_ns(c->tries, random), packet);
	return DHCP_NOTHING;
}

/* ---- replies */

/* Whether a reply of this type, from this server, is expected now. */
static bool expected(const struct dhcp_client *c, const struct dhcp_reply *r)
{
	bool answer = r->type == DHCP_TYPE_ACK || r->type == DHCP_TYPE_NAK;
	switch (c->state) {
	case DHCP_SELECTING:
		return r->type == DHCP_TYPE_OFFER;
	case DHCP_REQUESTING:
		return answer && r->server == c->offer.server;
	case DHCP_BOUND:
		return false;
	default:
		return answer;
	}
}

static enum dhcp_event on_nak(struct dhcp_client *c, uint64_t now_ns, uint64_t random)
{
	bool had_lease = holds_lease(c);
	c->refused = ERR_REFUSED;
	/* not at once: a server that refuses for ever must not be asked in a tight loop */
	begin_exchange(c, DHCP_SELECTING, now_ns + retry_ns(1, random), random);
	return had_lease ? DHCP_LOST : DHCP_NOTHING;
}

static enum dhcp_event on_ack(struct dhcp_client *c, const struct dhcp_lease *l)
{
	bool same = holds_lease(c) && same_but_times(l, &c->lease);
	c->lease = *l;
	c->leased_ns = c->sent_ns;
	enter(c, DHCP_BOUND, lease_point(c, l->renew_s));
	return same ? DHCP_RENEWED : DHCP_LEASED;
}

enum dhcp_event dhcp_receive(struct dhcp_client *c, uint64_t now_ns, uint64_t random, struct span datagram,
			     bool checksum_ready)
{
	struct dhcp_reply r;
	enum err e = dhcp_wire_read(datagram, checksum_ready, c->mac, c->xid, &r);
	if (e == ERR_NOT_FOUND || (!e && !expected(c, &r)))
		return DHCP_NOTHING;
	if (!e && r.type == DHCP_TYPE_NAK)
		return on_nak(c, now_ns, random);
	struct dhcp_lease l;
	if (!e)
		e = to_lease(&r, &l);
	if (!e && c->state == DHCP_REQUESTING && l.addr != c->offer.addr)
		e = ERR_PROTOCOL;
	c->refused = e;
	if (e)
		return DHCP_NOTHING;
	if (r.type == DHCP_TYPE_ACK)
		return on_ack(c, &l);
	c->offer = l;
	enter(c, DHCP_REQUESTING, now_ns);
	return DHCP_NOTHING;
}
