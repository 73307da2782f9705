#include "role/net/names.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/rng.h"
#include "os/tcp.h"
#include "os/udp.h"

#define ADDRESSES_MAX (sizeof(((struct msg_addresses *)0)->addr) / sizeof(struct ip))
_Static_assert(DNS_MAX_ADDRS <= ADDRESSES_MAX, "an answer fits its message");

/* Amazon's resolver at its link-local address. */
#define DEFAULT_SERVER (169u << 24 | 254u << 16 | 169u << 8 | 253u)
#define ROUNDS 3
#define PATIENCE_NS NS_PER_S
/* Of a message with addresses of both families, this many are left to IPv6. */
#define IPV6_ROOM (ADDRESSES_MAX / 2)

/* ---- what was found */

static void ask_for(struct names_question *q, enum dns_type type);

/* IPv4 addresses stand first and make room for some of the others. */
static void collect(struct msg_addresses *to, const struct ip *addr, uint32_t count)
{
	uint32_t room = count < IPV6_ROOM ? count : IPV6_ROOM;
	if (to->count > ADDRESSES_MAX - room)
		to->count = (uint32_t)ADDRESSES_MAX - room;
	for (uint32_t i = 0; i < count && to->count < ADDRESSES_MAX; i++)
		to->addr[to->count++] = addr[i];
}

/* One family is done: count addresses, or the reason why there are none. */
static void settle(struct names_question *q, enum err e, const struct ip *addr, uint32_t count)
{
	bool absent = e == ERR_NOT_FOUND;
	collect(&q->found, addr, count);
	if (q->type == DNS_A && q->name.ipv6 && (!e || absent)) {
		ask_for(q, DNS_AAAA);
		return;
	}
	q->found.error = q->found.count ? ERR_OK : e;
	q->busy = false;
	q->names->answered(q->names->arg, q->asker, &q->name, &q->found, q->server);
}

static void settle_known(struct names_question *q, const struct dns_known *k)
{
	settle(q, k->count ? ERR_OK : ERR_NOT_FOUND, k->addr, k->count);
}

/* ---- questions */

static void hang_up(struct names_question *q)
{
	loop_timer_stop(q->names->loop, &q->patience);
	loop_unwatch(q->names->loop, &q->watch);
	q->tcp = false;
	if (q->watch.fd < 0)
		return;
	close(q->watch.fd);
	q->watch.fd = -1;
}

static void say_stale(struct names *n, const char *host, bool stale)
{
	if (n->stale == stale)
		return;
	n->stale = stale;
	log_event(stale ? LOG_WARN : LOG_INFO, stale ? "dns-silent-older-answers-used" : "dns-answers-again",
		  "host", host);
}

/* A server has answered: with addresses, or that there are none. */
static void answered(struct names_question *q, enum err e, struct dns_answer *a)
{
	struct names *n = q->names;
	hang_up(q);
	dns_cache_put(&n->cache, q->name.host, q->type, a, clock_mono_ns());
	say_stale(n, q->name.host, false);
	settle(q, e, a->addr, a->count);
}

/* No server has. */
static void unanswered(struct names_question *q)
{
	struct names *n = q->names;
	const struct dns_known *k = dns_cache_stale(&n->cache, q->name.host, q->type, clock_mono_ns(), true);
	hang_up(q);
	if (k || q->found.count)
		q->server = 0; /* its silence is not the answer's fault */
	if (!k) {
		settle(q, q->error, NULL, 0);
		return;
	}
	say_stale(n, q->name.host, true);
	settle_known(q, k);
}

/* The next try comes when the patience with this one ends, so that a server that fails is not flooded. */
static void attempt_failed(struct names_question *q, enum err e)
{
	q->error = e;
	loop_unwatch(q->names->loop, &q->watch);
}

static void start_patience(struct names_question *q)
{
	unsigned round = (q->attempt - 1) / q->names->server_count;
	loop_timer_in(q->names->loop, &q->patience, PATIENCE_NS << round);
}

