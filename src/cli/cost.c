/* cost: what recording costs, by what was recorded: objects and bytes as the bucket lists them, data keys as
 * the objects' contexts number them.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/catalog.h"
#include "cli/columns.h"
#include "cli/prices.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/source.h"
#include "os/clock.h"
#include "record/esdk_header.h"

#define DAY_S 86400.0
#define MONTH_S (DAY_S * 365.25 / 12)
#define GB 1e9
#define TB 1e12
#define WEEK_NS (7 * 86400 * NS_PER_S)
#define HEAD_BYTES 8192u
#define CLASSES_MAX 16u

static struct {
	uint64_t from_ns, to_ns;
	const char *prices;
	bool json;
} o = {.from_ns = UINT64_MAX, .to_ns = UINT64_MAX};

static const struct option_row options[] = {
	{"--from", OPTION_TIME, "TIME", "measured from then on; a week ago, where it is not given",
	 &o.from_ns},
	{"--to", OPTION_TIME, "TIME", "until then", &o.to_ns},
	{"--prices", OPTION_TEXT, "NAME=DOLLARS,...", "your prices instead of the listed ones", &o.prices},
	{"--json", OPTION_FLAG, NULL, "one JSON object", &o.json},
	{.name = NULL},
};

/* What was measured. */
static struct {
	struct prices prices;
	uint64_t objects, bytes, keys, kind_objects[3], kind_bytes[3];
	uint64_t class_objects[CLASSES_MAX], class_bytes[CLASSES_MAX];
	uint64_t first_ns, last_ns, unread; /* unread: streams whose keys are not known */
	struct source_read read;
	uint8_t head[HEAD_BYTES];
} g;

/* ---- measuring */

/* The number of the data key under which the object stands. It is not authenticated: it costs nobody but who
 * reads this. */
static enum err read_keyseq(const struct catalog_object *object, uint64_t *keyseq)
{
	struct esdk_header h;
	struct span value;
	size_t want;
	uint64_t len = object->size_bytes < HEAD_BYTES ? object->size_bytes : HEAD_BYTES;
	if (!len)
		return ERR_TRUNCATED;
	source_start(&g.read, object, 0, len, g.head);
	TRY(source_wait(&g.read));
	TRY(esdk_header_read(span_of(g.head, len), &h, &want));
	TRY(esdk_header_find(h.aad, SPAN("sealtap-keyseq"), &value));
	return text_read_u64(value, UINT32_MAX, keyseq);
}

/* Data keys of a stream of a boot: from its first object here to its last one. */
static void count_keys(const struct catalog_object *first, const struct catalog_object *last)
{
	uint64_t from, to;
	if (read_keyseq(first, &from) || read_keyseq(last, &to) || to < from)
		g.unread++;
	else
		g.keys += to - from + 1;
}

static bool same_stream(const struct catalog_object *a, const struct catalog_object *b)
{
	return a->boot == b->boot && span_eq(a->appliance, b->appliance) && !strcmp(a->stream, b->stream);
}

static void count_object(const struct catalog_object *c)
{
	unsigned class = c->storage < CLASSES_MAX ? c->storage : 0;
	uint64_t end_ns = c->modified_ns > c->start_ns ? c->modified_ns : c->start_ns;
	g.objects++;
	g.bytes += c->size_bytes;
	g.kind_objects[c->kind]++;
	g.kind_bytes[c->kind] += c->size_bytes;
	g.class_objects[class]++;
	g.class_bytes[class] += c->size_bytes;
	if (c->start_ns < g.first_ns)
		g.first_ns = c->start_ns;
	if (end_ns > g.last_ns)
		g.last_ns = end_ns;
}

static void measure(void)
{
	uint32_t first = 0;
	g.first_ns = UINT64_MAX;
	progress_begin("counting", 0);
	for (uint32_t i = 0; i < catalog_count(); i++) {
		const struct catalog_object *c = catalog_at(i);
		if (!c->is_marker)
			count_object(c);
		if (!same_stream(catalog_at(first), c))
			first = i;
		if (i + 1 == catalog_count() || !same_stream(c, catalog_at(i + 1)))
			count_keys(catalog_at(first), c);
	}
	if (g.first_ns < o.from_ns)
		g.first_ns = o.from_ns;
	if (g.last_ns > o.to_ns)
		g.last_ns = o.to_ns;
	progress_end();
}

static double measured_s(void)
{
	double s = g.last_ns > g.first_ns ? (double)(g.last_ns - g.first_ns) / 1e9 : 0;
	return s < 1 ? 1 : s;
}

