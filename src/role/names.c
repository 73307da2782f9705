#include "role/names.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/rng.h"
#include "os/udp.h"

_Static_assert(DNS_MAX_ADDRS <= sizeof(((struct msg_addresses *)0)->addr) / sizeof(struct ip),
	       "an answer fits its message");

/* Amazon's resolver at its link-local address. */
#define DEFAULT_SERVER (169u << 24 | 254u << 16 | 169u << 8 | 253u)
#define ATTEMPTS_PER_SERVER 3
#define PATIENCE_NS NS_PER_S
#define TTL_MAX_S 3600

static void answer(struct names *n, struct peer *asker, const struct msg_name *name, enum err e,
		   uint32_t server, const uint32_t *addr, uint32_t count)
{
	struct msg_addresses a = {.id = name->id, .error = e, .count = count};
	for (uint32_t i = 0; i < count; i++)
		a.addr[i] = ip_from_v4(addr[i]);
	n->answered(n->arg, asker, name, &a, server);
}

/* ---- what is known */

static const struct names_known *recall(const struct names *n, const char *host)
{
	uint64_t now_ns = clock_mono_ns();
	for (int i = 0; i < NAMES_CACHE; i++)
		if (n->known[i].until_ns > now_ns && strcmp(n->known[i].host, host) == 0)
			return &n->known[i];
	return NULL;
}

/* In the place of the same name, or of the one that ends first. */
static void remember(struct names *n, const char *host, const struct dns_answer *a)
{
	struct names_known *k = &n->known[0];
	for (int i = 1; i < NAMES_CACHE && strcmp(k->host, host) != 0; i++)
		if (n->known[i].until_ns < k->until_ns || strcmp(n->known[i].host, host) == 0)
			k = &n->known[i];
	uint32_t ttl_s = a->ttl_s < TTL_MAX_S ? a->ttl_s : TTL_MAX_S;
	memcpy(k->host, host, strlen(host) + 1);
	k->until_ns = clock_mono_ns() + ttl_s * NS_PER_S;
	k->count = a->count;
	memcpy(k->addr, a->addr, sizeof(k->addr));
}

/* ---- questions */

static void hang_up(struct names_question *q)
{
	loop_timer_stop(q->names->loop, &q->patience);
	if (q->watch.fd < 0)
		return;
	loop_unwatch(q->names->loop, &q->watch);
	close(q->watch.fd);
	q->watch.fd = -1;
}

static void finish(struct names_question *q, enum err e, const struct dns_answer *a)
{
	hang_up(q);
	q->busy = false;
	if (!e)
		remember(q->names, q->name.host, a);
	answer(q->names, q->asker, &q->name, e, q->server, e ? NULL : a->addr, e ? 0 : a->count);
}

static void on_readable(void *arg, short revents)
{
	struct names_question *q = arg;
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	struct dns_answer a;
	(void)revents;
	enum err e;
	do {
		e = udp_answer(q->watch.fd, &b);
		if (e == ERR_MORE)
			return;
		if (!e)
			e = dns_read(buf_span(&b), q->dns_id, span_str(q->name.host), &a);
	} while (e == ERR_MORE);
	if (!e || e == ERR_NOT_FOUND) {
		finish(q, e, &a);
		return;
	}
	/* the next try comes when the patience with this one ends, so that a server that fails is not flooded
	 */
	q->error = e;
	loop_unwatch(q->names->loop, &q->watch);
}

static enum err send_question(struct names_question *q)
{
	uint8_t bytes[DNS_PACKET_MAX];
	struct buf b = BUF_OF(bytes);
	rng_fill(&q->dns_id, sizeof(q->dns_id));
	TRY(dns_query(&b, q->dns_id, span_str(q->name.host)));
	TRY(udp_ask(q->server, DNS_PORT, buf_span(&b), &q->watch.fd));
	loop_watch(q->names->loop, &q->watch);
	return ERR_OK;
}

static void ask_next(struct names_question *q)
{
	struct names *n = q->names;
	hang_up(q);
	if (q->attempt >= ATTEMPTS_PER_SERVER * n->server_count) {
		finish(q, q->error, NULL);
		return;
	}
	unsigned round = q->attempt / n->server_count;
	q->server = n->server[q->attempt % n->server_count];
	q->attempt++;
	q->error = send_question(q);
	if (q->error == ERR_SYNTAX || q->error == ERR_TOO_LONG) {
		finish(q, q->error, NULL);
		return;
	}
	if (!q->error)
		q->error = ERR_TIMEOUT; /* until it answers */
	loop_timer_in(n->loop, &q->patience, PATIENCE_NS << round);
}

static void on_patience(void *arg)
{
	ask_next(arg);
}

void names_ask(struct names *n, struct peer *asker, const struct msg_name *name)
{
	uint32_t literal;
	if (!memchr(name->host, 0, sizeof(name->host))) {
		answer(n, asker, name, ERR_TOO_LONG, 0, NULL, 0);
		return;
	}
	if (text_read_ipv4(span_str(name->host), &literal) == ERR_OK) {
		answer(n, asker, name, ERR_OK, 0, &literal, 1);
		return;
	}
	const struct names_known *k = recall(n, name->host);
	if (k) {
		answer(n, asker, name, ERR_OK, 0, k->addr, k->count);
		return;
	}
	for (int i = 0; i < NAMES_QUESTIONS; i++) {
		struct names_question *q = &n->question[i];
		if (q->busy)
			continue;
		q->busy = true;
		q->asker = asker;
		q->name = *name;
		q->attempt = 0;
		ask_next(q);
		return;
	}
	answer(n, asker, name, ERR_FULL, 0, NULL, 0);
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
	memset(n->known, 0, sizeof(n->known));
}

void names_init(struct names *n)
{
	static const uint32_t none[NAMES_SERVERS];
	for (int i = 0; i < NAMES_QUESTIONS; i++) {
		struct names_question *q = &n->question[i];
		q->names = n;
		q->watch = (struct loop_watch){
			.fd = -1, .events = POLLIN, .fn = on_readable, .arg = q, .slot = -1};
		q->patience = (struct loop_timer){.fn = on_patience, .arg = q};
	}
	names_servers(n, none);
}
