#include "role/linkwatch.h"

#include "os/ethtool.h"
#include "os/log.h"

static const char *const ena_names[ENA_COUNTERS] = {
	[ENA_BW_IN] = "bw_in_allowance_exceeded",
	[ENA_BW_OUT] = "bw_out_allowance_exceeded",
	[ENA_PPS] = "pps_allowance_exceeded",
	[ENA_CONNTRACK] = "conntrack_allowance_exceeded",
	[ENA_LINKLOCAL] = "linklocal_allowance_exceeded",
	[ENA_CONNTRACK_AVAILABLE] = "conntrack_allowance_available",
};

/* Older drivers and instance types have fewer of them: the last is left out before all are. */
static bool read_ena(const char *link, uint64_t values[ENA_COUNTERS])
{
	if (ethtool_counters(link, ena_names, ENA_COUNTERS, values) == ERR_OK)
		return true;
	values[ENA_CONNTRACK_AVAILABLE] = 0;
	return ethtool_counters(link, ena_names, ENA_CONNTRACK_AVAILABLE, values) == ERR_OK;
}

static void add_link(struct cloudwatch_sample *sum, const struct rtnl_link *link)
{
	struct cloudwatch_sample one = {.lost_before_tap = link->rx_dropped, .rx_missed = link->rx_missed};
	one.has_ena = read_ena(link->name, one.ena);
	cloudwatch_add(sum, &one);
}

static void tell(const char *cause, uint64_t before, uint64_t now)
{
	if (now <= before)
		return;
	log_begin(LOG_ALARM, "lost-before-ring");
	log_str("cause", cause);
	log_u64("packets", now - before);
	log_end();
}

static void tell_losses(const struct cloudwatch_sample *before, const struct cloudwatch_sample *now)
{
	tell("kernel", before->lost_before_tap, now->lost_before_tap);
	tell("nic", before->rx_missed, now->rx_missed);
	for (uint32_t i = 0; i < ENA_CONNTRACK_AVAILABLE; i++)
		tell(ena_names[i], before->ena[i], now->ena[i]);
}

enum err linkwatch_look(struct linkwatch *w, struct gateway *g, uint32_t outside, uint32_t inside,
			bool forwarding, struct cloudwatch_sample *counted)
{
	static struct gateway_links all;
	TRY(gateway_list(g, &all));
	w->now = (struct cloudwatch_sample){.at_ns = 0};
	uint32_t seen = 0;
	for (uint32_t i = 0; i < all.count; i++) {
		if (all.link[i].ifindex != outside && all.link[i].ifindex != inside)
			continue;
		add_link(&w->now, &all.link[i]);
		seen++;
	}
	if (seen < 2)
		return ERR_NOT_FOUND;
	if (!w->begun)
		w->start = w->last = w->now;
	w->begun = true;
	if (forwarding)
		tell_losses(&w->last, &w->now);
	w->last = w->now;
	*counted = w->now;
	cloudwatch_since(counted, &w->start);
	counted->forwarding = forwarding;
	return ERR_OK;
}
