/* The rule set in this machine's kernel, in a network namespace of its own: what the kernel takes, keeps and
 * counts. */
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/conf.h"
#include "check.h"
#include "net/nft.h"
#include "net/nft_counter.h"
#include "os/netlink.h"

static int filter = -1;
static struct conf_nets sources;
static struct conf_gateway conf;
static struct nft_counter counters[NFT_COUNTERS_MAX + 1];
static uint32_t counted;

static enum err replace(const struct nft_gateway *g)
{
	static uint8_t bytes[NFT_BATCH_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	nft_replace(&b, 1, g);
	CHECK(buf_err(&b) == ERR_OK);
	enum err e = netlink_transact(filter, buf_span(&b), &f);
	if (e)
		printf("  message %u: %s, errno %d (%zu bytes)\n", f.index, err_text(e), f.code, b.len);
	return e;
}

static void add_counter(void *arg, struct span message)
{
	struct nlmsg m;
	(void)arg;
	CHECK(nlmsg_next(&message, &m) == ERR_OK);
	if (counted <= NFT_COUNTERS_MAX && nft_counter_read(&m, &counters[counted]) == ERR_OK)
		counted++;
}

static void look(void)
{
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	counted = 0;
	nft_counter_dump(&b, 1);
	CHECK(netlink_dump(filter, buf_span(&b), add_counter, NULL) == ERR_OK);
}

static const struct nft_counter *counter(const char *name)
{
	for (uint32_t i = 0; i < counted; i++)
		if (!strcmp(counters[i].name, name))
			return &counters[i];
	return NULL;
}

/* As many of everything as the configuration has room for, each as long as it can be. */
static void fill(void)
{
	char text[200];
	conf = (struct conf_gateway){.flows_per_source = 1000000, .new_flows_per_second = 1000000};
	CHECK(conf_gateway_read_nat(SPAN("198.51.100.7"), &conf) == ERR_OK);
	for (unsigned i = 0; i < CONF_PUBLISHED; i++) {
		int n = snprintf(text, sizeof(text), "udp %u-%u -> 10.0.2.%u:9 from 203.0.113.128/25",
				 60000 + 2 * i, 60001 + 2 * i, i + 1);
		CHECK(conf_gateway_read_publish(span_of(text, (size_t)n), 10000 + i, &conf) == ERR_OK);
	}
	for (unsigned i = 0; i < CONF_FORWARD_RULES; i++) {
		int n = snprintf(text, sizeof(text),
				 "%s udp from 2001:db8::%x:0/113 port 1-2 to 2001:db8::1:%x:0/113 port 3-4",
				 i % 2 ? "in" : "out", i, i);
		CHECK(conf_gateway_read_forward(span_of(text, (size_t)n), 20000 + i, i % 3 == 0, &conf) ==
		      ERR_OK);
	}
}

static void takes_the_largest(void)
{
	struct nft_gateway g = {.fresh = true, .open = true, .outside = 3, .inside = 7, .conf = &conf};
	const struct nft_gateway closed = {.fresh = true, .evidence = 9};
	fill();
	for (sources.count = 0; sources.count < CONF_NETS; sources.count++)
		CHECK(ip_net_read(SPAN("2001:db8:ffff:8000::/49"), &sources.net[sources.count]) == ERR_OK);
	g.status = (struct nft_status){9100, 7, &sources};
	g.open = false;
	CHECK(replace(&g) == ERR_OK);
	g.open = true;
	CHECK(replace(&closed) == ERR_OK);
	g.evidence = 9;
	CHECK(replace(&g) == ERR_OK);
	look();
	CHECK(counted == NFT_COUNTERS_MAX);
	CHECK(counter("publish-10031") && counter("allow-20063") && counter("deny-20001"));
	for (int i = 0; i < NFT_REASONS; i++)
		CHECK(counter(nft_reason_name((enum nft_reason)i)));
}

static void takes_every_kind(void)
{
	static const char *const nats[] = {"masquerade", "none", "198.51.100.7"};
	static const char *const lines[] = {"out icmp",
					    "out icmp to 10.0.0.0/9",
					    "in icmp from 2001:db8::/33",
					    "out any from ::/0",
					    "in tcp to any port 22",
					    "out udp from 10.1.2.3 port 53 to any",
					    "in"};
	for (size_t i = 0; i < 3; i++) {
		conf = (struct conf_gateway){.flows_per_source = i};
		CHECK(conf_gateway_read_nat(span_str(nats[i]), &conf) == ERR_OK);
		CHECK(conf_gateway_read_publish(SPAN("tcp 80 -> 10.0.0.1"), 1, &conf) == ERR_OK);
		CHECK(conf_gateway_read_publish(SPAN("udp 1-9 -> 10.0.0.1:5"), 2, &conf) == ERR_OK);
		for (unsigned k = 0; k < sizeof(lines) / sizeof(lines[0]); k++)
			CHECK(conf_gateway_read_forward(span_str(lines[k]), 3 + k, k % 2, &conf) == ERR_OK);
		struct nft_gateway g = {
			.fresh = true, .open = true, .outside = 3, .inside = 7, .conf = &conf};
		CHECK(replace(&g) == ERR_OK);
		g.fresh = false;
		CHECK(replace(&g) == ERR_OK);
	}
}

static void lo_up(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(ioctl(s, SIOCSIFFLAGS, &r) == 0);
	close(s);
}

/* By the loopback link, whose packets come in again: the first datagram of a flow, 29 bytes with its IPv4
 * header, or a SYN. */
static void say(uid_t uid, int kind, uint32_t addr, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	setfsuid(uid);
	int s = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setfsuid(0);
	store_be16((uint8_t *)&to.sin_port, port);
	store_be32((uint8_t *)&to.sin_addr, addr);
	CHECK(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
	/* what the filter drops may be an error here */
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) == 0)
		(void)!send(s, "x", 1, 0);
	close(s);
}

