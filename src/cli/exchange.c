#include "cli/exchange.h"

#include <string.h>

#include "cli/trust.h"
#include "os/lookup.h"
#include "role/https.h"

static struct {
	struct loop loop;
	struct https https;
	struct https_result result;
} g;

static void done(void *arg, const struct https_result *r)
{
	(void)arg;
	g.result = *r;
	g.loop.stop = true;
}

static enum err failed(struct exchange *x, const char *where, enum err e)
{
	x->where = where;
	x->why = err_text(e);
	return e;
}

enum err exchange_run(struct exchange *x)
{
	struct ip addr[HTTPS_ADDRS];
	struct https_request q = {
		.host = x->host,
		.addr = addr,
		.port = x->port,
		.tls = x->tls,
		.head = x->head,
		.body = x->body,
		.timeout_ms = x->timeout_ms,
	};
	const struct tls_anchors *anchors = x->tls ? trust_anchors() : NULL;
	if (x->tls && !anchors)
		return failed(x, "trust anchors", ERR_MISSING);
	enum err e = lookup_name(x->host, addr, HTTPS_ADDRS, &q.addr_count);
	if (e)
		return failed(x, "name lookup", e);
	loop_init(&g.loop);
	https_init(&g.https, &g.loop, anchors, x->to, x->to_bytes, done, NULL);
	https_start(&g.https, &q);
	loop_run(&g.loop);
	x->response = g.result.response;
	x->answer = g.result.body;
	x->where = g.result.where;
	x->why = g.result.why;
	https_abort(&g.https); /* a connection that was kept would be watched by a loop that nobody runs */
	return g.result.err;
}
