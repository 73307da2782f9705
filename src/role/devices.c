#include "role/devices.h"

#include <string.h>

#include "os/log.h"
#include "role/report.h"

uint32_t devices_by_ifindex(const struct gateway_links *links, uint32_t ifindex)
{
	uint32_t i = 0;
	while (i < links->count && links->link[i].ifindex != ifindex)
		i++;
	return i;
}

const struct msg_link *devices_described(const struct msg_links *imds, const struct rtnl_link *link)
{
	for (uint32_t i = 0; i < imds->count; i++)
		if (memcmp(imds->link[i].mac, link->mac, sizeof(link->mac)) == 0)
			return &imds->link[i];
	return NULL;
}

uint32_t devices_by_number(const struct gateway_links *links, const struct msg_links *imds, uint32_t number)
{
	uint32_t i = 0;
	for (; i < links->count; i++) {
		const struct msg_link *m = devices_described(imds, &links->link[i]);
		if (m && m->device_number == number)
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

void devices_message(const struct rtnl_link *link, const struct dhcp_lease *lease,
		     const struct msg_link *imds, struct msg_link *out)
{
	*out = (struct msg_link){.ifindex = link->ifindex, .device_number = DEVICE_UNKNOWN};
	memcpy(out->name, link->name, sizeof(out->name));
	memcpy(out->mac, link->mac, sizeof(out->mac));
	out->rx_packets = link->rx_packets;
	out->mtu = link->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)link->mtu;
	if (imds) {
		out->device_number = imds->device_number;
		memcpy(out->eni, imds->eni, sizeof(out->eni));
		out->own_addr = imds->own_addr;
		out->prefix_len = imds->prefix_len;
	}
	if (lease) {
		out->own_addr = lease->addr;
		out->prefix_len = lease->prefix_len;
	}
}

void devices_log_address(const struct gateway_links *links, const struct rtnl_addr *addr, bool gone)
{
	uint32_t i = devices_by_ifindex(links, addr->ifindex);
	if (i == links->count)
		return;
	log_begin(LOG_INFO, gone ? "address-removed" : "address-set");
	log_str("link", links->link[i].name);
	log_str("address", report_ip(addr->addr).s);
	log_end();
}
