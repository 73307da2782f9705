#include "role/init/gate.h"

#include <linux/netlink.h>

#include "net/nft.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/netlink.h"
#include "role/init/console.h"
#include "role/init/machine.h"

/* One batch to the kernel: nothing is forwarded any more, whatever net does. */
static enum err close_filter(struct gate *g)
{
	uint8_t bytes[NFT_CLOSE_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	nft_close(&b, 1);
	TRY(buf_err(&b));
	return netlink_transact(g->netlink, buf_span(&b), &f);
}

void gate_close(struct gate *g)
{
	enum err filter = close_filter(g), switches = machine_stop_forwarding();
	if (filter && switches)
		console_line("warning: forwarding could not be closed by init: neither by the packet filter "
			     "nor by the kernel's switches");
}

void gate_look(struct gate *g)
{
	if (!g->watching)
		return;
	if (guard_look(&g->guard, g->worker, g->workers, clock_mono_ns())) {
		bool stopped = g->guard.stopped;
		if (stopped && close_filter(g))
			gate_close(g);
		g->forward(!stopped);
		log_event(LOG_ALARM, stopped ? "forwarding-stopped" : "forwarding-again", "reason",
			  stopped ? g->guard.reason : "recording works");
	}
	loop_timer_in(g->loop, &g->timer, GUARD_LOOK_NS);
}

static void due(void *arg)
{
	gate_look(arg);
}

void gate_watch(struct gate *g, const struct settings *s)
{
	g->watching = s && guard_wanted(s);
	if (!g->watching)
		return;
	guard_begin(&g->guard, s, g->worker, g->workers);
	gate_look(g);
}

enum err gate_init(struct gate *g, bool host)
{
	g->timer = (struct loop_timer){.fn = due, .arg = g};
	TRY(netlink_open(NETLINK_NETFILTER, 0, &g->netlink));
	if (host)
		gate_close(g);
	return ERR_OK;
}
