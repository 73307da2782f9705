#include "role/books.h"

#include <stdio.h>

#include "base/time.h"
#include "os/clock.h"
#include "os/log.h"
#include "role/console.h"

void books_links(const char *event, const struct msg_forwarding *f)
{
	log_begin(LOG_INFO, event);
	log_u64("outside_rx_packets", f->rx_packets[0]);
	log_u64("inside_rx_packets", f->rx_packets[1]);
	log_u64("outside_rx_dropped", f->rx_dropped[0]);
	log_u64("inside_rx_dropped", f->rx_dropped[1]);
	log_u64("since_kernel_start_ms", clock_boot_ns() / NS_PER_MS);
	log_end();
}

void books_totals(const struct msg_totals *t)
{
	char line[160];
	snprintf(line, sizeof(line), "shut down: packets %llu lost %llu objects %llu, all shipped",
		 (unsigned long long)t->packets, (unsigned long long)t->lost, (unsigned long long)t->objects);
	console_line(line);
}
