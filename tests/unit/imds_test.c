#include "aws/imds.h"

#include "check.h"

#define IDENTITY_OF(account, region)                                             \
	"{\"accountId\":\"" account "\",\"availabilityZone\":\"eu-central-1b\"," \
	"\"billingProducts\":null,\"imageId\":\"ami-0abcdef1234567890\","        \
	"\"instanceId\":\"i-1234567890abcdef0\",\"region\":\"" region "\"}"
#define CREDENTIALS_OF(id, secret, token)                             \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\","           \
	"\"SecretAccessKey\":\"" secret "\",\"Token\":\"" token "\"," \
	"\"Expiration\":\"2026-01-02T09:04:05Z\"}"
#define MACS "meta-data/network/interfaces/macs/"
#define MAC0 "0e:49:61:0f:c3:11"
#define MAC1 "0e:49:61:0f:c3:77"

/* A service with two interfaces, as the user guide describes it. */
static const struct page {
	const char *path, *body;
} pages[] = {
	{"dynamic/instance-identity/document", IDENTITY_OF("111122223333", "eu-central-1")},
	{"meta-data/services/partition", "aws"},
	{"meta-data/services/domain", "amazonaws.com\n"},
	{MACS, MAC1 "/\n" MAC0 "/"},
	{MACS MAC1 "/device-number", "1"},
	{MACS MAC1 "/interface-id", "eni-1"},
	{MACS MAC1 "/local-ipv4s", "10.1.9.9\n10.1.9.10"},
	{MACS MAC1 "/subnet-ipv4-cidr-block", "10.1.9.0/24"},
	{MACS MAC1 "/vpc-ipv4-cidr-blocks", "10.1.0.0/16\n10.2.0.0/20"},
	{MACS MAC1 "/ipv6s", "2001:db8::9\n2001:db8::a"},
	{MACS MAC1 "/subnet-ipv6-cidr-blocks", "2001:db8::/64"},
	{MACS MAC1 "/vpc-ipv6-cidr-blocks", "2001:db8::/56"},
	{MACS MAC1 "/vpc-id", "vpc-1"},
	{MACS MAC0 "/device-number", "0"},
	{MACS MAC0 "/interface-id", "eni-0"},
	{MACS MAC0 "/local-ipv4s", "10.0.0.4\r\n"},
	{MACS MAC0 "/subnet-ipv4-cidr-block", "10.0.0.1/20"},
	{MACS MAC0 "/vpc-ipv4-cidr-blocks", "10.0.0.0/16"},
	{MACS MAC0 "/ipv6s", "2001:db8:0:1::4"},
	{MACS MAC0 "/subnet-ipv6-cidr-blocks", "2001:db8:0:1::/64"},
	{MACS MAC0 "/vpc-ipv6-cidr-blocks", "2001:db8::/56"},
	{MACS MAC0 "/vpc-id", "vpc-0"},
	{"user-data", "nat = none\n"},
	{"meta-data/iam/security-credentials/", "sealtap-role"},
	{"meta-data/iam/security-credentials/sealtap-role",
	 CREDENTIALS_OF("ASIAEXAMPLE", "secret", "session")},
};

/* Places in pages. */
enum {
	LIST = 3,
	LINK = 4,
	ADDRESS = 6,
	NETS = 8,
	ADDRESS6,
	SUBNET6,
	NETS6,
	VPC = 12,
	LINK0 = 13,
	DATA = 22,
	ROLE,
	CREDENTIALS
};

#define PAGES (sizeof(pages) / sizeof(pages[0]))

static struct imds m;
static char request[IMDS_REQUEST_MAX];
static struct buf req;

static bool next(void)
{
	req = BUF_OF(request);
	bool more = imds_next(&m, &req);
	CHECK(!req.overflow);
	return more;
}

static bool is_token_request(void)
{
	return span_eq(buf_span(&req),
		       SPAN("PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\n"
			    "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n"));
}

