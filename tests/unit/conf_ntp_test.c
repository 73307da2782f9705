#include "base/conf.h"

#include "check.h"

#define MINIMUM                  \
	"s3.bucket = evidence\n" \
	"kms.key = arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab\n"

static struct settings s;
static struct conf_error at;

static enum err servers(const char *lines, uint32_t count)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), MINIMUM "%s", lines);
	enum err e = conf_read(span_of(text, (size_t)n), &s, &at);
	CHECK(e ? !strcmp(at.key, "ntp.server") : s.ntp.count == count);
	return e;
}

#define N(last) "ntp.server = 192.0.2." #last "\n"

static void time_servers(void)
{
	struct ip amazon = ip_from_v4(0xa9fea97b), first = ip_from_v4(0xc0000201), v6;
	CHECK(ip_read(SPAN("fd00:ec2::123"), &v6) == ERR_OK);
	CHECK(servers("", 1) == ERR_OK && ip_eq(&s.ntp.server[0], &amazon));
	CHECK(servers("ntp.server = none\n", 0) == ERR_OK);
	CHECK(servers("ntp.server = 192.0.2.1\nntp.server=fd00:ec2:0::123 # both\n", 2) == ERR_OK);
	CHECK(ip_eq(&s.ntp.server[0], &first) && ip_eq(&s.ntp.server[1], &v6));
	CHECK(servers(N(1) N(2) N(3) N(4), 4) == ERR_OK);
	CHECK(servers(N(1) N(2) N(3) N(4) N(5), 0) == ERR_TOO_LONG && at.line == 7);
	CHECK(servers(N(1) N(2) N(1), 0) == ERR_DUPLICATE && at.line == 5);
	CHECK(servers("ntp.server = 169.254.169.123\n", 1) == ERR_OK); /* the default, given */
	CHECK(servers(N(1) "ntp.server = none\n", 0) == ERR_EXCLUSIVE && at.line == 4);
	CHECK(servers("ntp.server = none\n" N(1), 0) == ERR_EXCLUSIVE && at.line == 4);
	CHECK(servers("ntp.server = none\nntp.server = none\n", 0) == ERR_DUPLICATE && at.line == 4);
}

int main(void)
{
	RUN(time_servers, "time servers: Amazon's unless others are given, up to four, or none");
	return check_done();
}