/* The answer does not fit into UDP: the same server, with new patience. */
static void go_over_to_tcp(struct names_question *q)
{
	struct ip server = ip_from_v4(q->server);
	hang_up(q);
	q->tcp = true;
	q->stream.len = 0;
	q->error = tcp_connect(&server, DNS_PORT, &q->watch.fd);
	if (!q->error) {
		q->error = ERR_TIMEOUT; /* until it answers */
		q->watch.events = POLLOUT;
		loop_watch(q->names->loop, &q->watch);
	}
	start_patience(q);
}

/* e: of reading the answer. */
static void take(struct names_question *q, enum err e, struct dns_answer *a)
{
	if (!e || e == ERR_NOT_FOUND)
		answered(q, e, a);
	else if (e == ERR_TRUNCATED && !q->tcp)
		go_over_to_tcp(q);
	else
		attempt_failed(q, e);
}

/* One datagram, one piece of a stream, each time that there is something: a server that goes on without end
 * keeps the loop from nothing else, its patience neither. */
static enum err read_udp(struct names_question *q, struct dns_answer *a)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	TRY(udp_answer(q->watch.fd, &b));
	return dns_read(buf_span(&b), q->dns_id, span_str(q->name.host), q->type, a);
}

static enum err send_tcp(struct names_question *q)
{
	uint8_t bytes[2 + DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	size_t sent;
	TRY(tcp_connected(q->watch.fd));
	rng_fill(&q->dns_id, sizeof(q->dns_id));
	TRY(dns_tcp_query(&b, q->dns_id, span_str(q->name.host), q->type));
	TRY(tcp_send(q->watch.fd, buf_span(&b), false, &sent));
	if (sent != b.len) /* a new connection has room for so little */
		return ERR_SYSTEM;
	loop_events(&q->watch, POLLIN);
	return ERR_MORE;
}

static enum err read_tcp(struct names_question *q, struct dns_answer *a)
{
	uint8_t bytes[1024];
	size_t received;
	TRY(tcp_recv(q->watch.fd, bytes, sizeof(bytes), &received));
	struct span in = span_of(bytes, received), packet;
	enum err e;
	do {
		e = dns_tcp_feed(&q->stream, &in, &packet);
		if (!e)
			e = dns_read(packet, q->dns_id, span_str(q->name.host), q->type, a);
	} while (e == ERR_MORE && in.len);
	return e;
}

static void on_ready(void *arg, short revents)
{
	struct names_question *q = arg;
	struct dns_answer a = {.count = 0};
	enum err e;
	(void)revents;
	if (!q->tcp)
		e = read_udp(q, &a);
	else if (q->watch.events == POLLOUT)
		e = send_tcp(q);
	else
		e = read_tcp(q, &a);
	if (e != ERR_MORE)
		take(q, e, &a);
}

static enum err send_udp(struct names_question *q)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	struct ip server = ip_from_v4(q->server);
	rng_fill(&q->dns_id, sizeof(q->dns_id));
	TRY(dns_query(&b, q->dns_id, span_str(q->name.host), q->type));
	TRY(udp_ask(&server, DNS_PORT, buf_span(&b), &q->watch.fd));
	q->watch.events = POLLIN;
	loop_watch(q->names->loop, &q->watch);
	return ERR_OK;
}

static void ask_next(struct names_question *q)
{
	struct names *n = q->names;
	hang_up(q);
	if (q->attempt >= q->attempts) {
		unanswered(q);
		return;
	}
	q->server = n->server[q->attempt % n->server_count];
	q->attempt++;
	q->error = send_udp(q);
	if (q->error == ERR_SYNTAX || q->error == ERR_TOO_LONG) {
		settle(q, q->error, NULL, 0);
		return;
	}
	if (!q->error)
		q->error = ERR_TIMEOUT; /* until it answers */
	start_patience(q);
}

static void on_patience(void *arg)
{
	ask_next(arg);
}

