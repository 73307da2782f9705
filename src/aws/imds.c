#include "aws/imds.h"

#include <string.h>

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "net/http1.h"

#define TOKEN_TTL_S "21600"                       /* the longest there is: 6 h */
#define TOKEN_USE_NS (21000 * (uint64_t)NS_PER_S) /* ten minutes before its end a new one is asked for */

static const struct step {
	const char *text;
	const char *path; /* under /latest/; a link's begins after its MAC */
	bool of_link;
	bool may_miss; /* 404 means that there is none */
} steps[] = {
	[IMDS_TOKEN] = {"IMDS token", "api/token", false, false},
	[IMDS_IDENTITY] = {"identity document", "dynamic/instance-identity/document", false, false},
	[IMDS_PARTITION] = {"partition", "meta-data/services/partition", false, true},
	[IMDS_DOMAIN] = {"domain of services", "meta-data/services/domain", false, true},
	[IMDS_LINK_LIST] = {"list of interfaces", "meta-data/network/interfaces/macs/", false, false},
	[IMDS_LINK_NUMBER] = {"interface's device-number", "device-number", true, false},
	[IMDS_LINK_ENI] = {"interface's interface-id", "interface-id", true, false},
	[IMDS_LINK_ADDRESS] = {"interface's local-ipv4s", "local-ipv4s", true, true},
	[IMDS_LINK_SUBNET] = {"interface's subnet-ipv4-cidr-block", "subnet-ipv4-cidr-block", true, true},
	[IMDS_LINK_VPC_NETS] = {"interface's vpc-ipv4-cidr-blocks", "vpc-ipv4-cidr-blocks", true, true},
	[IMDS_LINK_ADDRESS6] = {"interface's ipv6s", "ipv6s", true, true},
	[IMDS_LINK_SUBNET6] = {"interface's subnet-ipv6-cidr-blocks", "subnet-ipv6-cidr-blocks", true, true},
	[IMDS_LINK_VPC_NETS6] = {"interface's vpc-ipv6-cidr-blocks", "vpc-ipv6-cidr-blocks", true, true},
	[IMDS_LINK_VPC] = {"interface's vpc-id", "vpc-id", true, false},
	[IMDS_USER_DATA] = {"user data", "user-data", false, true},
	[IMDS_ROLE] = {"name of the instance's role", "meta-data/iam/security-credentials/", false, false},
	[IMDS_ROLE_CREDENTIALS] = {"role's credentials", "meta-data/iam/security-credentials/", false, false},
	[IMDS_DONE] = {"instance metadata", "", false, false},
	[IMDS_SPOT] = {"spot notice", "meta-data/spot/instance-action", false, true},
	[IMDS_REBALANCE] = {"rebalance notice", "meta-data/events/recommendations/rebalance", false, true},
	[IMDS_LIFECYCLE] = {"lifecycle notice", "meta-data/autoscaling/target-lifecycle-state", false, true},
};

const char *imds_step_text(enum imds_step step)
{
	ASSERT(step <= IMDS_LIFECYCLE);
	return steps[step].text;
}

void imds_begin(struct imds *m, enum imds_goal goal, uint64_t now_ns)
{
	static const enum imds_step first[IMDS_GOALS] = {
		[IMDS_BOOT] = IMDS_IDENTITY,
		[IMDS_CREDENTIALS] = IMDS_ROLE,
		[IMDS_NOTICES] = IMDS_SPOT,
		[IMDS_LINKS] = IMDS_LINK_LIST,
	};
	if (goal == IMDS_BOOT)
		wipe(m, sizeof(*m));
	if (now_ns - m->token_ns > TOKEN_USE_NS)
		wipe(m->token, sizeof(m->token));
	m->now_ns = now_ns;
	m->links_only = goal == IMDS_LINKS;
	m->resume = first[goal];
	m->step = m->token[0] ? m->resume : IMDS_TOKEN;
	m->renewed = false;
	m->detail[0] = m->result.notice[0] = 0;
}