static bool is_get(const char *path, const char *token)
{
	char want[512];
	int n = snprintf(
		want, sizeof(want),
		"GET /latest/%s HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token: %s\r\n\r\n",
		path, token);
	return span_eq(buf_span(&req), span_of(want, (size_t)n));
}

static enum err say(unsigned status, const char *body)
{
	return imds_answer(&m, status, span_str(body));
}

static void start(void)
{
	imds_begin(&m, IMDS_BOOT, 0);
	CHECK(next() && is_token_request());
	CHECK(say(200, "TOKEN==") == ERR_OK);
}

/* Answers pages [from, to) and checks that they are asked for. */
static void serve(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		CHECK(next() && is_get(pages[i].path, "TOKEN=="));
		CHECK(say(200, pages[i].body) == ERR_OK);
	}
}

static void boots(void)
{
	start();
	serve(0, PAGES);
	CHECK(!next() && req.len == 0);
	const struct imds_result *r = &m.result;
	CHECK(!strcmp(r->account, "111122223333") && !strcmp(r->region, "eu-central-1"));
	CHECK(!strcmp(r->zone, "eu-central-1b") && !strcmp(r->instance, "i-1234567890abcdef0"));
	CHECK(!strcmp(r->ami, "ami-0abcdef1234567890") && !strcmp(r->vpc, "vpc-0"));
	CHECK(r->link_count == 2);
	CHECK(r->link[0].device_number == 1 && r->link[0].addr[0] == 0x0a010909 && r->link[0].mac[5] == 0x77);
	CHECK(!strcmp(r->link[0].eni, "eni-1") && !strcmp(r->link[0].vpc, "vpc-1"));
	CHECK(r->link[0].subnet == 0x0a010900 && r->link[0].prefix_len == 24);
	CHECK(r->link[1].device_number == 0 && r->link[1].addr[0] == 0x0a000004);
	CHECK(r->link[1].subnet == 0x0a000000 && r->link[1].prefix_len == 20);
	CHECK(r->link[0].addr_count == 2 && r->link[0].addr[1] == 0x0a01090a && r->link[1].addr_count == 1);
	CHECK(r->link[0].addr6_count == 2 && r->link[0].addr6[1].bytes[15] == 0xa);
	CHECK(r->link[1].subnet6_count == 1 && r->link[1].subnet6[0].prefix_len == 64);
	CHECK(r->link[0].vpc_count == 3 && r->link[0].vpc_net[1].prefix_len == 96 + 20);
	CHECK(r->link[0].vpc_net[2].prefix_len == 56 && r->link[0].left_out == 0);
	CHECK_SPAN(span_of(r->user_data, r->user_data_len), SPAN("nat = none\n"));
	CHECK(!strcmp(r->role, "sealtap-role") && !strcmp(r->creds.access_key_id, "ASIAEXAMPLE"));
	CHECK(!strcmp(r->creds.secret, "secret") && !strcmp(r->creds.token, "session"));
}

static void missing_values_are_empty(void)
{
	start();
	serve(0, 6);
	CHECK(next() && say(404, "x") == ERR_OK); /* no IPv4 address */
	CHECK(next() && say(404, "x") == ERR_OK); /* no IPv4 subnet */
	for (int i = NETS; i < VPC; i++)
		CHECK(next() && say(404, "x") == ERR_OK);
	serve(VPC, DATA);
	CHECK(next() && is_get("user-data", "TOKEN==") && say(404, "<html>") == ERR_OK);
	CHECK(m.result.user_data_len == 0);
	CHECK(m.result.link[0].addr_count == 0 && m.result.link[0].prefix_len == 0);
	CHECK(m.result.link[0].vpc_count == 0 && m.result.link[0].addr6_count == 0);
	CHECK(m.result.link[1].addr[0]);
	serve(ROLE, PAGES);
	CHECK(!next());
}