/* Who has something in hand waits for one round only: IPv4 addresses, or an older answer. */
static void ask_for(struct names_question *q, enum dns_type type)
{
	struct names *n = q->names;
	uint64_t now_ns = clock_mono_ns();
	q->type = type;
	const struct dns_known *k = dns_cache_fresh(&n->cache, q->name.host, type, now_ns);
	if (k) {
		settle_known(q, k);
		return;
	}
	bool in_hand = q->found.count || dns_cache_stale(&n->cache, q->name.host, type, now_ns, false);
	q->attempt = 0;
	q->attempts = n->server_count * (in_hand ? 1 : ROUNDS);
	ask_next(q);
}

static void answer_without_asking(struct names *n, struct peer *asker, const struct msg_name *name,
				  enum err e, const struct ip *addr)
{
	struct msg_addresses a = {.id = name->id, .error = e};
	if (addr)
		a.addr[a.count++] = *addr;
	n->answered(n->arg, asker, name, &a, 0);
}

void names_ask(struct names *n, struct peer *asker, const struct msg_name *name)
{
	uint32_t literal;
	if (!memchr(name->host, 0, sizeof(name->host))) {
		answer_without_asking(n, asker, name, ERR_TOO_LONG, NULL);
		return;
	}
	if (text_read_ipv4(span_str(name->host), &literal) == ERR_OK) {
		struct ip addr = ip_from_v4(literal);
		answer_without_asking(n, asker, name, ERR_OK, &addr);
		return;
	}
	for (int i = 0; i < NAMES_QUESTIONS; i++) {
		struct names_question *q = &n->question[i];
		if (q->busy)
			continue;
		q->busy = true;
		q->asker = asker;
		q->name = *name;
		q->found = (struct msg_addresses){.id = name->id};
		q->server = 0;
		if (!n->held)
			ask_for(q, DNS_A);
		return;
	}
	answer_without_asking(n, asker, name, ERR_FULL, NULL);
}

void names_release(struct names *n)
{
	bool held = n->held;
	n->held = false;
	for (int i = 0; held && i < NAMES_QUESTIONS; i++)
		if (n->question[i].busy)
			ask_for(&n->question[i], DNS_A);
}

void names_report(struct report *r, const struct msg_name *name, const struct msg_addresses *a,
		  uint32_t server)
{
	enum err e = (enum err)a->error;
	if (e == ERR_NOT_FOUND)
		report_verdict(r, VERDICT_DNS, false,
			       "%.90s has no address, says %s: check region and bucket name", name->host,
			       report_ip(server).s);
	else if (e)
		report_verdict(r, VERDICT_DNS, false, "%.90s: %s (asked %s): check the network's DNS",
			       name->host, err_text(e), report_ip(server).s);
	else if (server)
		report_verdict(r, VERDICT_DNS, true, "names are resolved by %s", report_ip(server).s);
}

void names_servers(struct names *n, const uint32_t server[NAMES_SERVERS])
{
	uint32_t usable[NAMES_SERVERS], count = 0;
	for (int i = 0; i < NAMES_SERVERS; i++)
		if (server[i])
			usable[count++] = server[i];
	if (count == 0)
		usable[count++] = DEFAULT_SERVER;
	if (count == n->server_count && memcmp(usable, n->server, count * sizeof(usable[0])) == 0)
		return;
	memcpy(n->server, usable, count * sizeof(usable[0]));
	n->server_count = count;
	dns_cache_age(&n->cache);
}

void names_init(struct names *n)
{
	static const uint32_t none[NAMES_SERVERS];
	for (int i = 0; i < NAMES_QUESTIONS; i++) {
		struct names_question *q = &n->question[i];
		q->names = n;
		q->watch = (struct loop_watch){.fd = -1, .fn = on_ready, .arg = q, .slot = -1};
		q->patience = (struct loop_timer){.fn = on_patience, .arg = q};
	}
	names_servers(n, none);
}
