#include "base/time.h"
#include "cli/health.h"
#include "cli/keyring.h"
#include "cli/say.h"
#include "cli/session.h"
#include "os/clock.h"

#define DAY_NS (86400 * NS_PER_S)

static struct {
	uint64_t from_ns, to_ns;
	bool json;
} o = {.from_ns = UINT64_MAX, .to_ns = UINT64_MAX};

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "look so far back; a day, where it is not given", &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "as it was then; now, where it is not given", &o.to_ns},
	{"--json", OPTION_FLAG, NULL, "one JSON object for each appliance", &o.json},
	{.name = NULL},
};

static uint8_t text[HEALTH_TEXT_MAX];

static bool take_line(void *arg, const struct lines_line *l)
{
	(void)arg;
	health_take(l);
	return true;
}

static enum exit_status show(uint64_t now_ns)
{
	for (uint32_t i = 0; i < health_count(); i++) {
		struct buf b = BUF_OF(text);
		if (o.json)
			health_json(&b, health_at(i), now_ns);
		else
			health_text(&b, health_at(i), now_ns);
		(void)say_out(buf_span(&b)); /* say_out_done tells of a failure */
	}
	return say_out_done();
}

static enum exit_status run(char **operands)
{
	uint64_t now_ns = o.to_ns == UINT64_MAX ? clock_real_ns() : o.to_ns;
	struct lines_filter f = {.from_ns = o.from_ns, .to_ns = now_ns, .kinds = 1u << OBJECT_LOG};
	if (f.from_ns == UINT64_MAX)
		f.from_ns = now_ns > DAY_NS ? now_ns - DAY_NS : 0;
	enum exit_status status = session_begin();
	if (status)
		return status;
	health_begin();
	status = lines_each(&f, operands, take_line, NULL);
	keyring_wipe();
	if (status == EXIT_NO_INPUT)
		return status;
	enum exit_status written = show(now_ns), verdict = health_verdict(now_ns);
	if (written || status > EXIT_DAMAGED)
		return written ? written : status;
	return verdict > status ? verdict : status;
}

const struct command cmd_status = {
	.name = "status",
	.operands = "[OBJECT...]",
	.summary = "tell how each appliance is, by its log",
	.text = "By the last day's log, where --from says nothing else: state, last heartbeat, boot,\n"
		"version, counters, losses, spool, clock, credentials and alarms.\n"
		"Exit status: 0 all are armed and well, 1 a heartbeat is older than three intervals, or\n"
		"something alarmed in this time, 2 an appliance is closed: it forwards nothing.\n\n"
		"  sealtap status\n"
		"  sealtap status --json | jq 'select(.stale)'\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
