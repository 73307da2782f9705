#include "role/init/books.h"

#include <stdio.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/init/console.h"

static void say_links(const char *event, const struct msg_forwarding *f)
{
	log_begin(LOG_INFO, event);
	log_u64("outside_rx_packets", f->rx_packets[0]);
	log_u64("inside_rx_packets", f->rx_packets[1]);
	log_u64("outside_rx_dropped", f->rx_dropped[0]);
	log_u64("inside_rx_dropped", f->rx_dropped[1]);
	log_u64("since_kernel_start_ms", clock_boot_ns() / NS_PER_MS);
	log_end();
}

void books_listed(struct books *b, const struct msg_links *listed)
{
	if (b->listed.count == 0)
		b->listed = *listed;
}

void books_links(struct books *b, const struct msg_links *links)
{
	for (uint32_t d = 0; d < 2; d++)
		for (uint32_t i = 0; i < b->listed.count; i++)
			if (b->listed.link[i].ifindex == links->link[d].ifindex)
				b->before[d] = b->listed.link[i].rx_packets;
}

void books_replaced(struct books *b)
{
	b->replaced = true;
}

void books_armed(const struct msg_forwarding *f)
{
	say_links("armed", f);
}

void books_closing(struct books *b, const struct msg_forwarding *f)
{
	say_links("disarmed", f);
	b->first = *f;
}

void books_closed(struct books *b, const struct msg_forwarding *f)
{
	b->last = *f;
	b->closed = true;
	if (b->first.counted && f->counted && !b->replaced)
		return;
	b->said = true; /* net is new and does not know the links yet, or a link took its counters with it */
	log_event(LOG_WARN, "books-not-closed", "reason",
		  b->replaced ? "a link was gone, and its counters with it"
			      : "the links' counters are not known");
}

static uint64_t arrived(const struct books *b, const struct msg_forwarding *f)
{
	return f->rx_packets[0] + f->rx_packets[1] - b->before[0] - b->before[1];
}

void books_balance(struct books *b, const struct msg_totals *t)
{
	if (!b->closed || b->said)
		return;
	b->said = true;
	uint64_t accounted = t->packets + t->lost + t->filtered;
	uint64_t least = arrived(b, &b->first), most = arrived(b, &b->last);
	uint64_t unattributed = accounted < least ? least - accounted : 0;
	uint64_t surplus = accounted > most ? accounted - most : 0;
	log_begin(unattributed || surplus ? LOG_ALARM : LOG_INFO, "books");
	log_u64("arrived_least", least);
	log_u64("arrived_most", most);
	log_u64("recorded", t->packets);
	log_u64("lost", t->lost);
	log_u64("filtered", t->filtered);
	log_u64("unattributed", unattributed);
	log_u64("surplus", surplus);
	log_end();
}

void books_totals(const struct msg_totals *t)
{
	char line[160];
	snprintf(line, sizeof(line), "shut down: packets %llu lost %llu objects %llu, all shipped",
		 (unsigned long long)t->packets, (unsigned long long)t->lost, (unsigned long long)t->objects);
	console_line(line);
}
