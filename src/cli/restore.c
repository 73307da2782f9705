/* restore: asks for copies of what lies in colder storage. Prices: list prices of us-east-1, 2026
 * (aws.amazon.com/s3/pricing); times: Amazon S3 User Guide, "Archive retrieval options". */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/many.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"

#define GB 1e9

static const struct tier {
	const char *class, *name, *takes;
	double dollars_gb, dollars_thousand;
} tiers[] = {
	{"GLACIER", "Expedited", "1 to 5 minutes", 0.03, 10},
	{"GLACIER", "Standard", "3 to 5 hours", 0.01, 0.05},
	{"GLACIER", "Bulk", "5 to 12 hours", 0, 0},
	{"DEEP_ARCHIVE", "Standard", "12 hours", 0.02, 0.1},
	{"DEEP_ARCHIVE", "Bulk", "48 hours", 0.0025, 0.025},
};
#define TIERS (sizeof(tiers) / sizeof(tiers[0]))

static struct {
	uint64_t from_ns, to_ns, days;
	const char *kind, *tier;
	bool price, versions;
	uint64_t count[TIERS], bytes[TIERS];
	uint64_t asked, waiting, failed, warm;
	enum exit_status status;
} g = {.to_ns = UINT64_MAX, .days = 7, .tier = "Standard"};

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "what reaches behind this time", &g.from_ns},
	{"--to", OPTION_TIME, "TIME", "what begins before it", &g.to_ns},
	{"--kind", OPTION_TEXT, "KINDS", "of packets, log, flows; with commas between", &g.kind},
	{"--days", OPTION_NUMBER, "N", "how long the copies stay (7)", &g.days},
	{"--tier", OPTION_TEXT, "TIER", "Standard, Bulk (cheap, slow), Expedited (dear, quick)", &g.tier},
	{"--price", OPTION_FLAG, NULL, "say what it would cost, and ask for nothing", &g.price},
	{"--versions", OPTION_FLAG, NULL, "older versions, too", &g.versions},
	{NULL},
};

/* NULL: it is not archived, or its class has no such tier. */
static const struct tier *tier_of(const struct catalog_object *o)
{
	const char *class = catalog_storage_classes[o->storage];
	for (size_t i = 0; catalog_is_cold(o) && !o->is_marker && i < TIERS; i++)
		if (!strcmp(tiers[i].class, class) && !strcmp(tiers[i].name, g.tier))
			return &tiers[i];
	return NULL;
}

static bool ask(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	(void)arg;
	if (o->local || !tier_of(o))
		return false;
	bucket_restore_start(a, span_str(o->key), g.versions ? span_str(o->version) : SPAN(""), g.days,
			     g.tier);
	return true;
}

static bool answered(void *arg, struct bucket_ask *a, const struct catalog_object *o)
{
	(void)arg;
	progress_add(1);
	if (!a)
		return true;
	bool under_way = !strcmp(a->call.fault.code, "RestoreAlreadyInProgress");
	g.asked += a->call.error == ERR_OK;
	g.waiting += a->call.error && under_way;
	if (a->call.error == ERR_OK || under_way)
		return true;
	enum exit_status why =
		call_say(&a->call, "restore", span_str(bucket_url(span_str(o->key))), "s3:RestoreObject");
	g.failed++;
	if (g.status == EXIT_DONE || g.status == EXIT_INCOMPLETE)
		g.status =
			a->call.error == ERR_DENIED || a->call.error == ERR_NOT_FOUND ? EXIT_INCOMPLETE : why;
	return g.status == EXIT_INCOMPLETE;
}

/* What it costs and how long it takes; false: there is nothing to ask for. */
static bool tell(void)
{
	bool any = false;
	for (uint32_t i = 0; i < catalog_count(); i++) {
		const struct catalog_object *o = catalog_at(i);
		const struct tier *t = tier_of(o);
		g.warm += !catalog_is_cold(o) && !o->is_marker;
		if (!t && catalog_is_cold(o) && !o->is_marker)
			g.failed++;
		if (!t)
			continue;
		g.count[t - tiers]++;
		g.bytes[t - tiers] += o->size_bytes;
	}
	for (size_t i = 0; i < TIERS; i++) {
		if (g.count[i] == 0)
			continue;
		double dollars = (double)g.bytes[i] / GB * tiers[i].dollars_gb +
				 (double)g.count[i] / 1000 * tiers[i].dollars_thousand;
		printf("%llu objects, %.3f GB in %s: %s takes %s, about $%.2f (list price of us-east-1), "
		       "and storage of the copies for %llu days\n",
		       (unsigned long long)g.count[i], (double)g.bytes[i] / GB, tiers[i].class, tiers[i].name,
		       tiers[i].takes, dollars, (unsigned long long)g.days);
		any = true;
	}
	return any;
}

static enum exit_status restore_all(void)
{
	bool any = tell();
	enum exit_status s = say_out_done();
	if (s)
		return s;
	if (g.failed)
		return say(EXIT_WRONG_USAGE,
			   "%llu objects lie in a class that has no tier %s: take --tier Standard or "
			   "Bulk; nothing was asked for",
			   (unsigned long long)g.failed, g.tier);
	if (!any)
		say_note("%llu objects, none of them archived: they can be read at once",
			 (unsigned long long)g.warm);
	if (!any || g.price)
		return EXIT_DONE;
	struct many m = {.count = catalog_count(), .changes = true, .ask = ask, .answered = answered};
	progress_begin("asking", catalog_count());
	many_run(&m);
	progress_end();
	say_note("%llu asked for, %llu were under way, %llu failed; sealtap ls says when they are there",
		 (unsigned long long)g.asked, (unsigned long long)g.waiting, (unsigned long long)g.failed);
	return g.status;
}

static enum exit_status run(char **operands)
{
	struct catalog_filter f = {.from_ns = g.from_ns, .to_ns = g.to_ns, .versions = g.versions};
	bool known = false;
	for (size_t i = 0; i < TIERS; i++)
		known = known || !strcmp(tiers[i].name, g.tier);
	if (!known)
		return say(EXIT_WRONG_USAGE, "--tier %s: Standard, Bulk and Expedited are the tiers",
			   say_text(span_str(g.tier)));
	if (g.days == 0 || g.days > 365)
		return say(EXIT_WRONG_USAGE, "--days: 1 to 365");
	if (!operands[0] && g.from_ns == 0 && g.to_ns == UINT64_MAX)
		return say(EXIT_WRONG_USAGE, "which objects? name some, or a time: --from, --to");
	enum exit_status s = catalog_choose(&f, g.kind, operands);
	return s ? s : restore_all();
}

const struct command cmd_restore = {
	.name = "restore",
	.operands = "[OBJECT...]",
	.summary = "ask for recordings that lie in colder storage; says price and time",
	.text = "Objects of the classes GLACIER and DEEP_ARCHIVE can't be read until S3 has\n"
		"made a copy, which it keeps for --days. What can be read at once is left out.\n"
		"It needs s3:RestoreObject.\n"
		"\n"
		"  sealtap restore --from 2026-01-22 --to 2026-01-23 --price\n"
		"  sealtap restore --from 2026-01-22 --to 2026-01-23 --tier Bulk --days 14\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
