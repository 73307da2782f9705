#include "role/net/nicring.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "check.h"
#include "logged.h"

#define GIB (1ull << 30)

static uint32_t entries(uint32_t now, uint32_t max, uint32_t queues, uint64_t memory_bytes)
{
	const struct ethtool_ring r = {.entries = now, .max = max, .queues = queues};
	return nicring_entries(&r, memory_bytes);
}

static void the_devices_maximum(void)
{
	CHECK(entries(1024, 16384, 2, 8 * GIB) == 16384);
	CHECK(entries(256, 256, 1, GIB) == 256);
	CHECK(entries(512, 4078, 1, GIB) == 4078); /* not all are powers of two */
	CHECK(entries(0, 0, 0, GIB) == 0);
}

static void a_share_of_memory(void)
{
	CHECK(entries(1024, 16384, 2, 4 * GIB) == 8192);
	CHECK(entries(1024, 16384, 8, 16 * GIB) == 8192);
	CHECK(entries(1024, 16384, 2, GIB) == 2048);
	CHECK(entries(256, 4096, 0, GIB) == 4096); /* of one ring, where nobody says how many */
	for (uint32_t queues = 1; queues <= 32; queues *= 2)
		for (uint64_t memory = GIB / 2; memory <= 64 * GIB; memory *= 2) {
			uint64_t all = (uint64_t)entries(1, 1 << 20, queues, memory) * queues;
			CHECK(all == queues || all * NICRING_LINKS * NICRING_PACKET_BYTES <= memory / 16);
		}
}

static void never_less(void)
{
	CHECK(entries(1024, 16384, 8, GIB / 2) == 1024);
	CHECK(entries(1024, 16384, 2, 0) == 1024);
	CHECK(entries(2048, 1024, 2, 8 * GIB) == 2048);
}

/* ---- a device with these rings, in the place of the kernel's */

static struct ethtool_ringparam device;
static unsigned sets;
static int refuses; /* errno of each question; 0: none */

/* musl's type of the request is int, glibc's unsigned long */
#ifdef __GLIBC__
int ioctl(int fd, unsigned long request, ...)
#else
int ioctl(int fd, int request, ...)
#endif
{
	va_list args;
	va_start(args, request);
	struct ifreq *r = va_arg(args, struct ifreq *);
	va_end(args);
	CHECK(fd >= 0 && request == SIOCETHTOOL && !strcmp(r->ifr_name, "nic"));
	struct ethtool_ringparam *p = (void *)r->ifr_data;
	errno = refuses ? refuses : EOPNOTSUPP;
	if (refuses || p->cmd == ETHTOOL_GCHANNELS)
		return -1;
	if (p->cmd == ETHTOOL_GRINGPARAM) {
		*p = device;
		p->cmd = ETHTOOL_GRINGPARAM;
		return 0;
	}
	CHECK(p->cmd == ETHTOOL_SRINGPARAM && p->tx_pending == device.tx_pending);
	sets++;
	if (p->rx_pending > device.rx_max_pending)
		return -1;
	device.rx_pending = p->rx_pending;
	return 0;
}

/* What is logged of it. */
static bool says(const char *text)
{
	nicring_grow("nic", 8 * GIB);
	return span_eq(logged_span(), span_str(text));
}

static void sets_the_device(void)
{
	device = (struct ethtool_ringparam){
		.rx_max_pending = 16384, .rx_pending = 1024, .tx_max_pending = 1024, .tx_pending = 512};
	sets = 0;
	CHECK(says("info net ring link=nic packets=16384 max=16384 queues=0"));
	CHECK(device.rx_pending == 16384 && device.tx_pending == 512 && sets == 1);
	CHECK(says("info net ring link=nic packets=16384 max=16384 queues=0"));
	CHECK(sets == 1); /* it would reset the queues */
}

static void one_that_refuses(void)
{
	device = (struct ethtool_ringparam){.rx_max_pending = 4096, .rx_pending = 256};
	sets = 0;
	refuses = EOPNOTSUPP;
	CHECK(says("info net ring link=nic packets=0 max=0 queues=0 kept=\"the device has none to be set\""));
	refuses = 0;
	CHECK(sets == 0 && device.rx_pending == 256);
	device.rx_max_pending = 0;
	CHECK(says("info net ring link=nic packets=0 max=0 queues=0 kept=\"the device has none to be set\""));
	CHECK(sets == 0);
}

int main(void)
{
	logged_begin("net");
	RUN(the_devices_maximum, "a receive ring is to be as long as the device lets it be");
	RUN(a_share_of_memory, "all rings together have no more than a sixteenth of the memory");
	RUN(never_less, "a ring is never made shorter");
	RUN(sets_the_device, "a device that can be set is set once, and its other rings stay");
	RUN(one_that_refuses, "a device that can't be set, or has no rings, keeps what it has");
	return check_done();
}