/* Each request may be the one at which the token has expired, or that fails once. */
static void renews_the_token_anywhere(void)
{
	for (size_t at = 0; at < PAGES; at++) {
		start();
		serve(0, at);
		CHECK(next() && say(401, "") == ERR_OK);
		CHECK(next() && is_token_request());
		CHECK(say(200, "TOKEN==\n") == ERR_OK);
		serve(at, PAGES);
		CHECK(!next());
	}
}

/* Also more than once in one boot. */
static void renews_the_token_again(void)
{
	start();
	for (size_t at = 0; at < PAGES; at++) {
		CHECK(next() && say(401, "") == ERR_OK);
		CHECK(next() && is_token_request() && say(200, "TOKEN==") == ERR_OK);
		serve(at, at + 1);
	}
	CHECK(!next());
}

static void repeats_what_failed(void)
{
	static const struct {
		unsigned status;
		enum err e;
	} rows[] = {{403, ERR_DENIED},  {429, ERR_THROTTLED}, {500, ERR_SERVICE}, {503, ERR_SERVICE},
		    {301, ERR_SERVICE}, {204, ERR_SERVICE},   {400, ERR_SERVICE}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char detail[64];
		snprintf(detail, sizeof(detail), "HTTP status %u", rows[i].status);
		imds_begin(&m, IMDS_BOOT, 0);
		CHECK(next() && say(rows[i].status, "TOKEN") == rows[i].e);
		CHECK(m.step == IMDS_TOKEN && !strcmp(m.detail, detail));
		start();
		for (size_t at = 0; at < PAGES; at++) {
			enum imds_step step = m.step;
			CHECK(next() && say(rows[i].status, pages[at].body) == rows[i].e);
			CHECK(m.step == step && !strcmp(m.detail, detail));
			serve(at, at + 1);
			CHECK(!m.detail[0]);
		}
		CHECK(!next());
	}
	CHECK(!strcmp(imds_step_text(IMDS_USER_DATA), "user data"));
}

/* A service that never takes a token does not make us loop. */
static void two_401_in_a_row_are_an_error(void)
{
	start();
	for (int round = 0; round < 3; round++) {
		CHECK(next() && is_get(pages[0].path, "TOKEN=="));
		CHECK(say(401, "") == ERR_OK);
		CHECK(next() && is_token_request());
		CHECK(say(200, "TOKEN==") == ERR_OK);
		CHECK(next() && say(401, "") == ERR_DENIED);
		CHECK(m.step == IMDS_IDENTITY && !strcmp(m.detail, "HTTP status 401"));
	}
	imds_begin(&m, IMDS_BOOT, 0);
	CHECK(next() && say(401, "") == ERR_DENIED);
}

static void refuses_bodies(void)
{
	static const struct {
		size_t page;
		const char *body;
		enum err e;
	} rows[] = {
		{0, "", ERR_SYNTAX},
		{0, "{}", ERR_MISSING},
		{0, IDENTITY_OF("11112222333", "eu-central-1"), ERR_SYNTAX},
		{0, IDENTITY_OF("111122223333", "a/b"), ERR_SYNTAX},
		{0, IDENTITY_OF("111122223333", ""), ERR_SYNTAX},
		{1, "a w s", ERR_SYNTAX},
		{1, "", ERR_SYNTAX},
		{2, "amazonaws.com/x", ERR_SYNTAX},
		{3, "", ERR_MISSING},
		{3, "\n\n", ERR_MISSING},
		{3, "not a mac/", ERR_SYNTAX},
		{3, "../../x/", ERR_SYNTAX},
		{4, "", ERR_SYNTAX},
		{4, "256", ERR_RANGE},
		{5, "", ERR_SYNTAX},
		{5, "eni 1", ERR_SYNTAX},
		{5, "eni-0123456789012345678901234567", ERR_TOO_LONG},
		{6, "10.0.0", ERR_SYNTAX},
		{7, "10.0.0.0", ERR_SYNTAX},
		{6, "10.1.9.9\n2001:db8::9", ERR_SYNTAX},
		{NETS, "10.1.0.1/16", ERR_RANGE},
		{NETS, "10.1.0.0/16\n2001:db8::/56", ERR_SYNTAX},
		{ADDRESS6, "10.1.9.9", ERR_SYNTAX},
		{ADDRESS6, "2001:db8::9 x", ERR_SYNTAX},
		{SUBNET6, "10.1.9.0/24", ERR_SYNTAX},
		{NETS6, "2001:db8::/56\n2001:db8::/129", ERR_RANGE},
		{VPC, "vpc/1", ERR_SYNTAX},
		{ROLE, "", ERR_SYNTAX},
		{ROLE, "role name", ERR_SYNTAX},
		{ROLE, "role\001", ERR_SYNTAX},
		{CREDENTIALS, "<html>", ERR_SYNTAX},
		{CREDENTIALS, "{\"Code\":\"Success\"}", ERR_MISSING},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start();
		serve(0, rows[i].page);
		CHECK(next() && say(200, rows[i].body) == rows[i].e);
		serve(rows[i].page, PAGES);
		CHECK(!next());
	}
	static const char *const tokens[] = {"", "a b", "a\001"};
	for (size_t i = 0; i < 3; i++) {
		imds_begin(&m, IMDS_BOOT, 0);
		CHECK(next() && say(200, tokens[i]) == ERR_SYNTAX);
		CHECK(next() && is_token_request());
	}
}