static void put_target(const struct imds *m, struct buf *target)
{
	const struct step *s = &steps[m->step];
	buf_str(target, "/latest/");
	if (s->of_link) {
		buf_str(target, steps[IMDS_LINK_LIST].path);
		text_mac(target, m->result.link[m->link].mac);
		buf_u8(target, '/');
	}
	buf_str(target, s->path);
	if (m->step == IMDS_ROLE_CREDENTIALS)
		buf_str(target, m->result.role);
}

bool imds_next(const struct imds *m, struct buf *request)
{
	uint8_t text[256];
	struct buf target = BUF_OF(text);
	if (m->step == IMDS_DONE)
		return false;
	put_target(m, &target);
	ASSERT(!target.overflow);
	bool token = m->step == IMDS_TOKEN;
	http1_request_line(request, token ? "PUT" : "GET", buf_span(&target));
	http1_header(request, "Host", SPAN("169.254.169.254"));
	if (token) {
		http1_header(request, "X-aws-ec2-metadata-token-ttl-seconds", SPAN(TOKEN_TTL_S));
		http1_header(request, "Content-Length", SPAN("0"));
	} else {
		http1_header(request, "X-aws-ec2-metadata-token", span_str(m->token));
	}
	http1_head_end(request);
	return true;
}

/* A word that may stand in a header or path: visible, no blanks. */
static enum err keep_word(struct span s, char *out, size_t cap)
{
	if (s.len == 0 || !text_is_printable(s) || span_find(s, ' ') != s.len)
		return ERR_SYNTAX;
	if (s.len >= cap)
		return ERR_TOO_LONG;
	memcpy(out, s.p, s.len);
	out[s.len] = 0;
	return ERR_OK;
}

/* A word of unreserved characters: it becomes part of objects' names. */
static enum err keep_name(struct span s, char *out, size_t cap)
{
	return text_is_unreserved(s) ? keep_word(s, out, cap) : ERR_SYNTAX;
}

/* Cuts the first line off. */
static struct span take_line(struct span *s)
{
	struct span line = span_cut(s, '\n');
	if (span_ends(line, SPAN("\r")))
		line.len--;
	return line;
}

static enum err read_identity(struct imds_result *r, struct span body)
{
	const struct {
		const char *member;
		char *field;
		size_t cap;
	} members[] = {
		{"accountId", r->account, sizeof(r->account)},
		{"region", r->region, sizeof(r->region)},
		{"availabilityZone", r->zone, sizeof(r->zone)},
		{"instanceId", r->instance, sizeof(r->instance)},
		{"imageId", r->ami, sizeof(r->ami)},
	};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char text[64];
		TRY(json_find_text(body, members[i].member, text, sizeof(text)));
		TRY(keep_name(span_str(text), members[i].field, members[i].cap));
	}
	uint64_t account;
	if (strlen(r->account) != 12 || text_read_u64(span_str(r->account), UINT64_MAX, &account))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err read_link_list(struct imds *m, struct span body)
{
	struct imds_result *r = &m->result;
	m->link = 0;
	r->link_count = 0;
	memset(r->link, 0, sizeof(r->link));
	while (body.len) {
		struct span line = take_line(&body);
		if (span_ends(line, SPAN("/")))
			line.len--;
		if (line.len == 0)
			continue;
		if (r->link_count == IMDS_LINKS_MAX)
			return ERR_TOO_LONG;
		TRY(text_read_mac(line, r->link[r->link_count].mac));
		r->link_count++;
	}
	return r->link_count ? ERR_OK : ERR_MISSING;
}

/* Takes the next line that is not empty; false: there is none. */
static bool take_entry(struct span *body, struct span *line)
{
	do {
		if (body->len == 0)
			return false;
		*line = take_line(body);
	} while (line->len == 0);
	return true;
}

static enum err read_addresses4(struct imds_link *l, struct span body)
{
	struct span line;
	l->addr_count = 0;
	while (take_entry(&body, &line)) {
		uint32_t addr;
		TRY(text_read_ipv4(line, &addr));
		if (l->addr_count == IMDS_ADDRS_MAX)
			l->left_out++;
		else
			l->addr[l->addr_count++] = addr;
	}
	return ERR_OK;
}

