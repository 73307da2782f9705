/* nl: netlink messages: every step consumes something and stays inside; links, addresses and counters are
 * sane. Input: what the kernel sent. */
#include "net/ctstats.h"
#include "net/nft.h"
#include "net/nft_counter.h"
#include "net/rtnl.h"

#include "fuzz.h"

static void read_attrs(struct span attrs, struct span all)
{
	struct span value;
	uint16_t type;
	for (size_t before = attrs.len; !nlmsg_attr_next(&attrs, &type, &value); before = attrs.len) {
		MUST(attrs.len < before && fuzz_within(value, all) && fuzz_within(attrs, all));
		MUST((type & 0xc000) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), in = all;
	struct nlmsg m;
	for (size_t before = in.len; !nlmsg_next(&in, &m); before = in.len) {
		struct rtnl_link link;
		struct rtnl_addr addr;
		bool gone;
		MUST(in.len < before && fuzz_within(m.body, all) && fuzz_within(in, all));
		read_attrs(m.body, all);
		memset(&link, 0xa5, sizeof(link));
		if (!rtnl_read_link(&m, &link, &gone)) {
			MUST_END(link.name);
			MUST(link.name[0] && link.ifindex && link.ifindex <= INT32_MAX);
		}
		struct ctstats stats = {1, 1, 1};
		if (ctstats_add(&m, &stats))
			MUST(stats.insert_failed == 1 && stats.drop == 1 && stats.early_drop == 1);
		struct nft_counter counter;
		memset(&counter, 0xa5, sizeof(counter));
		if (!nft_counter_read(&m, &counter)) {
			MUST_END(counter.name);
			MUST(counter.name[0]);
		}
		if (!rtnl_read_addr(&m, &addr, &gone))
			MUST(addr.prefix_len <= (ip_is_v4(&addr.addr) ? 32 : 128));
		struct rtnl_route route;
		struct rtnl_rule rule;
		struct rtnl_router router;
		if (!rtnl_read_route(&m, &route))
			MUST(route.ifindex && route.prefix_len <= 128);
		static const struct ip none;
		if (!rtnl_read_rule(&m, &rule))
			MUST(rule.uid_first || !ip_eq(&rule.from, &none));
		if (!rtnl_read_router(&m, &router, &gone))
			MUST(!ip_eq(&router.addr, &none) && router.ifindex);
	}
	return 0;
}