static void bounds_user_data_and_links(void)
{
	static uint8_t data[IMDS_USER_DATA_MAX + 1];
	char list[IMDS_LINKS_MAX * 19 + 20] = "";
	start();
	serve(0, DATA);
	CHECK(imds_answer(&m, 200, span_of(data, sizeof(data))) == ERR_TOO_LONG);
	CHECK(imds_answer(&m, 200, span_of(data, sizeof(data) - 1)) == ERR_OK);
	CHECK(m.result.user_data_len == IMDS_USER_DATA_MAX);
	start();
	serve(0, 3);
	for (int i = 0; i < IMDS_LINKS_MAX; i++)
		strcat(list, MAC0 "/\n");
	CHECK(say(200, list) == ERR_OK && m.result.link_count == IMDS_LINKS_MAX);
	start();
	serve(0, 3);
	strcat(list, MAC0 "/");
	CHECK(say(200, list) == ERR_TOO_LONG);
}

/* The list is read again when the primary interface is not in it. */
static void needs_a_primary_interface(void)
{
	start();
	serve(0, 3);
	CHECK(say(200, MAC1 "/") == ERR_OK);
	serve(LINK, VPC);
	CHECK(next() && say(200, "vpc-1") == ERR_MISSING);
	serve(3, PAGES);
	CHECK(!next() && m.result.link_count == 2);
}

/* What is read twice after a failure is there once. */
static void a_repeated_answer_counts_once(void)
{
	start();
	serve(0, NETS6);
	CHECK(next() && say(200, "2001:db8::/56\n2001:db8::/57\nx") == ERR_SYNTAX);
	serve(NETS6, PAGES);
	CHECK(!next() && m.result.link[0].vpc_count == 3);
}

static void bounds_addresses_and_networks(void)
{
	char list[64 * 20] = "", nets[64 * 20] = "";
	for (int i = 0; i < 20; i++) {
		snprintf(list + strlen(list), 24, "10.1.9.%d\n", i + 1);
		snprintf(nets + strlen(nets), 24, "10.%d.0.0/16\n", i);
	}
	start();
	serve(0, ADDRESS);
	CHECK(next() && say(200, list) == ERR_OK && m.result.link[0].addr_count == IMDS_ADDRS_MAX);
	CHECK(m.result.link[0].left_out == 4);
	serve(ADDRESS + 1, NETS);
	CHECK(next() && say(200, nets) == ERR_OK && m.result.link[0].vpc_count == IMDS_NETS_MAX);
	CHECK(m.result.link[0].left_out == 4 + 12);
}

