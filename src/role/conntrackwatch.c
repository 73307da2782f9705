#include "role/conntrackwatch.h"

#include "os/log.h"

#define FLOWS_MIN 65536
#define FLOW_BYTES 512
#define SHARE 16

uint64_t conntrackwatch_room(uint64_t memory_bytes)
{
	uint64_t flows = memory_bytes / SHARE / FLOW_BYTES;
	return flows > FLOWS_MIN ? flows : FLOWS_MIN;
}

static uint64_t since(uint64_t now, uint64_t last)
{
	return now >= last ? now - last : now;
}

struct conntrackwatch_refused conntrackwatch_refused(const struct ctstats *now, const struct ctstats *before)
{
	uint64_t failed = since(now->insert_failed, before->insert_failed);
	uint64_t dropped = since(now->drop, before->drop);
	return (struct conntrackwatch_refused){.full = dropped > failed ? dropped - failed : 0,
					       .no_port = failed};
}

static void tell_full(const struct conntrackwatch *w, const struct conntrackwatch_counts *now,
		      uint64_t given_up)
{
	log_begin(w->full ? LOG_ALARM : LOG_INFO, w->full ? "conntrack-full" : "conntrack-has-room");
	log_u64("flows", now->flows);
	log_u64("max", now->max);
	log_u64("packets", w->refused);
	if (w->full)
		log_u64("given_up", given_up);
	log_end();
}

/* Room again: a tenth, and nothing refused since the last look. */
static void look_at_room(struct conntrackwatch *w, const struct conntrackwatch_counts *now, uint64_t refused,
			 uint64_t given_up)
{
	bool pressed = refused || given_up || now->flows >= now->max;
	w->refused += refused;
	if (w->full ? pressed || now->flows > now->max - now->max / 10 : !pressed)
		return;
	w->full = !w->full;
	tell_full(w, now, given_up);
	if (!w->full)
		w->refused = 0;
}

static void look_at_ports(struct conntrackwatch *w, uint64_t failed)
{
	w->no_port += failed;
	if (w->no_ports ? failed != 0 : failed < CONNTRACKWATCH_CLASHES) {
		w->no_port = w->no_ports ? w->no_port : 0;
		return;
	}
	w->no_ports = !w->no_ports;
	log_begin(w->no_ports ? LOG_ALARM : LOG_INFO, w->no_ports ? "nat-ports-exhausted" : "nat-ports-free");
	log_u64("packets", w->no_port);
	log_end();
	if (!w->no_ports)
		w->no_port = 0;
}

void conntrackwatch_look(struct conntrackwatch *w, const struct conntrackwatch_counts *now)
{
	if (w->begun) {
		struct conntrackwatch_refused r = conntrackwatch_refused(&now->stats, &w->last.stats);
		w->counted.full += r.full;
		w->counted.no_port += r.no_port;
		look_at_room(w, now, r.full, since(now->stats.early_drop, w->last.stats.early_drop));
		look_at_ports(w, r.no_port);
	}
	w->last = *now;
	w->begun = true;
}
