/* The gate before this machine's kernel, in a network and a mount namespace of the test's own. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "check.h"
#include "net/nft.h"
#include "os/netlink.h"
#include "role/init/gate.h"

#define V4 "/proc/sys/net/ipv4/ip_forward"
#define V6 "/proc/sys/net/ipv6/conf/all/forwarding"
#define V6_FOLDER "/proc/sys/net/ipv6"

static struct gate gate;

static bool put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = write(fd, value, 1) == 1;
	close(fd);
	return ok;
}

static char get(const char *path)
{
	char c = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0 && read(fd, &c, 1) == 1);
	close(fd);
	return c;
}

/* Another namespace: the kernel's switches as after a boot, and no rules. */
static bool begin(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	gate = (struct gate){.watching = false};
	return put(V4, "1") && put(V6, "1");
}

static void refuse(const char *path)
{
	CHECK(!mount(path, path, NULL, MS_BIND, NULL));
	CHECK(!mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

static void make_rules(void)
{
	static const struct nft_gateway closed = {.open = false};
	static uint8_t bytes[NFT_BATCH_BYTES];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	int filter;
	CHECK(netlink_open(NETLINK_NETFILTER, 0, &filter) == ERR_OK);
	nft_replace(&b, 1, &closed);
	CHECK(netlink_transact(filter, buf_span(&b), &f) == ERR_OK);
	close(filter);
}

/* Closes it; true when the console has a warning of it. */
static bool close_it(void)
{
	char text[512] = "";
	int fds[2], out = dup(STDOUT_FILENO);
	fflush(stdout);
	CHECK(out >= 0 && !pipe2(fds, O_NONBLOCK) && dup2(fds[1], STDOUT_FILENO) >= 0);
	enum err e = gate_init(&gate, true);
	CHECK(dup2(out, STDOUT_FILENO) >= 0);
	ssize_t n = read(fds[0], text, sizeof(text) - 1);
	close(out);
	close(fds[0]);
	close(fds[1]);
	close(gate.netlink);
	CHECK(e == ERR_OK);
	return n > 0 && strstr(text, "warning: forwarding could not be closed");
}

static void both_families_are_closed(void)
{
	CHECK(begin() && !close_it());
	CHECK(get(V4) == '0' && get(V6) == '0');
	CHECK(begin());
	make_rules();
	CHECK(!close_it() && get(V4) == '0' && get(V6) == '0');
}

static void where_nothing_closes_it_that_is_said(void)
{
	static const char *const paths[] = {V4, V6};
	for (size_t i = 0; i < 2; i++) {
		CHECK(begin());
		refuse(paths[i]);
		CHECK(close_it() && get(paths[i]) == '1' && get(paths[!i]) == '0');
		CHECK(begin());
		refuse(paths[i]);
		make_rules();
		CHECK(!close_it() && get(paths[!i]) == '0'); /* by the filter it is closed */
	}
}

static void without_ipv6_there_is_nothing_to_say(void)
{
	CHECK(begin() && !mount("none", V6_FOLDER, "tmpfs", 0, NULL));
	CHECK(!close_it() && get(V4) == '0');
}

int main(void)
{
	if (!begin()) {
		printf("skip init's gate in this kernel: it takes root, and IPv6\n");
		return 0;
	}
	RUN(both_families_are_closed,
	    "init closes forwarding for both families by itself, with rules and without");
	RUN(where_nothing_closes_it_that_is_said,
	    "where neither the filter nor a family's switch could be closed, init warns of it");
	RUN(without_ipv6_there_is_nothing_to_say, "a kernel without IPv6 has nothing to close of it");
	return check_done();
}
