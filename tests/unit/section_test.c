#include "role/capture/section.h"

#include "check.h"

static uint8_t memory[65536];

/* The head of a recording under these settings, the section's comment among its bytes. */
static struct span head(const struct settings *s)
{
	static const struct object_identity id = {.appliance = "tap-1", .instance = "i-1", .ami = "ami-1"};
	static const struct object_meta meta = {.stream = "w0", .seq = 7};
	static const struct msg_links links = {.count = 2};
	static const struct clocknote clock = {.source = "unsynchronised"};
	struct buf raw = BUF_OF(memory);
	section_write(&raw, s, &id, &links, &clock, &meta, NULL);
	CHECK(!raw.overflow);
	return buf_span(&raw);
}

static bool says(struct span head, const char *line)
{
	struct span want = span_str(line);
	for (size_t i = 0; i + want.len <= head.len; i++)
		if (span_starts(span_from(head, i), want))
			return true;
	return false;
}

static void policy(void)
{
	struct settings s = {.on_loss = CONF_ON_LOSS_RECORD};
	CHECK(says(head(&s), "\npolicy=on_loss=record spool.full=drop-newest\n"));
	s.on_loss = CONF_ON_LOSS_STOP;
	CHECK(says(head(&s), "\npolicy=on_loss=stop spool.full=drop-newest\n"));
	s.spool_full = CONF_SPOOL_FULL_STOP;
	CHECK(says(head(&s), "\npolicy=on_loss=stop spool.full=stop\n"));
}

static void rules(void)
{
	struct settings s = {.flow_cutoff_bytes = 4096, .budget_bytes_per_day = 5};
	CHECK(says(head(&s), "\nrules=own connections: headers only; all else: full\nflow_cutoff=4096\n"
			     "budget_bytes_per_day=5\n"));
	s.rule_count = 2;
	s.rule[0] = (struct capture_rule){.keep = CONF_KEEP_NONE, .filter = "udp port 4789"};
	s.rule[1] = (struct capture_rule){.keep = CONF_KEEP_HEADERS, .filter = "tcp port 443"};
	CHECK(says(head(&s), "\nrule.1=none : udp port 4789\nrule.2=headers : tcp port 443\n"));
}

int main(void)
{
	RUN(policy, "a recording says what was to happen to traffic that can't be recorded");
	RUN(rules, "a recording says by which rules, cutoff and budget it was made");
	return check_done();
}