/* ---- for people */

static void cell(const char *format, double v)
{
	char text[64];
	snprintf(text, sizeof(text), format, v);
	columns_cell(span_str(text));
}

static void rate_row(const char *what, double count, double dollars_each)
{
	double month = count / measured_s() * MONTH_S;
	columns_cell(span_str(what));
	cell("%.0f", count);
	cell("%.1f", count / measured_s() * DAY_S);
	cell("%.0f", month);
	cell("%.2f", month * dollars_each);
	columns_row();
}

static enum exit_status show_rates(void)
{
	static const struct columns_head heads[] = {{"REQUESTS", false},
						    {"IN THIS TIME", true},
						    {"A DAY", true},
						    {"A MONTH", true},
						    {"USD A MONTH", true}};
	const double *d = g.prices.dollars;
	columns_begin(heads, 5, false);
	rate_row("S3 PUT: packets", (double)g.kind_objects[OBJECT_PACKETS], d[PRICE_PUT] / 1000);
	rate_row("S3 PUT: flows", (double)g.kind_objects[OBJECT_FLOWS], d[PRICE_PUT] / 1000);
	rate_row("S3 PUT: log", (double)g.kind_objects[OBJECT_LOG], d[PRICE_PUT] / 1000);
	rate_row("KMS GenerateDataKey", (double)g.keys, d[PRICE_KMS] / 10000);
	columns_cell(SPAN("KMS key"));
	columns_cell(SPAN(""));
	columns_cell(SPAN(""));
	columns_cell(SPAN(""));
	cell("%.2f", d[PRICE_KMS_KEY]);
	columns_row();
	return columns_end();
}

/* The price of a class of storage; -1: it is not among those listed. */
static int price_of_class(unsigned class)
{
	static const struct {
		const char *name;
		int price;
	} rows[] = {{"STANDARD", PRICE_STANDARD},
		    {"STANDARD_IA", PRICE_STANDARD_IA},
		    {"GLACIER_IR", PRICE_GLACIER_IR},
		    {"GLACIER", PRICE_GLACIER},
		    {"DEEP_ARCHIVE", PRICE_DEEP_ARCHIVE}};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, catalog_storage_classes[class]))
			return rows[i].price;
	return -1;
}

static double month_bytes(void)
{
	return (double)g.bytes / measured_s() * MONTH_S;
}

/* Of each class: what lies there now, a month of recordings in it, a TB in it. */
static void storage_row(unsigned class, double dollars)
{
	columns_cell(span_str(catalog_storage_classes[class]));
	columns_u64(g.class_objects[class]);
	columns_bytes(g.class_bytes[class]);
	cell("%.2f", (double)g.class_bytes[class] / GB * dollars);
	cell("%.2f", month_bytes() / GB * dollars);
	cell("%.2f", TB / GB * dollars);
	columns_row();
}

static enum exit_status show_storage(void)
{
	static const struct columns_head heads[] = {
		{"STORAGE", false},           {"OBJECTS", true},  {"BYTES", true}, {"USD A MONTH", true},
		{"A MONTH OF IT, USD", true}, {"A TB, USD", true}};
	columns_begin(heads, 6, false);
	for (unsigned i = 0; i < CLASSES_MAX && strcmp(catalog_storage_classes[i], "OTHER") != 0; i++)
		if (price_of_class(i) >= 0)
			storage_row(i, g.prices.dollars[price_of_class(i)]);
	return columns_end();
}

static void show_head(void)
{
	char text[512];
	uint8_t times[80], amounts[80];
	struct buf t = BUF_OF(times), a = BUF_OF(amounts);
	time_rfc3339(&t, g.first_ns);
	buf_str(&t, " to ");
	time_rfc3339(&t, g.last_ns);
	columns_put_bytes(&a, g.bytes);
	buf_str(&a, " in ");
	text_u64(&a, g.objects);
	buf_str(&a, " objects; ");
	columns_put_bytes(&a, (uint64_t)month_bytes());
	buf_str(&a, " a month at this rate");
	snprintf(text, sizeof(text),
		 "Measured %.*s (%.2f days): "
		 "%.*s.\n\n",
		 (int)t.len, (const char *)times, measured_s() / DAY_S, (int)a.len, (const char *)amounts);
	(void)say_out(span_str(text));
}

