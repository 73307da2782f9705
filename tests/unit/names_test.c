/* Names are asked for on the loopback of a network namespace of its own, where nobody answers but who is
 * started for it. */
#include "role/net/names.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "check.h"
#include "os/clock.h"

#define HERE (127u << 24 | 1)
#define NEXT (127u << 24 | 2)

static struct loop loop;
static struct names names;
static uint32_t answers;

static void answered(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	(void)arg;
	(void)asker;
	(void)name;
	(void)server;
	answers += a->error == ERR_OK;
}

static void set_up(void)
{
	memset(&names, 0, sizeof(names));
	loop_init(&loop);
	names.loop = &loop;
	names.answered = answered;
	answers = 0;
	names_init(&names);
	names_servers(&names, (const uint32_t[NAMES_SERVERS]){HERE});
}

static uint32_t asked(void)
{
	uint32_t n = 0;
	for (int i = 0; i < NAMES_QUESTIONS; i++)
		n += names.question[i].attempt > 0;
	return n;
}

static void held_questions_wait(void)
{
	struct msg_name kms = {.id = 1, .host = "kms.example"}, s3 = {.id = 2, .host = "s3.example"};
	set_up();
	names.held = true;
	names_ask(&names, NULL, &kms);
	names_ask(&names, NULL, &s3);
	CHECK(asked() == 0 && names.question[0].busy && names.question[1].busy);
	names_release(&names);
	CHECK(asked() == 2 && !names.held);
	names_release(&names); /* once more: nothing is asked twice */
	CHECK(names.question[0].attempt == 1 && names.question[1].attempt == 1);
	CHECK(answers == 0);
}

static void others_do_not(void)
{
	struct msg_name name = {.id = 1, .host = "kms.example"}, literal = {.id = 2, .host = "192.0.2.1"};
	set_up();
	names_ask(&names, NULL, &name);
	CHECK(asked() == 1);
	names.held = true;
	names_ask(&names, NULL, &literal); /* it needs nobody */
	CHECK(answers == 1);
}

/* ---- a server that never ends */

static int bound(int type)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(HERE)};
	int s = socket(AF_INET, type, 0);
	CHECK(s >= 0 && bind(s, (struct sockaddr *)&at, sizeof(at)) == 0);
	return s;
}

/* Its answer by UDP is cut; by TCP nothing comes but zeros, each two of them an empty message. */
static void serve_without_end(int udp, int tcp)
{
	static const uint8_t zeros[65536];
	uint8_t bytes[512];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ssize_t n = recvfrom(udp, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
	if (n < 12)
		_exit(1);
	bytes[2] = 0x83; /* an answer, cut */
	bytes[3] = 0x80;
	(void)sendto(udp, bytes, (size_t)n, 0, (struct sockaddr *)&from, len);
	int s = accept(tcp, NULL, NULL);
	while (send(s, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

static void streams_end(void)
{
	struct msg_name name = {.id = 1, .host = "kms.example"};
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int udp = bound(SOCK_DGRAM), tcp = bound(SOCK_STREAM);
	CHECK(ioctl(udp, SIOCSIFFLAGS, &lo) == 0 && listen(tcp, 1) == 0);
	pid_t server = fork();
	if (server == 0)
		serve_without_end(udp, tcp);
	close(udp);
	close(tcp);
	set_up();
	names_servers(&names, (const uint32_t[NAMES_SERVERS]){HERE, NEXT});
	alarm(20); /* the loop may never turn again */
	names_ask(&names, NULL, &name);
	bool met = false;
	uint64_t end = clock_mono_ns() + 5 * NS_PER_S;
	while (names.question[0].server == HERE && clock_mono_ns() < end) {
		loop_turn(&loop, NS_PER_S / 10);
		met |= names.question[0].tcp;
	}
	alarm(0);
	CHECK(met && names.question[0].server == NEXT);
	kill(server, SIGKILL);
	CHECK(waitpid(server, NULL, 0) == server);
}

int main(void)
{
	if (unshare(CLONE_NEWNET)) {
		printf("skip names that are held: it takes root\n");
		return 0;
	}
	RUN(held_questions_wait, "while questions are held none is asked; released, each is asked once");
	RUN(others_do_not, "questions that nobody holds are asked at once");
	RUN(streams_end, "a server whose stream of empty messages never ends is left for the next");
	return check_done();
}