static enum err read_addresses6(struct imds_link *l, struct span body)
{
	struct span line;
	l->addr6_count = 0;
	while (take_entry(&body, &line)) {
		struct ip a;
		TRY(ip_read(line, &a));
		if (ip_is_v4(&a))
			return ERR_SYNTAX;
		if (l->addr6_count == IMDS_ADDRS6_MAX)
			l->left_out++;
		else
			l->addr6[l->addr6_count++] = a;
	}
	return ERR_OK;
}

/* Behind those that are there; nothing is added on an error. */
static enum err read_networks(struct imds_link *l, struct span body, bool v4, struct ip_net *nets,
			      uint32_t *count)
{
	struct span line;
	uint32_t n = *count;
	while (take_entry(&body, &line)) {
		struct ip_net net;
		TRY(ip_net_read(line, &net));
		if (ip_net_is_v4(&net) != v4)
			return ERR_SYNTAX;
		if (n == IMDS_NETS_MAX)
			l->left_out++;
		else
			nets[n++] = net;
	}
	*count = n;
	return ERR_OK;
}

static enum err read_link_value(struct imds *m, struct span body)
{
	struct imds_link *l = &m->result.link[m->link];
	struct span rest = body, line = take_line(&rest);
	uint64_t number;
	unsigned len;
	switch (m->step) {
	case IMDS_LINK_NUMBER:
		TRY(text_read_u64(line, 255, &number));
		l->device_number = (uint32_t)number;
		return ERR_OK;
	case IMDS_LINK_ENI:
		return keep_name(line, l->eni, sizeof(l->eni));
	case IMDS_LINK_ADDRESS:
		return read_addresses4(l, body);
	case IMDS_LINK_VPC_NETS:
	case IMDS_LINK_VPC_NETS6:
		return read_networks(l, body, m->step == IMDS_LINK_VPC_NETS, l->vpc_net, &l->vpc_count);
	case IMDS_LINK_ADDRESS6:
		return read_addresses6(l, body);
	case IMDS_LINK_SUBNET6:
		return read_networks(l, body, false, l->subnet6, &l->subnet6_count);
	case IMDS_LINK_SUBNET:
		TRY(text_read_cidr4(line, &l->subnet, &len));
		l->prefix_len = len;
		l->subnet &= len ? UINT32_MAX << (32 - len) : 0;
		return ERR_OK;
	default:
		TRY(keep_name(line, l->vpc, sizeof(l->vpc)));
		if (l->device_number == 0)
			memcpy(m->result.vpc, l->vpc, sizeof(l->vpc));
		return ERR_OK;
	}
}

/* The first notice counts. */
static void notice(struct imds *m, const char *what, const char *action, const char *when)
{
	struct buf b = buf_over(m->result.notice, sizeof(m->result.notice) - 1);
	if (m->result.notice[0])
		return;
	buf_str(&b, what);
	buf_str(&b, action);
	buf_str(&b, " at ");
	buf_str(&b, when);
	m->result.notice[b.len] = 0;
}

/* {"action": "stop", "time": "2026-01-01T00:00:00Z"}; {"noticeTime": "..."} */
static enum err read_notice(struct imds *m, struct span body)
{
	char action[16] = "", when[32];
	if (m->step == IMDS_SPOT)
		TRY(json_find_text(body, "action", action, sizeof(action)));
	TRY(json_find_text(body, m->step == IMDS_SPOT ? "time" : "noticeTime", when, sizeof(when)));
	if (!text_is_printable(span_str(action)) || !text_is_printable(span_str(when)))
		return ERR_SYNTAX;
	notice(m, m->step == IMDS_SPOT ? "spot interruption: " : "rebalance recommendation", action, when);
	return ERR_OK;
}

