#include "role/net/linkwatch.h"

#include <string.h>

#include "os/log.h"

static const char *const ena_names[ENA_COUNTERS] = {
	[ENA_BW_IN] = "bw_in_allowance_exceeded",
	[ENA_BW_OUT] = "bw_out_allowance_exceeded",
	[ENA_PPS] = "pps_allowance_exceeded",
	[ENA_CONNTRACK] = "conntrack_allowance_exceeded",
	[ENA_LINKLOCAL] = "linklocal_allowance_exceeded",
	[ENA_CONNTRACK_AVAILABLE] = "conntrack_allowance_available",
};

/* Older drivers and instance types have fewer of them: the last is left out before all are. What can't be
 * read stays as it is in *s. */
static void read_ena(const struct linkwatch *w, const char *link, struct cloudwatch_sample *s)
{
	uint64_t values[ENA_COUNTERS] = {0};
	uint32_t count = ENA_COUNTERS;
	enum err e = w->read(link, ena_names, count, values);
	if (e == ERR_NOT_FOUND) {
		count = ENA_CONNTRACK_AVAILABLE;
		e = w->read(link, ena_names, count, values);
	}
	if (e)
		return;
	memcpy(s->ena, values, count * sizeof(values[0]));
	s->has_ena = 1;
	s->has_conntrack_available = count == ENA_COUNTERS;
}

/* What the link counted since it was last looked at; nothing the first time. */
static struct cloudwatch_sample look_at(struct linkwatch *w, uint32_t d, const struct rtnl_link *link)
{
	struct cloudwatch_sample now = w->last[d], since;
	struct cloudwatch_link *const side[DEVICES] = {&now.outside, &now.inside, &now.evidence};
	*side[d] =
		(struct cloudwatch_link){link->rx_packets, link->rx_bytes, link->tx_packets, link->tx_bytes};
	if (d != DEVICE_EVIDENCE) {
		now.lost_before_tap = link->rx_dropped;
		now.rx_missed = link->rx_missed;
		read_ena(w, link->name, &now);
	}
	if (!w->begun[d])
		w->last[d] = now;
	if (!w->last[d].has_ena)
		memcpy(w->last[d].ena, now.ena, sizeof(now.ena));
	since = now;
	cloudwatch_since(&since, &w->last[d]);
	w->last[d] = now;
	w->begun[d] = true;
	return since;
}

static void tell(const char *cause, uint64_t packets, uint64_t total)
{
	if (packets == 0)
		return;
	log_begin(LOG_ALARM, "lost-before-ring");
	log_str("cause", cause);
	log_u64("packets", packets);
	log_u64("total", total);
	log_end();
}

static void tell_losses(const struct cloudwatch_sample *since, const struct cloudwatch_sample *counted)
{
	tell("kernel", since->lost_before_tap, counted->lost_before_tap);
	tell("nic", since->rx_missed, counted->rx_missed);
	for (uint32_t i = 0; i < ENA_CONNTRACK_AVAILABLE; i++)
		tell(ena_names[i], since->ena[i], counted->ena[i]);
}

void linkwatch_look(struct linkwatch *w, const struct gateway_links *links, const uint32_t ifindex[DEVICES],
		    bool forwarding, struct cloudwatch_sample *counted)
{
	struct cloudwatch_sample since = {.at_ns = 0};
	uint32_t working = 0;
	for (uint32_t d = 0; d < DEVICES; d++) {
		uint32_t at = devices_by_ifindex(links, ifindex[d]);
		if (at == links->count)
			continue;
		struct cloudwatch_sample one = look_at(w, d, &links->link[at]);
		cloudwatch_add(&since, &one);
		working += d != DEVICE_EVIDENCE && links->link[at].up && links->link[at].carrier;
	}
	*counted = since;
	cloudwatch_carry(counted, &w->counted);
	w->counted = *counted;
	/* what came about since the last look did so while it was as it was then */
	if (w->forwarding)
		tell_losses(&since, counted);
	w->forwarding = forwarding;
	counted->forwarding = forwarding && working == 2;
}
