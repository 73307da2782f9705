#include "role/capture/interfaces.h"

#include "check.h"
#include "role/init/roster.h"

static struct interfaces i;
static struct msg_links links;
static bool turned;

static void link_is(uint32_t side, uint32_t ifindex, uint8_t mac)
{
	static struct roster nobody;
	struct msg_links told = links;
	told.count = 2;
	told.link[side].ifindex = ifindex;
	told.link[side].mac[5] = mac;
	told.link[0].device_number = 0;
	told.link[1].device_number = 1;
	roster_follow(&nobody, &links, &told);
	links.count = 2;
}

static void start(void)
{
	memset(&i, 0, sizeof(i));
	memset(&links, 0, sizeof(links));
	link_is(0, 2, 20);
	link_is(1, 3, 30);
	interfaces_take(&i, &links);
}

static uint32_t side(uint32_t ifindex, uint64_t block)
{
	return interfaces_side(&i, ifindex, block, &turned);
}

static void sides(void)
{
	start();
	CHECK(side(2, 1) == 0 && !turned && side(3, 1) == 1 && !turned);
	link_is(1, 7, 30);
	interfaces_take(&i, &links);
	CHECK(side(7, 2) == 1 && !turned && side(3, 2) == 1 && side(2, 2) == 0);
	link_is(0, 8, 21); /* another MAC address */
	interfaces_take(&i, &links);
	CHECK(side(2, 3) == 0 && !turned);
	CHECK(side(8, 3) == 0 && turned && i.now.link[0].mac[5] == 21);
	CHECK(side(2, 3) == 0 && !turned);
}

static void one_after_the_other(void)
{
	start();
	for (uint32_t n = 10; n < 10 + MSG_LINK_BEFORE; n++)
		link_is(1, n, 30);
	interfaces_take(&i, &links); /* as a worker that starts anew is told, too */
	for (uint32_t n = 10; n < 10 + MSG_LINK_BEFORE; n++)
		CHECK(side(n, 1) == 1);
	CHECK(side(3, 1) == 1 && side(2, 1) == 0);
}

static void ahead_of_the_word(void)
{
	start();
	CHECK(side(7, 5) == INTERFACES_UNTOLD && side(7, 5) == INTERFACES_UNTOLD);
	link_is(1, 7, 30);
	interfaces_take(&i, &links);
	interfaces_heard(&i);
	CHECK(side(7, 5) == 1);
}

static void a_further_link(void)
{
	start();
	CHECK(side(9, 5) == INTERFACES_UNTOLD);
	interfaces_heard(&i);
	CHECK(side(9, 5) == INTERFACES_NEITHER && side(11, 5) == INTERFACES_NEITHER);
	/* what came later may be of one that was named meanwhile */
	CHECK(side(9, 6) == INTERFACES_UNTOLD);
	interfaces_heard(&i);
	CHECK(side(9, 6) == INTERFACES_NEITHER);
}

int main(void)
{
	RUN(sides,
	    "a packet is of the side that its link has or had; one that is another one turns the page");
	RUN(one_after_the_other,
	    "a link that comes back again and again leaves no packet in the ring behind");
	RUN(ahead_of_the_word, "a packet that is seen ahead of the word of its link waits for that word");
	RUN(a_further_link, "one of a further link is passed over when all that was said before it is heard, "
			    "once a block");
	return check_done();
}
