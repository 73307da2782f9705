#include "role/net/devices.h"

#include <string.h>

#include "os/ethtool.h"
#include "os/log.h"
#include "role/net/addressing.h"
#include "role/report.h"

uint32_t devices_by_ifindex(const struct gateway_links *links, uint32_t ifindex)
{
	uint32_t i = 0;
	while (i < links->count && links->link[i].ifindex != ifindex)
		i++;
	return i;
}

const struct imds_link *devices_described(const struct msg_described *imds, const struct rtnl_link *link)
{
	for (uint32_t i = 0; i < imds->count; i++)
		if (memcmp(imds->link[i].mac, link->mac, sizeof(link->mac)) == 0)
			return &imds->link[i];
	return NULL;
}

uint32_t devices_by_number(const struct gateway_links *links, const struct msg_described *imds,
			   uint32_t number)
{
	uint32_t i = 0;
	for (; i < links->count; i++) {
		const struct imds_link *d = devices_described(imds, &links->link[i]);
		if (d && d->device_number == number)
			break;
	}
	return i;
}

void devices_take_mtus(struct gateway_links *known, const struct gateway_links *now)
{
	for (uint32_t i = 0; i < known->count; i++) {
		uint32_t at = devices_by_ifindex(now, known->link[i].ifindex);
		if (at < now->count)
			known->link[i].mtu = now->link[at].mtu;
	}
}

void devices_log(const struct gateway_links *links)
{
	for (uint32_t i = 0; i < links->count; i++) {
		log_begin(LOG_INFO, "link");
		log_str("name", links->link[i].name);
		log_str("mac", report_mac(links->link[i].mac).s);
		log_u64("mtu", links->link[i].mtu);
		log_end();
	}
}

static void fill_message(const struct rtnl_link *link, const struct dhcp_lease *lease,
			 const struct imds_link *imds, struct msg_link *out)
{
	_Static_assert(IMDS_ADDRS_MAX + IMDS_ADDRS6_MAX < MSG_LINK_OWN + 1, "all and the lease's fit");
	*out = (struct msg_link){.ifindex = link->ifindex, .device_number = DEVICE_UNKNOWN};
	memcpy(out->name, link->name, sizeof(out->name));
	memcpy(out->mac, link->mac, sizeof(out->mac));
	out->rx_packets = link->rx_packets;
	out->mtu = link->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)link->mtu;
	if (imds) {
		out->device_number = imds->device_number;
		memcpy(out->eni, imds->eni, sizeof(out->eni));
	}
	struct rtnl_addr own[ADDRESSING_ADDRS];
	_Static_assert(MSG_LINK_OWN == ADDRESSING_ADDRS, "all fit");
	out->own_count = addressing_own(imds, lease, link->ifindex, own);
	for (uint32_t i = 0; i < out->own_count; i++)
		out->own[i] = own[i].addr;
	if (out->own_count == 0 || !ip_is_v4(&own[0].addr))
		return;
	out->own_addr = ip_to_v4(&own[0].addr);
	out->prefix_len = own[0].prefix_len;
}

void devices_messages(const struct gateway_links *links, const struct devices_lease lease[DEVICES],
		      const struct msg_described *imds, struct msg_links *out)
{
	*out = (struct msg_links){.count = imds ? DEVICE_INSIDE + 1 : links->count};
	if (links->count > out->count)
		out->evidence = links->link[DEVICE_EVIDENCE].ifindex;
	for (uint32_t i = 0; i < out->count; i++) {
		const struct rtnl_link *link = &links->link[i];
		const struct dhcp_lease *held = NULL;
		for (uint32_t d = 0; d < DEVICES && !held; d++)
			held = link->ifindex == lease[d].ifindex ? lease[d].lease : NULL;
		fill_message(link, held, imds ? devices_described(imds, link) : NULL, &out->link[i]);
		out->link[i].speed_bps = ethtool_speed_bps(link->name);
		if (imds)
			out->link[i].device_number = i;
	}
	if (lease[0].lease)
		memcpy(out->dns, lease[0].lease->dns, sizeof(out->dns));
}

bool devices_replace(struct gateway_links *known, const struct gateway_links *now,
		     const struct msg_described *imds, uint32_t fresh[DEVICES])
{
	bool found = false;
	for (uint32_t d = 0; d < known->count; d++) {
		uint32_t at = devices_by_number(now, imds, d);
		if (devices_by_ifindex(now, known->link[d].ifindex) < now->count || at == now->count)
			continue;
		known->link[d] = now->link[at];
		known->link[d].up = known->link[d].carrier = false;
		fresh[d] = known->link[d].ifindex;
		found = true;
	}
	return found;
}

bool devices_all_there(const struct gateway_links *known, const struct gateway_links *now)
{
	uint32_t d = 0;
	while (d < known->count && devices_by_ifindex(now, known->link[d].ifindex) < now->count)
		d++;
	return d == known->count;
}

void devices_log_address(void *arg, const struct rtnl_addr *addr, bool gone)
{
	const struct gateway_links *links = arg;
	uint32_t i = devices_by_ifindex(links, addr->ifindex);
	if (i == links->count)
		return;
	log_begin(LOG_INFO, gone ? "address-removed" : "address-set");
	log_str("link", links->link[i].name);
	char text[40];
	struct buf b = BUF_OF(text);
	ip_text(&b, &addr->addr);
	log_str("address", buf_cstr(&b));
	log_end();
}

enum err devices_find(const struct gateway_links *links, const struct msg_described *imds, struct report *r,
		      uint32_t device[DEVICES])
{
	device[DEVICE_EVIDENCE] = devices_by_number(links, imds, DEVICE_EVIDENCE);
	for (uint32_t i = 0; i < DEVICE_EVIDENCE; i++) {
		device[i] = devices_by_number(links, imds, i);
		if (device[i] < links->count)
			continue;
		if (imds->count)
			report_verdict(r, VERDICT_LINK, false,
				       "no link here is the interface with device number %u: attach it", i);
		return ERR_MISSING;
	}
	return ERR_OK;
}

void devices_keep(struct gateway_links *links, const uint32_t device[DEVICES], bool evidence)
{
	struct rtnl_link link[DEVICES] = {0};
	for (uint32_t d = 0; d < DEVICES; d++)
		if (device[d] < links->count)
			link[d] = links->link[device[d]];
	memcpy(links->link, link, sizeof(link));
	links->count = evidence ? DEVICES : DEVICE_EVIDENCE;
	log_begin(LOG_INFO, "configured");
	log_str("outside", link[DEVICE_OUTSIDE].name);
	log_str("inside", link[DEVICE_INSIDE].name);
	if (evidence)
		log_str("evidence", link[DEVICE_EVIDENCE].ifindex ? link[DEVICE_EVIDENCE].name : "none yet");
	log_end();
}

void devices_report(const struct gateway_links *two, struct report *r)
{
	for (uint32_t d = 0; d < 2; d++) {
		if (two->link[d].up && two->link[d].carrier)
			continue;
		report_verdict(r, VERDICT_LINK, false, "%s is down: check the interface's attachment",
			       two->link[d].name);
		return;
	}
	report_verdict(r, VERDICT_LINK, true, "2 Ethernet links");
}

bool devices_describe(struct msg_described *known, const struct msg_described *told)
{
	if (told->count == 0 || told->count > IMDS_LINKS_MAX || memcmp(known, told, sizeof(*told)) == 0)
		return false;
	*known = *told;
	for (uint32_t i = 0; i < told->count; i++)
		if (told->link[i].left_out)
			log_event(LOG_WARN, "addresses-left-out", "interface", told->link[i].eni);
	return true;
}