/* The interfaces alone are asked about again; the rest stays. */
static void asks_about_interfaces_again(void)
{
	start();
	serve(0, PAGES);
	imds_begin(&m, IMDS_LINKS, 0);
	CHECK(next() && is_get(MACS, "TOKEN==") && say(200, MAC0 "/") == ERR_OK);
	serve(LINK0, DATA);
	CHECK(!next() && m.result.link_count == 1 && m.result.link[0].device_number == 0);
	CHECK(m.result.user_data_len && m.result.creds.access_key_id[0]);
}

static void refreshes_credentials(void)
{
	start();
	serve(0, PAGES);
	imds_begin(&m, IMDS_CREDENTIALS, 0);
	CHECK(next() && is_get(pages[ROLE].path, "TOKEN=="));
	CHECK(say(200, "sealtap-role") == ERR_OK);
	CHECK(next() && say(200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}") == ERR_REFUSED);
	CHECK(!strcmp(m.detail, "AssumeRoleUnauthorizedAccess"));
	CHECK(!strcmp(m.result.creds.access_key_id, "ASIAEXAMPLE")); /* the old ones stay */
	CHECK(next() && is_get(pages[CREDENTIALS].path, "TOKEN=="));
	CHECK(say(401, "") == ERR_OK);
	CHECK(next() && is_token_request() && say(200, "NEW") == ERR_OK);
	CHECK(next() && is_get(pages[CREDENTIALS].path, "NEW"));
	CHECK(say(200, CREDENTIALS_OF("ASIANEW", "n", "n")) == ERR_OK);
	CHECK(!next() && !strcmp(m.result.creds.access_key_id, "ASIANEW"));
	CHECK(m.result.link_count == 2 && m.result.user_data_len);
	start();
	serve(0, ROLE);
	CHECK(next() && say(404, "") == ERR_NOT_FOUND && m.step == IMDS_ROLE); /* no role is attached */
}

/* IMDS of before these two paths. */
static void partition_may_be_unknown(void)
{
	start();
	serve(0, 1);
	CHECK(next() && say(404, "") == ERR_OK && next() && say(404, "") == ERR_OK);
	serve(3, PAGES);
	CHECK(!next() && !m.result.partition[0] && !m.result.domain[0]);
	start();
	serve(0, PAGES);
	CHECK(!strcmp(m.result.partition, "aws") && !strcmp(m.result.domain, "amazonaws.com"));
}

#define S 1000000000ull

static void renews_the_token_in_time(void)
{
	start();
	serve(0, PAGES);
	imds_begin(&m, IMDS_NOTICES, 20999 * S);
	CHECK(next() && is_get("meta-data/spot/instance-action", "TOKEN=="));
	imds_begin(&m, IMDS_CREDENTIALS, 21001 * S);
	CHECK(next() && is_token_request() && say(200, "SECOND") == ERR_OK);
	CHECK(next() && is_get(pages[ROLE].path, "SECOND"));
	imds_begin(&m, IMDS_NOTICES, 42000 * S);
	CHECK(next() && is_get("meta-data/spot/instance-action", "SECOND"));
	imds_begin(&m, IMDS_NOTICES, 42002 * S);
	CHECK(next() && is_token_request());
}

static void reads_notices(void)
{
	static const struct {
		const char *spot, *rebalance, *lifecycle; /* NULL: 404 */
		const char *notice;
	} rows[] = {
		{NULL, NULL, NULL, ""},
		{NULL, NULL, "InService", ""},
		{NULL, NULL, "Standby\n", ""},
		{NULL, NULL, "Warmed:Running", ""},
		{NULL, NULL, "Terminated-not", ""},
		{NULL, NULL, "", ""},
		{NULL, NULL, "Terminated\n", "auto scaling: Terminated at once"},
		{NULL, NULL, "Warmed:Stopped", "auto scaling: Warmed:Stopped at once"},
		{NULL, NULL, "Warmed:Hibernated", "auto scaling: Warmed:Hibernated at once"},
		{NULL, "{\"noticeTime\": \"2026-11-05T08:22:00Z\"}", NULL,
		 "rebalance recommendation at 2026-11-05T08:22:00Z"},
		{"{\"action\": \"stop\", \"time\": \"2026-09-18T08:22:00Z\"}", NULL, "InService",
		 "spot interruption: stop at 2026-09-18T08:22:00Z"},
		{"{\"action\":\"terminate\",\"time\":\"2026-09-18T08:22:00Z\"}",
		 "{\"noticeTime\": \"2026-11-05T08:22:00Z\"}", "Terminated",
		 "spot interruption: terminate at 2026-09-18T08:22:00Z"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const answers[] = {rows[i].spot, rows[i].rebalance, rows[i].lifecycle};
		static const char *const paths[] = {"meta-data/spot/instance-action",
						    "meta-data/events/recommendations/rebalance",
						    "meta-data/autoscaling/target-lifecycle-state"};
		start();
		serve(0, PAGES);
		imds_begin(&m, IMDS_NOTICES, 0);
		for (size_t k = 0; k < 3; k++) {
			CHECK(next() && is_get(paths[k], "TOKEN=="));
			CHECK(say(answers[k] ? 200 : 404, answers[k] ? answers[k] : "") == ERR_OK);
		}
		CHECK(!next() && !strcmp(m.result.notice, rows[i].notice));
		CHECK(!strcmp(m.result.creds.access_key_id, "ASIAEXAMPLE"));
		imds_begin(&m, IMDS_NOTICES, 0);
		CHECK(!m.result.notice[0]);
	}
}

static void refuses_malformed_notices(void)
{
	static const char *const bodies[] = {
		"",
		"terminate",
		"{}",
		"{\"action\":\"stop\"}",
		"{\"time\":\"2026-09-18T08:22:00Z\"}",
		"{\"action\":\"st\\u0001p\",\"time\":\"x\"}",
		"{\"action\":1,\"time\":2}",
		"{\"action\":\"a-very-long-action-it-is\",\"time\":\"x\"}",
		"{\"action\":\"stop\",\"time\":\"2026-09-18T08:22:00Z 2026-09-18T08:22:00Z\"}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		start();
		serve(0, PAGES);
		imds_begin(&m, IMDS_NOTICES, 0);
		CHECK(next() && say(200, bodies[i]) != ERR_OK && m.step == IMDS_SPOT);
		CHECK(!m.result.notice[0]);
		CHECK(next() && say(404, "") == ERR_OK && next() && say(500, "") == ERR_SERVICE);
	}
}

int main(void)
{
	RUN(boots, "a boot asks for token, identity, interfaces, user data, role and credentials");
	RUN(missing_values_are_empty, "no user data and no IPv4 address are no errors");
	RUN(partition_may_be_unknown, "partition and domain are read where the service tells them");
	RUN(renews_the_token_in_time, "a token is renewed before its six hours are over");
	RUN(reads_notices, "notices of spot, rebalance and auto scaling say why the instance has to go");
	RUN(refuses_malformed_notices, "a malformed notice is none");
	RUN(renews_the_token_anywhere, "an expired token is renewed at any request and the request repeated");
	RUN(renews_the_token_again, "a token that expires at every request is renewed each time");
	RUN(repeats_what_failed, "a request that failed is named and asked again");
	RUN(two_401_in_a_row_are_an_error, "a service that refuses new tokens is an error, not a loop");
	RUN(refuses_bodies, "malformed answers are refused and asked again");
	RUN(bounds_user_data_and_links, "user data and interfaces are bounded");
	RUN(needs_a_primary_interface, "the interface list is read again when it lacks the primary one");
	RUN(a_repeated_answer_counts_once, "a list that is read again after a failure is there once");
	RUN(bounds_addresses_and_networks, "more addresses or networks than fit are left out and counted");
	RUN(asks_about_interfaces_again, "the interfaces alone can be asked about again");
	RUN(refreshes_credentials, "a refresh keeps the old credentials until the new ones are read");
	return check_done();
}