/* The state that its Auto Scaling group wants it to have. Those that leave it running are no reason to go. */
static enum err read_lifecycle(struct imds *m, struct span body)
{
	static const char *const leaving[] = {"Terminated", "Warmed:Terminated", "Warmed:Stopped",
					      "Warmed:Hibernated"};
	struct span state = take_line(&body);
	for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++)
		if (span_eq(state, span_str(leaving[i])))
			notice(m, "auto scaling: ", leaving[i], "once");
	return ERR_OK;
}

/* Answers of which the first line counts. */
static enum err read_line(struct imds *m, struct span body)
{
	struct span rest = body, line = take_line(&rest);
	switch (m->step) {
	case IMDS_TOKEN:
		m->token_ns = m->now_ns;
		return keep_word(line, m->token, sizeof(m->token));
	case IMDS_PARTITION:
		return keep_name(line, m->result.partition, sizeof(m->result.partition));
	case IMDS_DOMAIN:
		return keep_name(line, m->result.domain, sizeof(m->result.domain));
	case IMDS_ROLE:
		return keep_word(line, m->result.role, sizeof(m->result.role));
	default:
		return read_link_value(m, body);
	}
}

static enum err read_body(struct imds *m, struct span body)
{
	struct imds_result *r = &m->result;
	switch (m->step) {
	case IMDS_IDENTITY:
		return read_identity(r, body);
	case IMDS_SPOT:
	case IMDS_REBALANCE:
		return read_notice(m, body);
	case IMDS_LIFECYCLE:
		return read_lifecycle(m, body);
	case IMDS_LINK_LIST:
		return read_link_list(m, body);
	case IMDS_USER_DATA:
		if (body.len > sizeof(r->user_data))
			return ERR_TOO_LONG;
		if (body.len)
			memcpy(r->user_data, body.p, body.len);
		r->user_data_len = (uint32_t)body.len;
		return ERR_OK;
	case IMDS_ROLE_CREDENTIALS:
		return creds_read(body, &r->creds, m->detail);
	default:
		return read_line(m, body);
	}
}

/* Which request comes after the one that was answered. */
static enum err advance(struct imds *m)
{
	if (m->step == IMDS_TOKEN) {
		m->step = m->resume;
		return ERR_OK;
	}
	m->renewed = false;
	if (m->step != IMDS_LINK_VPC) {
		m->step = m->step == IMDS_LIFECYCLE ? IMDS_DONE : m->step + 1;
		return ERR_OK;
	}
	if (++m->link < m->result.link_count) {
		m->step = IMDS_LINK_NUMBER;
		return ERR_OK;
	}
	/* Without a primary interface the list was read while it changed: again from there. */
	m->step = !m->result.vpc[0] ? IMDS_LINK_LIST : m->links_only ? IMDS_DONE : IMDS_USER_DATA;
	return m->result.vpc[0] ? ERR_OK : ERR_MISSING;
}

/* 401: the token has expired. Once a request; a second one in a row is an error, and the next try renews
 * again. */
static enum err renew(struct imds *m)
{
	if (m->renewed) {
		m->renewed = false;
		return ERR_DENIED;
	}
	wipe(m->token, sizeof(m->token));
	m->renewed = true;
	m->resume = m->step;
	m->step = IMDS_TOKEN;
	return ERR_OK;
}

static enum err refused(struct imds *m, unsigned status)
{
	struct buf b = buf_over(m->detail, sizeof(m->detail));
	buf_str(&b, "HTTP status ");
	text_u64(&b, status);
	buf_u8(&b, 0);
	switch (status) {
	case 401:
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 429:
		return ERR_THROTTLED;
	default:
		return ERR_SERVICE;
	}
}

enum err imds_answer(struct imds *m, unsigned status, struct span body)
{
	ASSERT(m->step != IMDS_DONE);
	m->detail[0] = 0;
	if (status == 404 && steps[m->step].may_miss)
		return advance(m);
	if (status == 401 && m->step != IMDS_TOKEN) {
		(void)refused(m, status);
		return renew(m);
	}
	if (status != 200)
		return refused(m, status);
	TRY(read_body(m, body));
	return advance(m);
}
