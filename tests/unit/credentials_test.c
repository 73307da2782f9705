#include "role/keys/credentials.h"

#include <stdlib.h>

#include "base/time.h"
#include "check.h"
#include "logged.h"
#include "os/clock.h"

#define HOUR_NS (3600 * (int64_t)NS_PER_S)

static struct loop loop;
static struct metadata metadata;
static struct credentials c;
static int64_t offset_ns;
static unsigned asked;

/* In place of the real one: nobody is to be asked here. */
void metadata_start(struct metadata *m, enum imds_goal goal)
{
	CHECK(m == &metadata && goal == IMDS_CREDENTIALS);
	asked++;
}

/* Credentials that the machine's clock gives left_ns. */
static void hold(const char *id, int64_t left_ns)
{
	struct aws_credentials *held = &metadata.imds.result.creds;
	strcpy(held->access_key_id, id);
	held->expires_ns = clock_real_ns() + (uint64_t)left_ns;
}

static void set_up(int64_t left_ns, int64_t clock_off_ns)
{
	loop_init(&loop);
	memset(&c, 0, sizeof(c));
	offset_ns = clock_off_ns;
	asked = 0;
	credentials_init(&c, &metadata, &loop, &offset_ns);
	hold("old", left_ns);
	credentials_start(&c);
}

/* "alarm keys credentials-expired ... expire_in_s=N" gives N, -1 when nothing of this event was said. */
static long said_left_s(const char *level_and_event)
{
	long left_s = -1;
	for (const char *line = logged_line(); line; line = logged_line()) {
		const char *left = strstr(line, "expire_in_s=");
		if (!strncmp(line, level_and_event, strlen(level_and_event)) && left)
			left_s = strtol(left + strlen("expire_in_s="), NULL, 10);
	}
	return left_s;
}

static void renewed_by_awss_clock(void)
{
	bool changed;
	set_up(HOUR_NS, 0);
	hold("new", 2 * HOUR_NS);
	credentials_done(&c, ERR_OK, &changed);
	long left_s = said_left_s("info keys credentials-renewed");
	CHECK(changed && left_s >= 7198 && left_s <= 7200);
	set_up(HOUR_NS, HOUR_NS);
	hold("new", 2 * HOUR_NS);
	credentials_done(&c, ERR_OK, &changed);
	left_s = said_left_s("info keys credentials-renewed");
	CHECK(changed && left_s >= 3598 && left_s <= 3600);
}

static void check_at(int64_t left_ns, int64_t clock_off_ns, bool due, bool expired)
{
	set_up(left_ns, clock_off_ns);
	c.timer.fn(c.timer.arg);
	CHECK(asked == due);
	CHECK(said_left_s("alarm keys credentials-expired") == (expired ? 0 : -1));
	loop_timer_stop(&loop, &c.timer);
}

static void expired_by_awss_clock(void)
{
	check_at(HOUR_NS, 0, false, false);
	check_at(HOUR_NS, HOUR_NS * 55 / 60, true, false); /* due ten minutes before */
	check_at(HOUR_NS, HOUR_NS + HOUR_NS / 60, true, true);
	check_at(-HOUR_NS, 0, true, true);
	check_at(-HOUR_NS, -2 * HOUR_NS, false, false); /* the machine's clock is fast */
}

int main(void)
{
	logged_begin("keys");
	RUN(renewed_by_awss_clock,
	    "the credentials' time left is told by AWS's clock, not by one that is off");
	RUN(expired_by_awss_clock, "credentials are fetched anew and called expired by AWS's clock");
	return check_done();
}