static void ask_dns(uint32_t addr)
{
	say(UID_NET, SOCK_DGRAM, addr, 53);
}

static void counts_go_on(void)
{
	struct nft_gateway closed = {.fresh = true}, open = {.open = true, .outside = 3, .inside = 7};
	fill();
	open.conf = &conf;
	lo_up();
	CHECK(replace(&closed) == ERR_OK);
	ask_dns(127u << 24 | 1);
	look();
	CHECK(counted == NFT_REASONS && counter("stopped")->packets == 0);
	ask_dns(198u << 24 | 51u << 16 | 100u << 8 | 1);
	look();
	CHECK(counter("stopped")->packets == 1 && counter("stopped")->bytes == 29);
	CHECK(replace(&open) == ERR_OK);
	look();
	CHECK(counter("stopped")->packets == 1 && counter("allow-20000")->packets == 0);
	closed.fresh = false;
	CHECK(replace(&closed) == ERR_OK);
	ask_dns(198u << 24 | 51u << 16 | 100u << 8 | 1);
	look();
	CHECK(counter("stopped")->packets == 2 && counter("allow-20000"));
	closed.fresh = true;
	CHECK(replace(&closed) == ERR_OK);
	look();
	CHECK(counted == NFT_REASONS && counter("stopped")->packets == 0);
}

#define SERVICE (192u << 24 | 2u << 8 | 1)
#define IMDS (169u << 24 | 254u << 16 | 169u << 8 | 254u)

/* Whether the filter lets it out. */
static bool may(uid_t uid, int kind, uint32_t addr, uint16_t port)
{
	look();
	uint64_t before = counter("from-appliance")->packets;
	say(uid, kind, addr, port);
	look();
	return counter("from-appliance")->packets == before;
}

static void open_goal(uint32_t uid, uint32_t addr, uint16_t port)
{
	uint8_t bytes[NFT_GOALS_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	struct ip to[2] = {ip_from_v4(addr), {{0x20, 1, 0xd, 0xb8}}};
	nft_own_goals(&b, 1, uid, to, 2, port);
	CHECK(buf_err(&b) == ERR_OK && netlink_transact(filter, buf_span(&b), &f) == ERR_OK);
}

static void each_user_has_its_goals(void)
{
	static const uid_t users[] = {0, UID_NET, UID_KEYS, UID_UPLOAD, 104, 105, 106, 107, 1000};
	const struct nft_gateway closed = {.fresh = true};
	uint8_t bytes[NFT_CLOSE_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	CHECK(replace(&closed) == ERR_OK);
	open_goal(UID_UPLOAD, SERVICE, 443);
	open_goal(UID_UPLOAD, SERVICE, 443);
	open_goal(UID_KEYS, SERVICE + 1, 8443);
	nft_close(&b, 1); /* they stay */
	CHECK(buf_err(&b) == ERR_OK && netlink_transact(filter, buf_span(&b), &f) == ERR_OK);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		uid_t u = users[i];
		CHECK(may(u, SOCK_DGRAM, SERVICE, 53) == (u == UID_NET));
		CHECK(may(u, SOCK_DGRAM, SERVICE, 123) == (u == UID_NET));
		CHECK(may(u, SOCK_STREAM, SERVICE, 53) == (u == UID_NET));
		CHECK(may(u, SOCK_STREAM, IMDS, 80) == (u == UID_KEYS));
		CHECK(may(u, SOCK_STREAM, SERVICE, 443) == (u == UID_UPLOAD));
		CHECK(may(u, SOCK_STREAM, SERVICE + 1, 8443) == (u == UID_KEYS));
		CHECK(!may(u, SOCK_STREAM, SERVICE, 8443) && !may(u, SOCK_STREAM, SERVICE + 1, 443));
		CHECK(!may(u, SOCK_STREAM, IMDS, 443) && !may(u, SOCK_DGRAM, SERVICE, 443));
		CHECK(!may(u, SOCK_STREAM, IMDS + 1, 80) && !may(u, SOCK_DGRAM, SERVICE, 67));
	}
}

static void there_is_nothing_to_close(void)
{
	uint8_t bytes[NFT_CLOSE_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	CHECK(unshare(CLONE_NEWNET) == 0);
	close(filter);
	CHECK(netlink_open(NETLINK_NETFILTER, 0, &filter) == ERR_OK);
	nft_close(&b, 1);
	CHECK(netlink_transact(filter, buf_span(&b), &f) == ERR_NOT_FOUND);
	look();
	CHECK(counted == 0);
}

int main(void)
{
	if (unshare(CLONE_NEWNET) || netlink_open(NETLINK_NETFILTER, 0, &filter)) {
		printf("skip the rule set in this kernel: it takes root and nftables\n");
		return 0;
	}
	RUN(takes_every_kind, "the kernel takes each kind of rule, also in place of itself");
	RUN(takes_the_largest,
	    "the kernel takes the largest configuration as one batch, and lists all its counters");
	RUN(counts_go_on,
	    "counters go on when the rules are replaced, closed or open, until they are to begin anew");
	RUN(each_user_has_its_goals, "each user may begin what its role is for, and no other anything");
	RUN(there_is_nothing_to_close, "closing does not make half a rule set where there is none");
	return check_done();
}
