#include "role/flows/flowdump.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/time.h"

#include "check.h"

#define FLOW 0x100 /* what the test's ct_read takes for a flow */
#define DATAGRAMS 100

static struct loop loop;
static struct flowdump d;
static unsigned asked, flows, dying, ends,
	refuse_at; /* the flow for which there is no room at first; 0: none */
static enum err result;
static uint32_t to_come; /* datagrams that the socket holds; the last one ends the answer */
static unsigned per_datagram;

/* The kernel's part: the socket is a counter of datagrams, made as they are read. The archive's netlink, ct
 * and peer are not linked. */
enum err netlink_receive(int fd, struct buf *b)
{
	uint64_t one;
	buf_reset(b);
	if (read(fd, &one, sizeof(one)) < 0)
		return ERR_MORE;
	to_come--;
	for (unsigned i = 0; i < per_datagram; i++)
		nlmsg_end(b, nlmsg_begin(b, FLOW, 0, d.number));
	if (to_come)
		return ERR_OK;
	size_t mark = nlmsg_begin(b, NLMSG_DONE, 0, d.number);
	buf_le32(b, 0);
	nlmsg_end(b, mark);
	return ERR_OK;
}

enum err ct_read(const struct nlmsg *m, struct ct_flow *f, bool *gone)
{
	*f = (struct ct_flow){.id = 1};
	*gone = false;
	return m->type == FLOW ? ERR_OK : ERR_UNSUPPORTED;
}

static void answer(uint32_t datagrams)
{
	uint64_t n = datagrams;
	to_come = datagrams;
	CHECK(write(d.fd, &n, sizeof(n)) == sizeof(n));
}

void peer_send(struct peer *p, enum msg_type type, const void *payload)
{
	const struct msg_flows_dump *q = payload;
	CHECK(p == d.init && type == MSG_FLOWS_DUMP && q->number == d.number && q->dying == asked % 2);
	asked++;
}

static bool on_flow(void *arg, const struct ct_flow *f, bool is_dying)
{
	(void)arg;
	if (flows + dying + 1 == refuse_at) {
		refuse_at = 0;
		return false;
	}
	CHECK(f->id == 1);
	flows += !is_dying;
	dying += is_dying;
	return true;
}

static void on_done(void *arg, enum err e)
{
	(void)arg;
	ends++;
	result = e;
}

static void begin(unsigned flows_per_datagram)
{
	static struct peer init;
	loop_init(&loop);
	d = (struct flowdump){.loop = &loop, .init = &init, .flow = on_flow, .done = on_done};
	d.fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	CHECK(d.fd >= 0);
	flowdump_init(&d, 1);
	asked = flows = dying = ends = refuse_at = 0;
	per_datagram = flows_per_datagram;
	flowdump_start(&d);
	CHECK(asked == 1 && d.active);
}

/* As long as the socket wakes it. */
static void turns(void)
{
	for (int i = 0; i < DATAGRAMS; i++)
		loop_turn(&loop, 0);
}

static void an_answer_is_read_to_its_end_however_many_datagrams_it_has(void)
{
	for (uint32_t n = 1; n <= DATAGRAMS; n++) {
		begin(3);
		answer(n);
		turns();
		CHECK(asked == 2 && d.dying && ends == 0);
		answer(n);
		turns();
		CHECK(ends == 1 && result == ERR_OK && !d.active);
		CHECK(flows == 3 * n && dying == 3 * n);
		close(d.fd);
	}
}

static void what_finds_no_room_comes_again_once_there_is_some(void)
{
	for (unsigned at = 1; at <= 3 * 40; at++) {
		begin(3);
		refuse_at = at;
		answer(40);
		turns();
		CHECK(flows == at - 1 && asked == 1 && !d.deadline.active);
		flowdump_go_on(&d);
		turns();
		CHECK(flows == 3 * 40 && asked == 2 && d.deadline.active);
		close(d.fd);
	}
}

int main(void)
{
	RUN(an_answer_is_read_to_its_end_however_many_datagrams_it_has,
	    "an answer is read to its end, however many datagrams it has");
	RUN(what_finds_no_room_comes_again_once_there_is_some,
	    "what finds no room comes again once there is some, and the kernel is not called late meanwhile");
	return check_done();
}