static enum exit_status show_foot(void)
{
	char text[1024];
	snprintf(text, sizeof(text),
		 "\nPrices are the list prices of %s as of %s, in US dollars, without tax and "
		 "discounts, of the first\n"
		 "50 TB (%s).\n%s%s"
		 "Not in it: the instance, its interfaces and traffic between zones, CloudWatch, "
		 "reading the objects.\n",
		 g.prices.region, g.prices.as_of, g.prices.source,
		 g.prices.listed ? ""
				 : "The bucket's region has no prices here: give yours with "
				   "--prices.\n",
		 g.unread ? "Of some streams the data keys could not be counted: KMS is too low.\n" : "");
	(void)say_out(span_str(text));
	return say_out_done();
}

/* ---- JSON */

static void put_price_list(struct buf *b)
{
	char text[64];
	buf_str(b, ",\"prices\":{");
	for (unsigned i = 0; i < PRICES; i++) {
		snprintf(text, sizeof(text), "%s\"%s\":%.6g", i ? "," : "", prices_name((enum price)i),
			 g.prices.dollars[i]);
		buf_str(b, text);
	}
	buf_str(b, "}");
}

static enum exit_status show_json(void)
{
	static uint8_t json[4096];
	char text[1024];
	struct buf b = BUF_OF(json);
	const double *d = g.prices.dollars;
	double per_month = MONTH_S / measured_s();
	snprintf(
		text, sizeof(text),
		"{\"seconds\":%.3f,\"objects\":%llu,\"bytes\":%llu,\"data_keys\":%llu,\"bytes_a_month\":%.0f,"
		"\"usd_put_a_month\":%.6f,\"usd_kms_a_month\":%.6f,\"usd_kms_key_a_month\":%.2f,"
		"\"usd_storage_a_month_of_a_month\":%.6f,\"region\":\"%s\",\"listed\":%s,\"as_of\":\"%s\"",
		measured_s(), (unsigned long long)g.objects, (unsigned long long)g.bytes,
		(unsigned long long)g.keys, month_bytes(),
		(double)g.objects * per_month * d[PRICE_PUT] / 1000,
		(double)g.keys * per_month * d[PRICE_KMS] / 10000, d[PRICE_KMS_KEY],
		month_bytes() / GB * d[PRICE_STANDARD], g.prices.region, g.prices.listed ? "true" : "false",
		g.prices.as_of);
	buf_str(&b, text);
	put_price_list(&b);
	buf_str(&b, "}\n");
	(void)say_out(buf_span(&b));
	return say_out_done();
}

/* ---- the command */

static enum exit_status list(char **operands)
{
	struct catalog_filter f = {.from_ns = o.from_ns, .to_ns = o.to_ns};
	f.kinds = 1u << OBJECT_PACKETS | 1u << OBJECT_LOG | 1u << OBJECT_FLOWS;
	enum exit_status status = catalog_read(&f, operands);
	return status || catalog_count() ? status : catalog_nothing();
}

static enum exit_status run(char **operands)
{
	uint64_t now_ns = clock_real_ns();
	if (o.from_ns == UINT64_MAX)
		o.from_ns = operands[0] ? 0 : now_ns - WEEK_NS;
	enum exit_status status = session_begin();
	if (status)
		return status;
	prices_of_region(session_names()->region, &g.prices);
	if (o.prices && prices_override(&g.prices, span_str(o.prices)))
		return say(EXIT_WRONG_USAGE,
			   "--prices %s: standard, standard-ia, glacier-ir, glacier, deep-archive, put, "
			   "get, kms, kms-key, each with =DOLLARS, are wanted, with commas between",
			   say_text(span_str(o.prices)));
	status = list(operands);
	if (status)
		return status;
	measure();
	if (o.json)
		return show_json();
	show_head();
	status = show_rates();
	(void)say_out(SPAN("\n"));
	if (!status)
		status = show_storage();
	return status ? status : show_foot();
}

const struct command cmd_cost = {
	.name = "cost",
	.operands = "[OBJECT|FILE...]",
	.summary = "tell what recording costs, by what was recorded",
	.text = "Objects, bytes and data keys of a time, what they cost, and what a month at this rate\n"
		"would. By list prices of us-east-1, which stand in the program with their date;\n"
		"--prices puts others in their place: standard, standard-ia, glacier-ir, glacier,\n"
		"deep-archive (a GB and month), put, get (1,000), kms (10,000), kms-key (a month).\n\n"
		"  sealtap cost --from -30d\n"
		"  sealtap cost --prices standard=0.021,put=0.0045\n",
	.options = options,
	.common = session_options,
	.operands_max = COMMAND_OPERANDS_MAX,
	.run = run,
};
