#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "logged.h"

#include "base/time.h"
#include "role/capture/drops.h"

#define DATAGRAMS 1000 /* of 60 kB: more than a ring holds */

static struct ring ring;
static struct recorder recorder;

/* A ring of this kernel, in a network namespace of the test's own, into which more came than it holds. */
static bool overflown_ring(void)
{
	static uint8_t bytes[60000];
	struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 262144)};
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd, taker = -1, sender = -1;
	if (unshare(CLONE_NEWNET) || ring_open(1, 0, &fd) || ring_set_filter(fd, all, 1) ||
	    ring_map(fd, RING_BLOCK_BYTES, RING_BLOCKS, &ring))
		return false;
	taker = socket(AF_INET, SOCK_DGRAM, 0);
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(ioctl(taker, SIOCSIFFLAGS, &lo) == 0 && bind(taker, (void *)&to, sizeof(to)) == 0);
	for (int i = 0; i < DATAGRAMS; i++)
		CHECK(sendto(sender, bytes, sizeof(bytes), 0, (void *)&to, sizeof(to)) == sizeof(bytes));
	close(taker);
	close(sender);
	return true;
}

static void span_of_a_block(void)
{
	const uint64_t real_ns = 1795755954 * NS_PER_S, mono_ns = 1000 * NS_PER_S;
	CHECK(drops_began_ns(real_ns - 60 * NS_PER_MS, real_ns, mono_ns) == mono_ns - 60 * NS_PER_MS);
	CHECK(drops_began_ns(real_ns, real_ns, mono_ns) == mono_ns);
	CHECK(drops_began_ns(real_ns + 3600 * NS_PER_S, real_ns, mono_ns) == mono_ns);
	/* 0 would say that nothing is to be told */
	CHECK(drops_began_ns(real_ns - 1000 * NS_PER_S, real_ns, mono_ns) == 1);
	CHECK(drops_began_ns(0, real_ns, mono_ns) == 1);
}

static void before_it_was_armed(void)
{
	struct progress p = {.drops = 0};
	struct drops d = {&ring, &p, &recorder, "w0", 0, 0, 0};
	logged_begin("capture");
	drops_begin(&d);
	CHECK(p.drops > 0 && p.drops < DATAGRAMS && p.drops_logged == p.drops && p.counted_ns > 1);
	CHECK(recorder.total.lost == p.drops && recorder.lost_before == p.drops && d.unreported == p.drops);
	char packets[32];
	snprintf(packets, sizeof(packets), " packets=%u ", (unsigned)p.drops);
	const char *said = logged_all();
	CHECK(strstr(said, "alarm capture lost cause=ring ") && strstr(said, packets));
	CHECK(strstr(said, "warn capture dropped-before-armed packets="));
}

int main(void)
{
	RUN(span_of_a_block,
	    "packets of a block that is given up are lost from their own time on, whatever the clock did");
	if (overflown_ring())
		RUN(before_it_was_armed,
		    "what the ring dropped before it was armed is lost: in the first object, books and log");
	else
		printf("skip a ring of this kernel: it takes root\n");
	return check_done();
}
