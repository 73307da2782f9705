#include "role/net/ruleset.h"

#include <string.h>

#include "base/text.h"
#include "os/clock.h"
#include "role/net/devices.h"

_Static_assert(NFT_PORT_LAST + 1 == OWN_PORT_FIRST, "translated flows have the ports below the own ones");

struct nft_gateway ruleset(const struct settings *s, const struct gateway_links *known, bool open)
{
	const struct rtnl_link *link = known->link;
	uint32_t outside = link[DEVICE_OUTSIDE].ifindex, inside = link[DEVICE_INSIDE].ifindex;
	return (struct nft_gateway){
		.open = open,
		.status = {.port = (uint16_t)s->status_port,
			   .ifindex = s->status_interface == CONF_OUTSIDE ? outside : inside,
			   .sources = &s->status_sources},
		.outside = outside,
		.inside = inside,
		.evidence = known->count > DEVICE_EVIDENCE ? link[DEVICE_EVIDENCE].ifindex : 0,
		.conf = &s->gateway,
	};
}

void ruleset_log(const struct settings *s)
{
	uint8_t text[16];
	struct buf b = BUF_OF(text);
	conf_gateway_nat_text(&b, &s->gateway);
	log_span("nat", buf_span(&b));
}

void ruleset_check(const struct settings *s, const struct msg_link *outside)
{
	struct ip addr = ip_from_v4(s->gateway.snat_addr);
	bool own = s->gateway.nat != CONF_NAT_SNAT;
	for (uint32_t i = 0; i < outside->own_count && i < MSG_LINK_OWN; i++)
		own |= ip_eq(&outside->own[i], &addr);
	if (own)
		return;
	log_begin(LOG_WARN, "nat-address-is-not-own");
	ruleset_log(s);
	log_str("remedy", "assign it to the outside interface, or no answer comes back");
	log_end();
}

static uint64_t packets_of(const struct ruleset_watch *c, const char *name)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (strcmp(c->counter[i].name, name) == 0)
			return c->counter[i].packets;
	return 0;
}

static void tell(const struct ruleset_watch *last, const struct ruleset_watch *now)
{
	bool more = false;
	for (int i = 0; i < NFT_REASONS; i++) {
		const char *name = nft_reason_name((enum nft_reason)i);
		more |= packets_of(now, name) > packets_of(last, name);
	}
	if (!more)
		return;
	log_begin(LOG_INFO, "not-forwarded");
	for (int i = 0; i < NFT_REASONS; i++) {
		const char *name = nft_reason_name((enum nft_reason)i);
		uint64_t packets = packets_of(now, name);
		if (packets)
			log_u64(name, packets);
	}
	log_end();
}

static void add_up(struct ruleset_watch *w, const struct ruleset_watch *now)
{
	for (int i = 0; w->begun && i < NFT_REASONS; i++) {
		const char *name = nft_reason_name((enum nft_reason)i);
		uint64_t packets = packets_of(now, name), before = packets_of(w, name);
		w->dropped[i] += packets > before ? packets - before : 0;
	}
	w->begun = true;
}

void ruleset_look(struct gateway *g, struct ruleset_watch *w, struct cloudwatch_sample *counted)
{
	static struct ruleset_watch now;
	struct conntrackwatch_counts flows;
	if (gateway_counters(g, now.counter, NFT_COUNTERS_MAX, &now.count) == ERR_OK) {
		tell(w, &now);
		add_up(w, &now);
		w->count = now.count;
		memcpy(w->counter, now.counter, sizeof(w->counter));
	}
	if (gateway_conntrack(g, &flows) == ERR_OK) {
		conntrackwatch_look(&w->conntrack, &flows);
		w->refused = (struct msg_refused){.at_ns = clock_real_ns(), .stats = flows.stats};
	}
	counted->flows = w->conntrack.last.flows;
	counted->flows_max = w->conntrack.last.max;
	memcpy(counted->not_forwarded, w->dropped, sizeof(w->dropped));
	counted->not_forwarded[CLOUDWATCH_FULL] = w->conntrack.counted.full;
	counted->not_forwarded[CLOUDWATCH_NO_PORT] = w->conntrack.counted.no_port;
}
